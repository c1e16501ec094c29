"""The list of jobs as a browser without scripts uses it: search, order, pages, windows, what is said of mistakes."""

from __future__ import annotations

import html as html_module
import re
from typing import Any

import pytest
from board import Client, forget

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol import listing as listing_module
from arqboard.protocol.commands import Commands, Ended, Submission

QUEUE = "arq:queue"


async def put(commands: Commands, n: int, function: str = "resize", kwargs: str = '{"user_id": 1}') -> list[str]:
    made = [Submission(function, QUEUE, b"p", job_id=f"{function}{i:02}", kwargs=kwargs) for i in range(n)]
    return [(await commands.submit(submission)).job_id for submission in made]


async def fail_all(commands: Commands) -> None:
    while jobs := (await commands.claim(QUEUE, "w1", 10, lease_ms=10_000, max_crashes=3)).jobs:
        for job in jobs:
            ended = Ended(job.job_id, job.token, Outcome.FAILED, error_type="TimeoutError", error="page load")
            await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)


async def show(client: Client, path: str = "/jobs", status: int = 200, **query: str) -> str:
    answer = await client.get(path, params=query)
    assert answer.status == status, await answer.text()
    return html_module.unescape(await answer.text())


def ids(page: str) -> list[str]:
    return re.findall(r'id="job-([^"]+)"', page)


def link(page: str, words: str) -> str:
    """Where a link with these words leads."""
    for address, inside in re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page, flags=re.DOTALL):
        if words in re.sub(r"<[^>]+>", "", inside).strip():
            return str(address)
    raise AssertionError(f'no link says "{words}"')


# Search


async def test_what_is_typed_becomes_a_chip_in_the_address(client: Client, commands: Commands) -> None:
    await put(commands, 3)
    await put(commands, 2, "total", '{"user_id": 42}')

    answer = await client.get("/jobs", params={"add": "args.user_id:42", "q": "tot*", "state": "queued"})
    page = html_module.unescape(await answer.text())

    assert answer.url.query == {"q": "tot* args.user_id:42", "state": "queued"}
    assert link(page, "").startswith("#page")
    assert 'data-term="args.user_id:42"' in page
    assert 'href="/jobs?q=tot%2A&state=queued" data-term="args.user_id:42"' in page


async def test_what_an_index_answers_goes_to_its_filter(client: Client, commands: Commands) -> None:
    await put(commands, 2)

    answer = await client.get("/jobs", params={"add": "fn:resize state:queued queue:arq:queue user_id"})

    assert answer.url.query == {"function": "resize", "q": "user_id", "queue": "arq:queue", "state": "queued"}
    assert ids(await answer.text()) == ["resize01", "resize00"]


async def test_a_pasted_id_opens_its_job_and_a_name_its_function(client: Client, commands: Commands) -> None:
    await put(commands, 1)

    answer = await client.get("/jobs", params={"q": "x", "add": " resize00 "})
    assert answer.url.path == "/jobs/resize00"
    answer = await client.get("/jobs", params={"add": "resize"})
    assert answer.url.query == {"function": "resize"}


async def test_a_search_says_how_many_it_found_and_how_far_it_looked(
    client: Client, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "MAX_LOOKED", 20)
    monkeypatch.setattr(listing_module, "BATCH", 10)
    await put(commands, 1, "total")
    await put(commands, 30)

    page = await show(client, q="fn:tot*")
    assert "Nothing found yet" in page
    assert "0 jobs match in the 20 looked at" in page
    assert "Looked at 20 jobs, back to" in page
    further = await show(client, link(page, "Look further"))
    assert ids(further) == ["total00"]
    assert "Looked at 11 jobs, to the end of the list" in further
    assert ids(await show(client, link(further, "Newest"))) == []


async def test_a_bad_search_is_kept_and_pointed_at(client: Client, commands: Commands) -> None:
    await put(commands, 2)

    answer = await client.get("/jobs", params={"q": "user_id", "add": "mail foo:bar"})
    page = html_module.unescape(await answer.text())

    assert answer.status == 422
    assert 'value="mail foo:bar"' in page
    assert "mail <mark>foo:bar</mark>" in page
    assert 'there is no "foo:"' in page
    assert 'data-term="user_id"' in page
    assert 'aria-invalid="true"' in page
    assert 'data-live="list:' not in page


async def test_a_bad_search_in_the_address_is_shown_as_well(client: Client, commands: Commands) -> None:
    await put(commands, 1)
    page = await show(client, status=422, q='fn:"never')

    assert "never closed" in page
    assert '<mark>"never</mark>' in page


async def test_what_is_searched_for_stays_text(client: Client, commands: Commands) -> None:
    await put(commands, 1)
    for query in ({"q": '"<img src=x>"'}, {"q": "<b>x", "add": 'fn:"<img src=x>'}):
        answer = await client.get("/jobs", params=query)
        assert "<img src=x" not in await answer.text()
        assert "<b>x" not in await answer.text()


async def test_tabs_count_within_a_time_and_not_within_a_search(
    client: Client, commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    await put(commands, 3)
    old = await reader.now_ms() - 7_200_000
    await redis.zadd(keys.jobs("queued"), {"resize00": old})

    counts = r'<span class="ct[^"]*">(\d+)</span>'
    assert re.findall(counts, await show(client, q="since:1h"))[0] == "2"
    assert re.findall(counts, await show(client, q="user_id")) == []


async def test_nothing_found_names_every_filter_and_how_to_drop_it(client: Client, commands: Commands) -> None:
    await put(commands, 1)
    page = await show(client, q="nobody error:x", state="failed")

    assert "No job matches" in page
    assert link(page, "state: failed") == "/jobs?q=nobody+error%3Ax"
    assert link(page, "error:x") == "/jobs?q=nobody&state=failed"


# Order and pages


async def test_newer_and_older_lead_both_ways(client: Client, commands: Commands) -> None:
    made = await put(commands, 25)
    first = await show(client, limit="10")
    second = await show(client, link(first, "Older"))
    third = await show(client, link(second, "Older"))

    assert ids(first) + ids(second) + ids(third) == made[::-1]
    assert ids(await show(client, link(third, "Newer"))) == ids(second)
    back = await show(client, link(second, "Newer"))
    assert ids(back) == ids(first)
    assert 'data-first-page="true"' in back
    assert 'data-first-page="false"' in second


async def test_the_oldest_can_come_first(client: Client, commands: Commands) -> None:
    made = await put(commands, 3)
    page = await show(client)
    assert 'aria-sort="descending"' in page

    turned = await show(client, link(page, "Enqueued"))
    assert ids(turned) == made
    assert 'aria-sort="ascending"' in turned
    assert ids(await show(client, link(turned, "Enqueued"))) == made[::-1]


async def test_the_order_of_a_state_is_said(client: Client, commands: Commands) -> None:
    await put(commands, 2)
    await fail_all(commands)
    await forget(client)

    page = await show(client, state="failed")
    assert "ordered by when they failed" in page
    assert "aria-sort" not in page


@pytest.mark.parametrize("query", ["sort=best", "window=2h", "before=x", "q=%00x%ff"])
async def test_a_bad_parameter_is_named(client: Client, query: str) -> None:
    answer = await client.get(f"/jobs?{query}")
    name = query.partition("=")[0]

    assert answer.status in (422, 200) if name == "q" else answer.status == 422


# Windows


async def test_the_window_is_kept_by_every_link_of_the_page(client: Client, commands: Commands) -> None:
    await put(commands, 3)
    page = await show(client, window="6h", q="user_id", limit="2")

    for words in ("Succeeded", "Older", "6 h".replace(" ", "\u00a0")):
        assert "window=6h" in link(page, words)
    assert 'data-live="tabs:limit=2&q=user_id&window=6h"' in page
    assert 'data-live="list:limit=2&q=user_id"' in page
    assert 'data-live="charts:6h"' in page
    assert 'name="window" value="6h"' in page
    assert "window" not in link(page, "1\u00a0h")


async def test_charts_are_of_the_function_that_is_asked_for(client: Client, commands: Commands) -> None:
    await put(commands, 2)
    await put(commands, 3, "total")
    await fail_all(commands)
    await forget(client)

    page = await show(client, function="total")
    assert 'data-live="charts:1h/total"' in page
    assert "0 done, 0 retried, 3 failed" in page
    assert "0 done, 0 retried, 5 failed" in await show(client)


async def test_charts_are_of_the_queue_that_is_asked_for(client: Client, commands: Commands) -> None:
    await put(commands, 2)
    await fail_all(commands)
    await forget(client)

    page = await show(client, queue=QUEUE)
    assert f'data-live="charts:1h@{QUEUE}"' in page
    assert "0 done, 0 retried, 2 failed" in page
    assert "The charts" not in page
    assert "0 done, 0 retried, 0 failed" in await show(client, queue="elsewhere")


async def test_charts_say_what_they_can_not_follow(client: Client, commands: Commands) -> None:
    await put(commands, 1)

    assert "by queue is counted for a day" in await show(client, queue=QUEUE, window="7d")
    both = await show(client, queue=QUEUE, function="resize")
    assert "counted by function or by queue, not by both" in both
    assert 'data-live="charts:1h/resize"' in both
    assert "do not follow the search" in await show(client, q="tag:import")
    for address in ("/jobs", "/jobs?q=since:1h", "/jobs?state=queued"):
        assert "The charts" not in await show(client, address)


async def test_a_tag_in_a_row_leads_to_the_jobs_that_have_it(client: Client, commands: Commands) -> None:
    tags = ("import", "customer:42", "nightly", "eu")
    await commands.submit(Submission("resize", QUEUE, b"p", job_id="j1", tags=tags))
    await commands.submit(Submission("resize", QUEUE, b"p", job_id="plain"))

    page = await show(client)

    assert re.findall(r'class="tag jtag" href="([^"]*)"', page) == ["/jobs?q=tag%3Aimport"]
    assert 'title="customer:42, nightly, eu">+3</span>' in page
    found = await show(client, q="tag:customer:42")
    assert 'id="job-j1"' in found and 'id="job-plain"' not in found
    assert "ordered by when they were enqueued" in found
    assert "ordered by when they were enqueued" in await show(client, q="tag:customer:42", state="queued")


# Density


async def test_rows_can_be_compact(client: Client, commands: Commands) -> None:
    await put(commands, 1)
    page = await show(client)
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    headers = {"Referer": str(client.make_url("/jobs?q=user_id"))}
    answer = await client.post(
        "/preferences", data={"token": token, "density": "compact"}, headers=headers, allow_redirects=False
    )

    assert answer.headers["Location"] == "/jobs?q=user_id"
    assert 'data-density="compact"' in await show(client)
