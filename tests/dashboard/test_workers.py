"""The pages of workers: what each runs, how it is, what became of the jobs of lost ones, and what can be done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from board import Client, are_pushed_as_shown, forget, own_origin, page_text, post_form
from floor_data import QUEUE, beat, claim, end_lease, fall_silent, submit

from arqboard.protocol import Outcome, State
from arqboard.protocol.commands import Commands, Ended
from arqboard_dashboard.appkeys import OVERVIEW, WORKER_BOARD
from arqboard_dashboard.fragments import METERS_OF_PAGES
from arqboard_dashboard.worker_views import LeftJob, WorkersView


async def text(client: Client, path: str, status: int = 200) -> str:
    await fresh(client)
    return await page_text(client, path, status)


async def fresh(client: Client) -> WorkersView:
    """What is there now, not a second ago."""
    await forget(client)
    client.app[OVERVIEW].workers.expire()
    view: WorkersView = await client.app[WORKER_BOARD].all.again()
    return view


async def left_of(client: Client, worker: str) -> dict[str, LeftJob]:
    """What became of its jobs, by their ids."""
    [card] = [card for card in (await fresh(client)).cards if card.info.id == worker]
    return {left.job_id: left for left in card.left}


# Those alive


async def test_without_a_worker_the_page_says_how_one_is_started(client: Client) -> None:
    page = await text(client, "/workers")
    assert "No worker is running" in page and "arqboard-worker" in page


async def test_a_card_shows_what_a_worker_runs_and_how_it_is(client: Client, commands: Commands, redis: Any) -> None:
    await submit(commands, "a", function="transcode")
    await beat(
        redis, commands, "w1", running='["a"]', started=1, done=1234, failed=5, rss=52_000_000, lag_ms="2.5",
        version="0.1.0", arq="0.28", python="3.12.1", release="v41",
    )  # fmt: skip
    await claim(commands)
    page = await text(client, "/workers")
    assert 'href="/jobs/a"' in page and "transcode" in page and 'href="/queues/arq%3Aqueue"' in page
    for said in (
        "<b>1</b> / 4 slots",
        "host-1 · pid 7",
        "1\u202f234",
        "52.0 MB",
        "&lt; 10",
        "v41",
        "arq 0.28",
        "3.12.1",
    ):
        assert said in page
    assert "Alive" in page and "Lost" not in page


async def test_a_blocked_loop_is_pointed_out(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1", lag_ms="100.0")
    assert "Loop blocked" not in await text(client, "/workers")
    await beat(redis, commands, "w1", lag_ms="430.2")
    assert "Loop blocked" in await text(client, "/workers") and "430 ms" in await text(client, "/workers")
    assert "blocked for 430 ms" in await text(client, "/workers/w1")


async def test_old_versions_beside_new_ones_are_pointed_out(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "old", started=1, release="v1", version="0.1.0", python="3.11")
    await beat(redis, commands, "new", started=2, release="v2", version="0.1.0", python="3.12")
    await beat(redis, commands, "other", queue="mail", started=3, release="m7")
    cards = {card.info.id: card for card in (await fresh(client)).cards}
    assert [(o.what, o.has, o.newest) for o in cards["old"].outdated] == [
        ("release", "v1", "v2"), ("Python", "3.11", "3.12"),
    ]  # fmt: skip
    assert cards["new"].outdated == cards["other"].outdated == []
    assert "release v1 (there v2)" in " ".join((await text(client, "/workers")).split())


async def test_workers_of_one_queue_are_filtered_by_the_url(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    await beat(redis, commands, "m1", queue="mail")
    page = await text(client, "/workers?queue=mail")
    assert 'data-live="worker:m1"' in page and 'data-live="worker:w1"' not in page
    assert 'data-live="workers:mail"' in page and 'hx-get="/workers?queue=mail"' in page
    assert "No worker listens on this queue" in await text(client, "/workers?queue=none")


async def test_more_jobs_than_a_card_has_room_for_are_counted(client: Client, commands: Commands, redis: Any) -> None:
    for n in range(15):
        await submit(commands, f"j{n}")
    await claim(commands)
    await beat(redis, commands, "w1", slots=20)
    assert "and 3 more" in await text(client, "/workers")
    page = await text(client, "/workers/w1")
    assert "more" not in page.split('class="slots"')[1].split("</ul>")[0] and page.count('href="/jobs/j') == 15


async def test_a_worker_says_what_it_offers(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1", functions=json.dumps(["resize", "<b>x</b>"]))
    page = await text(client, "/workers/w1")
    assert "2 functions" in page and "&lt;b&gt;x" in page and "<b>x" not in page


# Those lost


async def test_a_lost_worker_stays_with_what_became_of_its_jobs(client: Client, commands: Commands, redis: Any) -> None:
    for job_id in ("waits", "taken", "done", "deleted"):
        await submit(commands, job_id)
    attempts = {attempt.job_id: attempt for attempt in await claim(commands, "lost")}
    await beat(redis, commands, "lost", running=json.dumps(list(attempts)))
    await commands.finish([Ended("done", attempts["done"].token, Outcome.SUCCEEDED)], keep_jobs=9, keep_jobs_ms=10**9)
    await end_lease(redis, "deleted")
    await commands.abort("deleted")
    await commands.discard("deleted")
    await end_lease(redis, "taken")
    await claim(commands, "other")
    await beat(redis, commands, "other")
    await fall_silent(redis, commands, "lost")

    left = await left_of(client, "lost")
    assert {job_id: job.fate for job_id, job in left.items()} == {"waits": "waits", "taken": "taken", "deleted": "gone"}
    assert (left["taken"].by, left["taken"].state) == ("other", State.RUNNING)
    page = await text(client, "/workers")
    assert "1 lost in the last hour" in page and "Lost in the last hour" in page
    assert "waits for its lease to end" in page and "taken over by" in page and 'href="/workers/other"' in page
    assert 'href="/jobs/done"' not in page


async def test_a_job_that_was_claimed_after_the_last_heartbeat_is_not_forgotten(
    client: Client, commands: Commands, redis: Any
) -> None:
    await beat(redis, commands, "lost")
    await submit(commands, "late")
    await claim(commands, "lost")
    await fall_silent(redis, commands, "lost")
    assert (await left_of(client, "lost"))["late"].fate == "waits"
    assert "no other worker listens on its queue" in await text(client, "/workers")

    await end_lease(redis, "late")
    [attempt] = await claim(commands, "other")
    await beat(redis, commands, "other")
    await commands.finish([Ended("late", attempt.token, Outcome.FAILED)], keep_jobs=9, keep_jobs_ms=10**9)
    left = (await left_of(client, "lost"))["late"]
    assert (left.fate, left.by, left.state) == ("taken", "other", State.FAILED)


async def test_a_job_that_nobody_took_and_that_was_aborted_has_ended(
    client: Client, commands: Commands, redis: Any
) -> None:
    await submit(commands, "a")
    await claim(commands, "lost")
    await beat(redis, commands, "lost", running='["a"]')
    await fall_silent(redis, commands, "lost")
    await end_lease(redis, "a")
    await commands.abort("a")
    left = (await left_of(client, "lost"))["a"]
    assert (left.fate, left.state) == ("ended", State.ABORTED)


async def test_a_worker_that_takes_its_leave_is_not_lost(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    assert 'id="worker-page-w1"' in await text(client, "/workers/w1")
    await redis.zrem(commands.keys.workers, "w1")
    await redis.delete(commands.keys.worker("w1"))
    assert 'data-live="worker:w1"' not in await text(client, "/workers")
    await text(client, "/workers/w1", 404)
    pushed = await METERS_OF_PAGES["worker-page"].read(client.app, "w1")
    assert "has stopped" in pushed and 'id="worker-page-w1"' in pushed


# Actions


async def test_a_worker_is_drained_and_resumed_in_its_card(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    htmx = {"HX-Request": "true", "HX-Target": "article#worker-w1"}
    said = await (await post_form(client, "/workers/w1/drain", **htmx)).text()
    assert "<article" in said and "Drained" in said and "/workers/w1/resume" in said
    assert await redis.hget(commands.keys.worker("w1"), "draining") == b"1"
    htmx["HX-Target"] = "div#worker-page-w1"
    said = await (await post_form(client, "/workers/w1/resume", **htmx)).text()
    assert "<h1" in said and "/workers/w1/drain" in said and "hx-confirm" in said


async def test_draining_without_javascript_comes_back(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    answer = await post_form(client, "/workers/w1/drain", Referer=f"{own_origin(client)}/workers")
    assert (answer.status, answer.headers["Location"]) == (303, "/workers")
    answer = await post_form(client, "/workers/w1/resume")
    assert answer.headers["Location"] == "/workers/w1"


@pytest.mark.parametrize("action", ["drain", "resume"])
async def test_a_worker_that_nobody_knows_is_not_found(client: Client, action: str) -> None:
    assert (await post_form(client, f"/workers/none/{action}")).status == 404


# Live parts


async def test_each_part_of_a_page_is_pushed_as_the_page_has_it(client: Client, commands: Commands, redis: Any) -> None:
    await beat(redis, commands, "w1")
    for page, names in {"/workers": ["workers", "worker:w1"], "/workers/w1": ["worker-page:w1"]}.items():
        await are_pushed_as_shown(client, await text(client, page), names)
    assert await METERS_OF_PAGES["worker"].read(client.app, "gone") == ""


async def test_the_list_has_another_mark_when_a_worker_comes_or_is_lost(
    client: Client, commands: Commands, redis: Any
) -> None:
    await beat(redis, commands, "w1")
    one = (await fresh(client)).members
    await beat(redis, commands, "w2")
    two = (await fresh(client)).members
    await fall_silent(redis, commands, "w2")
    assert len({one, two, (await fresh(client)).members}) == 3
    await beat(redis, commands, "w1", lag_ms=7)
    await beat(redis, commands, "w2")
    assert (await fresh(client)).members == two
    assert QUEUE in (await fresh(client)).queues
