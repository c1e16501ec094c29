"""Lists under names, for all who use the installation."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from board import Client, form_token

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.savedviews import MAX_VIEWS, SavedViews


@pytest.fixture(autouse=True)
async def _a_job(commands: Commands) -> None:
    await commands.submit(Submission("resize", "q", b"p", job_id="j1"))


async def send(client: Client, path: str, **fields: str) -> Any:
    return await client.post(path, data={"token": form_token(client), **fields}, allow_redirects=False)


async def shown(client: Client, path: str = "/jobs") -> dict[str, str]:
    """Addresses of saved views by their names."""
    page = await (await client.get(path)).text()
    found = re.findall(r'<span class="view[^>]*><a href="([^"]*)".*?<span class="clip">(.*?)</span>', page)
    return {html.unescape(name): html.unescape(address) for address, name in found}


async def test_a_list_is_kept_under_its_name_and_deleted_again(client: Client) -> None:
    answer = await send(client, "/views", name="  Slow   mails ", query="window=6h&q=fn:mail took:>10s&state=failed")
    kept = "/jobs?function=mail&q=took%3A%3E10s&state=failed&window=6h"
    assert (answer.status, answer.headers["Location"]) == (303, kept)
    assert await shown(client) == {"Slow mails": kept}
    assert 'class="view here"' in await (await client.get(kept)).text()

    answer = await send(client, "/views/delete", name="Slow mails", query="state=queued")
    assert answer.headers["Location"] == "/jobs?state=queued"
    assert await shown(client) == {}


async def test_the_same_name_means_the_other_list_from_then_on(client: Client) -> None:
    await send(client, "/views", name="mine", query="state=failed")
    await send(client, "/views", name="mine", query="")

    assert await shown(client) == {"mine": "/jobs"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"name": ""}, "name"), ({"name": "x" * 61}, "name"), ({"name": "a\x00b"}, "name"),
     ({"name": "x", "query": "state=wild"}, "query"), ({"name": "x", "query": "q=foo:bar"}, "query"),
     ({"name": "x", "query": "x"}, "query"), ({"name": "x", "query": "q=" + "x" * 5000}, "query")],
)  # fmt: skip
async def test_what_is_no_name_or_no_list_is_refused(client: Client, fields: dict[str, str], named: str) -> None:
    answer = await send(client, "/views", **{"query": "", **fields})

    assert answer.status == 422
    assert await shown(client) == {}


async def test_there_are_only_so_many(client: Client, redis: Any, keys: Keys) -> None:
    views = SavedViews(redis, keys)
    for n in range(MAX_VIEWS):
        await views.save(f"view {n}", "")

    assert (await send(client, "/views", name="one more", query="")).status == 409
    assert (await send(client, "/views", name="view 1", query="state=failed")).status == 303
    assert len(await shown(client)) == MAX_VIEWS


async def test_what_somebody_else_wrote_into_redis_is_left_out(client: Client, redis: Any, keys: Keys) -> None:
    await redis.hset(
        keys.views, mapping={"<b>bad</b>": '"><script>', "x" * 100: "", "js": "javascript:alert(1)", "<i>ok</i>": ""}
    )

    page = await (await client.get("/jobs")).text()
    assert await shown(client) == {"<i>ok</i>": "/jobs"}
    assert "<i>ok" not in page
    await redis.delete(keys.views)
    await redis.set(keys.views, "no hash")
    assert (await client.get("/jobs")).status == 200


# For programs


async def test_programs_keep_list_and_delete_views(client: Client) -> None:
    told = {"name": " Slow  mails", "query": "state=failed&q=fn:mail took:>10s"}
    answer = await client.post("/api/v1/views", json=told)
    kept = {"name": "Slow mails", "query": "function=mail&q=took%3A%3E10s&state=failed"}
    kept["page"] = f"/jobs?{kept['query']}"
    assert (answer.status, await answer.json()) == (201, kept)
    assert await (await client.get("/api/v1/views")).json() == {"views": [kept]}
    assert await shown(client) == {"Slow mails": kept["page"]}

    assert (await client.delete("/api/v1/views/Slow%20mails")).status == 204
    gone = await client.delete("/api/v1/views/Slow%20mails")
    assert (gone.status, (await gone.json())["error"]["code"]) == (404, "view_not_found")
    assert await (await client.get("/api/v1/views")).json() == {"views": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "query": ""}, "name"),
        ({"name": "x" * 61, "query": ""}, "name"),
        ({"name": "a", "query": "state=nope"}, "query"),
        ({"name": "a"}, "query"),
        ({"name": "a", "query": "", "more": 1}, "more"),
    ],
)
async def test_what_is_no_view_is_refused_by_its_key(client: Client, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/api/v1/views", json=body)
    assert (answer.status, (await answer.json())["error"]["field"]) == (422, field)
