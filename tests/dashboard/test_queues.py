"""The pages of queues: what they show in every state, what can be done there, and their live parts."""

from __future__ import annotations

from typing import Any

import pytest
from board import Client, are_pushed_as_shown, forget, own_origin, page_text, post_form
from floor_data import QUEUE, beat, claim, submit

from arqboard.protocol import Keys, Outcome, QueueInfo
from arqboard.protocol.commands import Commands, Ended
from arqboard.protocol.queues import QueueCounts
from arqboard_dashboard.appkeys import QUEUE_BOARD
from arqboard_dashboard.fragments import METERS_OF_PAGES
from arqboard_dashboard.queue_history import QueueHistory
from arqboard_dashboard.queue_views import STUCK_MS, ChartBucket, QueueRow
from arqboard_dashboard.strips import wait_top

MINUTE = 60_000
NOW = 29_000_000 * MINUTE + MINUTE // 2
WAITED_1S = tuple(int(n == 10) for n in range(22))


async def text(client: Client, path: str, status: int = 200) -> str:
    """A page as it is now, not as it was a second ago."""
    await forget(client)
    client.app[QUEUE_BOARD].all.expire()
    return await page_text(client, path, status)


# What a row says


def row(counts: list[QueueCounts], **info: Any) -> QueueRow:
    given: dict[str, Any] = {"queued": 0, "running": 0, "deferred": 0, "retrying": 0, "oldest": None}
    minutes = [QueueCounts()] * (60 - len(counts)) + counts
    workers = info.pop("workers", 1)
    return QueueRow(QueueInfo(name="q", **{**given, **info}), workers, 0, 4, minutes, NOW)


def minute(came: int, started: int) -> QueueCounts:
    return QueueCounts(submitted=came, wait=tuple(started if n == 3 else 0 for n in range(22)))


def test_rates_are_taken_over_five_minutes_of_which_the_last_is_not_over() -> None:
    found = row([minute(100, 0), minute(40, 20), *[minute(10, 20)] * 4, minute(5, 10)])
    assert found.came_per_minute == (40 / 2 + 4 * 10 + 5) / 5
    assert found.started_per_minute == (20 / 2 + 4 * 20 + 10) / 5
    assert row([]).came_per_minute == 0


def flow(came: int, started: int) -> list[QueueCounts]:
    """The same each minute, until now, which is in the middle of one."""
    return [minute(came, started)] * 6 + [minute(came // 2, started // 2)]


def test_a_queue_that_loses_more_than_it_gets_says_when_it_is_empty() -> None:
    outlook = row(flow(10, 20), queued=100).outlook
    assert (outlook.trend, outlook.seconds) == ("drains", 600)
    assert row(flow(0, 120), queued=100).outlook.seconds == 50, "to 5 s"
    assert row(flow(0, 10), retrying=20, queued=23).outlook.seconds == 240, "to minutes"
    assert row(flow(0, 10), retrying=900, queued=100).outlook.seconds == 6000, "to tens of minutes"


def test_a_queue_that_gets_more_than_it_loses_says_by_how_much() -> None:
    outlook = row(flow(30, 10), queued=5).outlook
    assert (outlook.trend, outlook.per_minute) == ("grows", 20)
    assert row(flow(100, 102), queued=5).outlook.trend == "steady"


@pytest.mark.parametrize(
    ("info", "trend"),
    [
        ({"queued": 5, "paused": 1}, "paused"),
        ({"queued": 5, "paused": 1, "workers": 0}, "paused"),
        ({"queued": 5, "workers": 0}, "alone"),
        ({"workers": 0, "running": 3}, "empty"),
        ({"queued": 5, "oldest": NOW - STUCK_MS - 1}, "stuck"),
        ({"queued": 5, "oldest": NOW - STUCK_MS + 1}, "steady"),
    ],
)
def test_what_holds_a_queue_back_comes_before_any_guess(info: dict[str, Any], trend: str) -> None:
    assert row([], **info).outlook.trend == trend


def test_waits_are_those_of_the_last_hour() -> None:
    assert row([]).waits is None
    assert row([QueueCounts(wait=WAITED_1S)] * 3).waits == (1024.0, 1024.0)


# The history is read once


async def test_minutes_that_are_over_are_not_read_again(redis: Any, keys: Keys) -> None:
    history = QueueHistory(redis, keys)

    async def reads(now: int, count: int, epoch: str = "e") -> int:
        await redis.config_resetstat()
        await history.last(["a", "b"], now, count, epoch)
        return int((await redis.info("commandstats"))["cmdstat_hmget"]["calls"])

    assert await reads(NOW, 60) == 60
    assert await reads(NOW, 60) == 2
    assert await reads(NOW + MINUTE, 60) == 3
    assert await reads(NOW + MINUTE, 120) == 120, "more than is known"
    assert await reads(NOW + MINUTE, 60) == 2
    assert await reads(NOW + 300 * MINUTE, 60) == 60, "what is known ends before"
    assert await reads(NOW + 300 * MINUTE, 60, "other data") == 60


async def test_a_gap_in_which_nobody_looked_is_not_taken_for_quiet(redis: Any, keys: Keys) -> None:
    history, last = QueueHistory(redis, keys), NOW // MINUTE
    await history.last(["a"], NOW, 60, "e")
    await redis.hset(keys.stats(last + 70), "@submitted|a", 7)
    await history.last(["a"], NOW + 100 * MINUTE, 10, "e")

    found = (await history.last(["a"], NOW + 101 * MINUTE, 60, "e"))["a"]
    assert sum(counts.submitted for counts in found) == 7
    assert found[-32].submitted == 7


# Pages


async def test_without_a_queue_the_page_says_how_one_comes(client: Client) -> None:
    page = await text(client, "/queues")
    assert "No queue yet" in page and "arqboard-worker" in page


async def test_the_list_shows_depth_waits_rates_and_slots(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1", slots=4, running='["a"]')
    for job_id in "abc":
        await submit(commands, job_id)
    await claim(commands, want=1)
    await submit(commands, "d", defer_ms=60_000)
    page = await text(client, "/queues")
    assert 'href="/queues/arq%3Aqueue"' in page
    assert "1 running, 2 queued, 0 to be retried, 1 deferred" in page
    assert "1 / 4 slots" in page and "1 worker" in page
    assert "p50" in page and "p95" in page and "looks calm" in page
    assert 'href="/jobs?queue=arq%3Aqueue&amp;state=queued"' in page


async def test_a_queue_without_a_worker_is_a_warning_unless_it_is_paused(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    assert "No worker listens" in await text(client, "/queues")
    assert "1 job waits and no worker listens" in await text(client, f"/queues/{QUEUE}")
    await commands.pause("queue", QUEUE)
    page = await text(client, "/queues")
    assert "No worker listens" not in page and "Paused" in page


async def test_a_queues_page_shows_its_functions_with_what_holds_them_back(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await redis.hset(keys.limits, "resize", "1|100|5")
    await beat(redis, commands, "w1")
    for job_id in "abc":
        await submit(commands, job_id)
    [attempt] = await claim(commands)
    page = await text(client, f"/queues/{QUEUE}?span=6h")
    assert "1 at once" in page and "10/s, burst 5" in page and "2 held back" in page
    assert 'href="/workers/w1"' in page
    assert '<a href="/queues/arq%3Aqueue?span=6h" aria-current="true">6\u00a0h</a>' in page

    await commands.finish([Ended(attempt.job_id, attempt.token, Outcome.FAILED)], keep_jobs=9, keep_jobs_ms=10**9)
    page = await text(client, f"/queues/{QUEUE}")
    assert "3 jobs came and 1 ended, 1 of them failed" in page
    assert 'state=failed"' in page


async def test_hostile_names_stay_text(client: Client, commands: Commands) -> None:
    await submit(commands, "a", queue='<b>"q"/é', function="<i>f")
    page = await text(client, "/queues")
    assert "<b>" not in page.replace("<b>1</b>", "").replace('<b class="num">', "") and "&lt;b&gt;" in page
    page = await text(client, "/queues/%3Cb%3E%22q%22%2F%C3%A9")
    assert "<i>" not in page and "&lt;b&gt;" in page


async def test_what_is_not_there_and_what_makes_no_sense_is_said(client: Client, commands: Commands) -> None:
    assert "There is no queue" in await text(client, "/queues/none", 404)
    await submit(commands, "a")
    page = await text(client, f"/queues/{QUEUE}?span=2y", 422)
    assert "2y" in page and "1h, 6h, 24h" in page


# Actions


async def test_a_queue_is_paused_and_resumed_in_its_row(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    htmx = {"HX-Request": "true", "HX-Target": "div#queue-x"}
    answer = await post_form(client, f"/queues/{QUEUE}/pause", **htmx)
    said = await answer.text()
    assert answer.status == 200 and 'role="row"' in said and "Paused" in said and "/resume" in said
    assert await claim(commands) == []
    said = await (await post_form(client, f"/queues/{QUEUE}/resume", **htmx)).text()
    assert "Paused" not in said and "/pause" in said
    assert len(await claim(commands)) == 1


async def test_at_the_top_of_its_page_the_answer_is_that_part(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    answer = await post_form(
        client, f"/queues/{QUEUE}/pause", **{"HX-Request": "true", "HX-Target": "div#queue-head-x1"}
    )
    assert "<h1" in await answer.text()


async def test_without_javascript_one_comes_back_to_where_the_form_was(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    answer = await post_form(client, f"/queues/{QUEUE}/pause", Referer=f"{own_origin(client)}/queues")
    assert (answer.status, answer.headers["Location"]) == (303, "/queues")
    answer = await post_form(client, f"/queues/{QUEUE}/resume", Referer=f"{own_origin(client)}/queues/{QUEUE}")
    assert answer.headers["Location"] == "/queues/arq%3Aqueue"
    assert "goes on" in await text(client, "/queues")


async def test_a_function_is_paused_in_all_queues(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    answer = await post_form(client, f"/queues/{QUEUE}/functions/resize/pause", **{"HX-Request": "true"})
    assert "Paused" in await answer.text() and await claim(commands) == []
    answer = await post_form(client, f"/queues/{QUEUE}/functions/resize/resume")
    assert answer.status == 303 and len(await claim(commands)) == 1


@pytest.mark.parametrize("path", ["/queues/none/pause", "/queues/none/resume", f"/queues/{QUEUE}/functions/none/pause"])
async def test_what_does_not_exist_cannot_be_held(client: Client, commands: Commands, path: str) -> None:
    await submit(commands, "a")
    assert (await post_form(client, path)).status == 404


# Live parts


async def test_each_part_of_a_page_is_pushed_as_the_page_has_it(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    await submit(commands, "a")
    for page, names in {
        "/queues": ["queues", f"queue:{QUEUE}"],
        f"/queues/{QUEUE}": [
            *(f"queue-{part}:{QUEUE}" for part in ("head", "functions", "workers")), f"queue-charts:1h/{QUEUE}",
        ],
    }.items():  # fmt: skip
        await are_pushed_as_shown(client, await text(client, page), names)


async def test_a_part_of_a_queue_that_is_gone_is_left_as_it_is(client: Client) -> None:
    assert await METERS_OF_PAGES["queue"].read(client.app, "gone") == ""
    assert await METERS_OF_PAGES["queue-head"].read(client.app, "gone") == ""


@pytest.mark.parametrize("key", ["", "1h", "2y/q", "1h/", "/q"])
def test_charts_that_there_can_not_be_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no such charts"):
        METERS_OF_PAGES["queue-charts"].check(key)


async def test_the_list_has_another_mark_when_a_queue_comes(client: Client, commands: Commands) -> None:
    await submit(commands, "a")
    before = (await client.app[QUEUE_BOARD].again()).members
    await submit(commands, "b")
    assert (await client.app[QUEUE_BOARD].again()).members == before
    await submit(commands, "c", queue="other")
    assert (await client.app[QUEUE_BOARD].again()).members != before


@pytest.mark.parametrize(("waits", "top"), [((), 1024), ((10,), 2), ((0, 10), 2), ((0, 0, 10), 4)])
def test_half_of_the_scale_of_waits_is_a_whole_number(waits: tuple[int, ...], top: float) -> None:
    assert wait_top([ChartBucket(0, QueueCounts(wait=waits))]) == top
