"""The pages as a browser without scripts uses them, and what htmx gets instead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from board import Client, MakeClient, forget, form_token

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Claimed, Commands, Ended, Submission
from arqboard_dashboard.appkeys import OVERVIEW

QUEUE = "arq:queue"
HTMX = {"HX-Request": "true"}


async def start(commands: Commands) -> Claimed:
    return (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]


async def fail(commands: Commands) -> str:
    """Run the oldest waiting job to a failure."""
    attempt = await start(commands)
    ended = Ended(attempt.job_id, attempt.token, Outcome.FAILED, error_type="OSError", error="no disk")
    await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)
    return attempt.job_id


async def put(commands: Commands, job_id: str = "j1", **more: Any) -> str:
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id=job_id, **more))
    return job_id


async def act(client: Client, path: str, headers: Any = None, **fields: str) -> Any:
    return await client.post(path, data={"token": form_token(client), **fields}, headers=headers, allow_redirects=False)


async def test_a_job_is_started_from_its_form_and_shown(client: Client, reader: Reader) -> None:
    form = await (await client.get("/jobs/new?fn=resize")).text()
    assert 'name="arg.folder"' in form
    assert form_token(client) in form

    answer = await act(
        client, "/jobs", function="resize", **{"arg.folder": "/in", "arg.width": "200", "arg.sharpen": "on"}
    )
    assert answer.status == 303

    page = await client.get(answer.headers["Location"])
    assert page.status == 200
    assert "resize" in await page.text()
    job = await reader.get(answer.headers["Location"].rpartition("/")[2])
    assert (job.kwargs, job.source) == ({"folder": "/in", "width": 200, "sharpen": True}, "dashboard")


async def test_a_form_that_does_not_fit_comes_back_as_typed(client: Client, redis: Any, keys: Keys) -> None:
    answer = await act(
        client, "/jobs", function="resize", **{"arg.folder": "<b>", "arg.width": "many", "arg.options": "{,}"}
    )

    text = await answer.text()
    assert answer.status == 422
    assert 'value="many"' in text
    assert 'value="&lt;b&gt;"' in text
    assert "is not a number" in text
    assert "line 1, column 2" in text
    assert await redis.zcard(keys.jobs()) == 0


async def test_htmx_gets_the_form_alone(client: Client) -> None:
    answer = await act(client, "/jobs", HTMX, function="resize")

    text = await answer.text()
    assert answer.status == 422
    assert text.lstrip().startswith("<form")
    assert "<html" not in text


@pytest.mark.parametrize(
    ("option", "status"),
    [({"opt.queue": "nowhere"}, 422), ({"opt.defer_by": "-1"}, 422), ({"opt.defer_by": "1_0"}, 422),
     ({"opt.defer_by": "nan"}, 422), ({"opt.job_id": "a b"}, 422), ({"opt.job_id": "taken"}, 409)],
)  # fmt: skip
async def test_a_bad_option_comes_back_too(
    client: Client, commands: Commands, option: dict[str, str], status: int
) -> None:
    await put(commands, "taken")

    answer = await act(client, "/jobs", function="nothing", **option)

    assert answer.status == status
    assert next(iter(option.values())) in await answer.text()


async def test_wrong_arguments_and_wrong_options_are_told_at_once(client: Client) -> None:
    fields = {"arg.folder": "/in", "arg.width": "0", "opt.job_id": "a b", "opt.defer_by": ""}

    text = await (await act(client, "/jobs", function="resize", **fields)).text()

    assert "2 fields need a fix" in text
    for name in ("f-width", "o-job_id"):
        assert f'href="#{name}"' in text
        assert f'id="error-{name}"' in text


async def test_an_unknown_function_is_not_found_by_name(client: Client) -> None:
    for answer in (await client.get("/jobs/new?fn=resise"), await act(client, "/jobs", function="resise")):
        assert answer.status == 404
        assert "resize" in await answer.text()


async def test_a_job_is_run_again_from_a_filled_in_form(client: Client, commands: Commands) -> None:
    await put(commands, args="[]", kwargs='{"folder": "/in", "width": 123, "sharpen": false}')

    text = await (await client.get("/jobs/new?again=j1")).text()

    assert 'value="/in"' in text
    assert 'value="123"' in text
    assert (await client.get("/jobs/new?again=nobody")).status == 404


async def test_the_list_shows_what_is_asked_for(client: Client, commands: Commands) -> None:
    for n in range(3):
        await put(commands, f"job{n}")
    await fail(commands)

    assert (await (await client.get("/jobs")).text()).count('role="row"') >= 3
    failed = await (await client.get("/jobs?state=failed")).text()
    assert ("job0" in failed, "job1" in failed) == (True, False)
    first = await (await client.get("/jobs?limit=2")).text()
    older = re.search(r'href="(/jobs\?[^"]*after=[^"]+)"', first)
    assert older
    assert "job0" in await (await client.get(older[1].replace("&amp;", "&"))).text()


async def test_the_first_run_and_an_empty_list_are_told_apart(client: Client, commands: Commands) -> None:
    first = await (await client.get("/jobs")).text()
    await put(commands)
    await forget(client)
    empty = await (await client.get("/jobs?function=nobody")).text()

    assert first != empty
    assert "nobody" in empty


@pytest.mark.parametrize(
    ("typed", "location"), [("resize", "/jobs?function=resize"), ("a/b", "/jobs/a%2Fb"), ("x:1", "/jobs/x%3A1")]
)
async def test_the_search_box_knows_functions_and_ids(
    client: Client, commands: Commands, typed: str, location: str
) -> None:
    await put(commands, "a/b")
    await put(commands, "x:1")

    answer = await client.get("/jobs", params={"q": typed}, allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, location)


@pytest.mark.parametrize("query", ["state=wild", "limit=-1", "after=x", "function=%00" + "x" * 600])
async def test_bad_filters_are_refused_with_a_page(client: Client, query: str) -> None:
    answer = await client.get(f"/jobs?{query}")

    assert (answer.status, answer.content_type) == (422, "text/html")


async def test_an_unknown_job_has_a_page_that_says_so(client: Client) -> None:
    answer = await client.get("/jobs/nobody")

    assert answer.status == 404
    assert "No job &#34;nobody&#34;" in await answer.text()


# Actions


async def test_without_scripts_an_action_leads_back_and_says_what_it_did(client: Client, commands: Commands) -> None:
    await put(commands)

    answer = await act(client, "/jobs/j1/abort")
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs/j1")

    page = await client.get("/jobs/j1")
    assert "The job has been aborted." in await page.text()
    assert "The job has been aborted." not in await (await client.get("/jobs/j1")).text()


async def test_a_forged_flash_says_nothing(client: Client) -> None:
    page = await client.get("/jobs", headers={"Cookie": "arqboard_flash=<b>you won</b>"})

    assert "you won" not in await page.text()


async def test_htmx_gets_the_row_from_the_list_and_the_hero_from_the_page(client: Client, commands: Commands) -> None:
    await put(commands)
    await fail(commands)

    row = await act(client, "/jobs/j1/retry", {**HTMX, "HX-Target": "div#job-j1"})
    hero = await act(client, "/jobs/j1/abort", {**HTMX, "HX-Target": "section#hero-j1"})

    assert (row.status, hero.status) == (200, 200)
    assert 'id="job-j1"' in await row.text()
    assert 'id="hero-j1"' in await hero.text()


async def test_a_deleted_job_leaves_the_list_or_its_page(client: Client, commands: Commands) -> None:
    for job_id in ("j1", "j2", "j3"):
        await put(commands, job_id)

    row = await act(client, "/jobs/j1/delete", {**HTMX, "HX-Target": "div#job-j1"})
    page = await act(client, "/jobs/j2/delete", {**HTMX, "HX-Target": "section#hero-j2"})
    plain = await act(client, "/jobs/j3/delete")

    assert 'hx-swap-oob="delete"' in await row.text()
    assert page.headers["HX-Redirect"] == "/jobs"
    assert plain.headers["Location"] == "/jobs"
    assert (await client.get("/jobs/j3")).status == 404


async def test_a_refused_action_is_a_note_in_the_corner_and_not_a_page_in_a_row(
    client: Client, commands: Commands, caplog: pytest.LogCaptureFixture
) -> None:
    await put(commands)
    await start(commands)

    answer = await act(client, "/jobs/j1/retry", {**HTMX, "HX-Target": "div#job-j1"})

    assert answer.status == 409
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#toasts", "beforeend")
    text = await answer.text()
    assert text.lstrip().startswith('<div class="toast bad" role="alert">')
    assert "Only a failed or aborted job can be retried." in text
    assert "<html" not in text
    assert not caplog.records
    assert (await act(client, "/jobs/j1/retry")).status == 409


# What surrounds a page


async def test_slots_that_a_lost_worker_took_are_not_counted_as_busy(
    client: Client, commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    now = await reader.now_ms()
    for name, seen, running in (("w1", now - 60_000, '["j0", "j1", "j2"]'), ("w2", now, '["j3"]')):
        await redis.zadd(keys.workers, {name: seen})
        await redis.hset(keys.worker(name), mapping={"queue": QUEUE, "slots": "4", "running": running})
    for n in range(4):
        await put(commands, f"j{n}")
        await start(commands)

    page = await (await client.get("/jobs")).text()

    assert "1 worker, 25% busy" in page


async def test_what_is_not_known_is_not_shown_as_nothing(make_client: MakeClient) -> None:
    client = await make_client(redis_url="redis://127.0.0.1:1/0", redis=None)

    page = await (await client.get("/jobs")).text()

    assert "Redis is away" in page
    assert "No worker is running" not in page
    assert "Queued" not in page


async def test_light_and_dark_are_kept_and_lead_back(client: Client) -> None:
    headers = {"Referer": str(client.make_url("/jobs?state=failed"))}
    answer = await client.post(
        "/preferences", data={"token": form_token(client), "theme": "dark"}, headers=headers, allow_redirects=False
    )

    assert answer.headers["Location"] == "/jobs?state=failed"
    assert 'data-theme="dark"' in await (await client.get("/jobs")).text()
    await act(client, "/preferences", theme="")
    assert "data-theme" not in await (await client.get("/jobs")).text()


async def test_a_page_asks_redis_little(
    make_client: MakeClient, redis: Any, functions: Any, commands: Commands
) -> None:
    """O(rows) commands in few round trips, and no command that walks over keys."""
    client = await make_client()
    for n in range(30):
        await put(commands, f"j{n}")
    await client.get("/jobs")
    await forget(client)
    await redis.config_resetstat()

    await client.get("/jobs?limit=20")

    stats = await redis.info("commandstats")
    assert not {"cmdstat_keys", "cmdstat_scan", "cmdstat_eval"} & set(stats)
    assert 20 <= stats["cmdstat_hmget"]["calls"] <= 30  # a row each, and the last minutes of the charts
    assert stats["cmdstat_zcard"]["calls"] < 40


async def test_a_burst_of_pages_shares_what_surrounds_them(client: Client) -> None:
    import asyncio

    readings: list[int] = []
    side = client.app[OVERVIEW].side
    read = side._read  # pyright: ignore[reportPrivateUsage] - to count

    async def counted() -> Any:
        readings.append(1)
        return await read()

    side._read = counted  # pyright: ignore[reportPrivateUsage]
    await asyncio.gather(*(client.get("/jobs") for _ in range(20)))

    assert len(readings) <= 2


HOSTILE = '"><script>alert(1)</script><div hx-post="/jobs/x/abort" hx-trigger="load">\u202e\x00\x1b[31m'


async def test_what_a_worker_wrote_stays_text(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    import json

    await put(commands, HOSTILE, args=json.dumps([HOSTILE]))
    await redis.hset(
        keys.job(HOSTILE),
        mapping={"error_type": HOSTILE, "error": HOSTILE, "traceback": HOSTILE, "state": "failed", "note": HOSTILE,
                 "reported": "1764000000000", "result": json.dumps("\ud800" + HOSTILE), "worker": HOSTILE},
    )  # fmt: skip
    from yarl import URL

    from arqboard_dashboard.place import job_page

    pages = ["/jobs", job_page(client.app, HOSTILE)]
    for path in pages:
        answer = await client.get(URL(path, encoded=True))
        text = await answer.text()
        assert answer.status == 200
        assert "<script>alert" not in text
        assert '<div hx-post="/jobs/x/abort"' not in text


async def test_an_unreadable_record_spoils_its_own_row_only(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await put(commands, "good")
    await put(commands, "bad")
    await redis.hset(keys.job("bad"), "state", "confused")

    page = await client.get("/jobs")
    text = await page.text()

    assert page.status == 200
    assert "good" in text
    assert "nreadable" in text
    assert (await client.get("/jobs/bad")).status == 422
