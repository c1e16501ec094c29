"""Schedules as users write them, the duty that ticks them, and a worker that has both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.cron import CronJob, cron
from arq.worker import Function, func
from waiting import eventually

from arqboard import at, crontab, every, task
from arqboard.calls import read_call
from arqboard.protocol import ArqKeys, Keys, Reader, State
from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.catchup import CatchUp
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands
from arqboard.protocol.errors import BadSchedule
from arqboard.protocol.schedule import At, Crontab, Every
from arqboard.protocol.schedule_record import RunOutcome, ScheduleInfo
from arqboard.protocol.schedules import Schedules
from arqboard.schedules import Schedule, arqs_own, from_cron_jobs
from arqboard.scheduling import Scheduler

from .conftest import StartWorker

QUEUE = "arq:queue"


async def clean_up(ctx: dict[str, Any]) -> str:
    return "clean"


@task(max_tries=7, priority=3)
async def newsletter(ctx: dict[str, Any], list_id: int, *, password: str = "") -> int:
    return list_id


@dataclass
class Holder:
    """What a scheduler needs of a worker, without a worker."""

    pool: ArqRedis
    commands: Commands
    functions: Mapping[str, Function | CronJob] = field(
        default_factory=lambda: {"clean_up": func(clean_up), "newsletter": newsletter}
    )
    queue_name: str = QUEUE
    max_tries: int = 5
    job_timeout_s: float | None = 300


@pytest.fixture
def holder(pool: ArqRedis, commands: Commands) -> Holder:
    return Holder(pool, commands)


@pytest.fixture
def schedules(redis: Client, keys: Keys) -> Schedules:
    return Schedules(redis, keys)


async def info_of(schedules: Schedules, name: str = "clean_up") -> ScheduleInfo:
    return await schedules.get(name)


async def make_due(redis: Client, keys: Keys, tick: int, name: str = "clean_up") -> None:
    """What the passing of time does."""
    await redis.hset(keys.schedule(name), "next", tick)
    await redis.zadd(keys.schedules, {name: tick})


async def ids(redis: Client) -> list[str]:
    return sorted(raw.decode() for raw in await redis.zrange(QUEUE, 0, -1))


# As users write them


def test_a_schedule_is_named_after_what_it_runs() -> None:
    assert every(300, clean_up).name == "clean_up"
    assert every(300, "clean_up").name == "clean_up"
    assert every(300, func(clean_up, name="other")).name == "other"
    assert every(300, newsletter).name == "newsletter"
    assert every(300, clean_up, name="often").name == "often"


def test_arguments_mark_the_name_the_same_way_in_every_process() -> None:
    seven, eight = every(300, newsletter.s(7)), every(300, newsletter.s(8))
    assert seven.name == every(60, newsletter.s(7)).name == "newsletter-aceee9"
    assert seven.name != eight.name


def test_intervals_crontabs_and_times_are_what_they_say() -> None:
    assert every(timedelta(minutes=5), clean_up).spec == Every(300)
    assert every(86_400, clean_up, anchor=datetime(2026, 1, 1, 3, tzinfo=UTC)).spec == Every(86_400, 1_767_236_400)
    assert crontab("0 9 * * mon", clean_up, tz="Europe/Berlin").spec == Crontab("0 9 * * mon", "Europe/Berlin")
    assert at(datetime(2030, 1, 1, tzinfo=UTC), clean_up).spec == At(1_893_456_000_000)
    assert every(300, clean_up, catch_up="all").catch_up is CatchUp.ALL


def test_nonsense_is_refused_where_it_is_written() -> None:
    with pytest.raises(BadSchedule, match="too short"):
        every(0, clean_up)
    with pytest.raises(BadSchedule, match='"one", "skip" or "all", not \'never\''):
        every(300, clean_up, catch_up="never")
    with pytest.raises(BadSchedule, match="not 7"):
        every(300, 7)  # type: ignore[arg-type] # that is the point


def test_schedules_that_cannot_work_are_refused_before_the_worker_runs(holder: Holder) -> None:
    with pytest.raises(BadSchedule, match='Two schedules are called "clean_up"'):
        Scheduler(holder, [every(300, clean_up), crontab("@daily", clean_up)])
    with pytest.raises(BadSchedule, match='runs "clean", which the worker has not; it has clean_up, newsletter'):
        Scheduler(holder, [every(300, "clean")])
    Scheduler(holder, [every(300, "clean", queue="of-others")])


async def test_jobs_of_a_schedule_have_its_tags(start: StartWorker, reader: Reader, redis: Client, keys: Keys) -> None:
    call = newsletter.s(1).set(tags=["mail"])
    await start(newsletter, schedules=[every(3600, call, name="news", tags=["nightly"])])
    schedules = Schedules(redis, keys)
    await eventually(lambda: _is_known(schedules, "news"))

    job_id = await schedules.run("news")

    assert (await reader.get(job_id)).tags == ("mail", "nightly")


async def _is_known(schedules: Schedules, name: str) -> bool:
    return any(found.name == name for found in await schedules.all() if isinstance(found, ScheduleInfo))


async def test_a_schedule_carries_the_tasks_options(holder: Holder) -> None:
    definition = every(300, newsletter.s(7, password="hunter2")).define(holder)
    job = definition.job
    assert (job.function, job.queue, job.max_tries, job.priority, job.timeout) == ("newsletter", QUEUE, 7, 3, 300)
    assert (job.args, job.kwargs) == ("[7]", '{"password": "[redacted]"}')
    call = read_call(job.payload, None)
    assert (call.function, call.args, call.kwargs) == ("newsletter", (7,), {"password": "hunter2"})
    assert every(300, newsletter.s(1), queue="slow").define(holder).job.queue == "slow"
    assert every(300, newsletter.s(1).set(max_tries=2, job_id="one")).define(holder).job_id == "one"


# arq's cron jobs


def test_arqs_cron_jobs_become_schedules_in_the_workers_time_zone() -> None:
    summer = datetime(2026, 7, 1).astimezone().tzinfo
    jobs = [
        cron(clean_up, hour=3, minute=30), cron(clean_up, name="monday", weekday="mon", unique=False),
        cron(clean_up, name="fixed", minute=0, job_id="the-one"),
    ]  # fmt: skip
    nightly, fixed = from_cron_jobs(jobs, UTC)
    assert (nightly.name, nightly.spec) == ("cron:clean_up", ArqCron(hour=3, minute=30, tz="UTC"))
    assert nightly.signature.function == "cron:clean_up"
    assert fixed.signature.call.job_id == "the-one"
    assert from_cron_jobs([cron(clean_up, weekday="mon")], summer)[0].spec == ArqCron(weekday=0, tz="UTC")


def test_arq_keeps_what_every_worker_does_for_itself_and_the_start() -> None:
    unique, each = cron(clean_up, name="unique"), cron(clean_up, name="each", unique=False)
    starting = cron(clean_up, name="starting", run_at_startup=True)
    jobs = [unique, each, starting]

    left = arqs_own(jobs)
    assert [job.name for job in left] == ["each", "starting"]
    assert arqs_own(jobs)[1].next_run is None  # not enqueued yet
    left[1].calculate_next(datetime.now(UTC))  # as arq does once it is
    assert left[1].next_run is not None and left[1].next_run.year == 9000
    assert arqs_own(jobs) == [each]


# The duty


async def test_registering_shows_the_schedules_of_the_code(holder: Holder, schedules: Schedules) -> None:
    await Scheduler(holder, [every(300, clean_up), crontab("0 9 * * mon", newsletter.s(7), name="news")]).register()
    info = await info_of(schedules)
    assert (info.description, info.function, info.source, info.orphaned) == (
        "every 5 minutes",
        "clean_up",
        "code",
        False,
    )
    assert (await info_of(schedules, "news")).args == "[7]"


async def test_a_due_schedule_runs_at_its_time(holder: Holder, schedules: Schedules, redis: Client, keys: Keys) -> None:
    scheduler = Scheduler(holder, [every(3600, clean_up)])
    await scheduler.register()
    assert 0 < await scheduler.turn() <= 1
    assert await ids(redis) == []

    now = await schedules.now_ms()
    hour = now // 3_600_000 * 3_600_000
    await make_due(redis, keys, hour)
    await scheduler.turn()
    assert await ids(redis) == [f"clean_up:{hour}"]
    call = read_call(await redis.get(ArqKeys.job(f"clean_up:{hour}")), None)
    assert call.enqueued >= now - 5000  # the time of the tick, not of the registration


async def test_twenty_schedulers_enqueue_each_tick_once(holder: Holder, schedules: Schedules, redis: Client) -> None:
    fleet = [Scheduler(holder, [every(0.1, clean_up)]) for _ in range(20)]
    tasks = [asyncio.create_task(scheduler.run()) for scheduler in fleet]
    try:
        await eventually(lambda: _has_run(schedules, 15))
    finally:
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await assert_each_tick_once(schedules, redis)


SKEW: ContextVar[float] = ContextVar("skew", default=0.0)


async def test_clocks_that_are_an_hour_apart_do_not_matter(
    holder: Holder, schedules: Schedules, redis: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Redis' clock decides what is due. The clocks of three processes: right, an hour ahead, an hour behind."""
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + SKEW.get())

    async def run_with(skew: float) -> None:
        SKEW.set(skew)
        assert abs(time.time() - true_time() - skew) < 1
        await Scheduler(holder, [every(0.1, clean_up)]).run()

    tasks = [asyncio.create_task(run_with(skew)) for skew in (0.0, 3600.0, -3600.0)]
    try:
        await eventually(lambda: _has_run(schedules, 10))
    finally:
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await assert_each_tick_once(schedules, redis)
    now = await schedules.now_ms()
    assert all(now - 60_000 < run.tick <= run.at <= now for run in await schedules.runs("clean_up"))


async def _has_run(schedules: Schedules, times: int) -> bool:
    found = await schedules.all()
    return any(isinstance(info, ScheduleInfo) and info.runs >= times for info in found)


async def assert_each_tick_once(schedules: Schedules, redis: Client) -> None:
    """Every tenth of a second is in the history once, and what ran is in the queue once."""
    runs = await schedules.runs("clean_up")
    ticks = [run.tick for run in runs]
    assert ticks == [ticks[0] - 100 * n for n in range(len(ticks))]
    enqueued = [run.job for run in runs if run.outcome is RunOutcome.ENQUEUED]
    assert sorted(enqueued) == await ids(redis)
    info = await info_of(schedules)
    assert (info.runs, info.runs + info.missed) == (len(enqueued), len(runs))


async def test_travelling_in_time_brings_each_tick_once(holder: Holder, schedules: Schedules, redis: Client) -> None:
    here, ahead = (Scheduler(holder, [every(3600, clean_up, catch_up="all")]) for _ in range(2))
    await here.register()
    ahead.offset_ms = 3 * 3_600_000
    await ahead.turn()
    await here.turn()
    await ahead.turn()
    first = await schedules.now_ms() // 3_600_000 * 3_600_000
    assert await ids(redis) == [f"clean_up:{first + n * 3_600_000}" for n in (1, 2, 3)]


async def test_an_outage_is_caught_up_and_told(
    holder: Holder, schedules: Schedules, redis: Client, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = Scheduler(holder, [every(3600, clean_up)])
    await scheduler.register()
    hour = await schedules.now_ms() // 3_600_000 * 3_600_000
    await make_due(redis, keys, hour - 3 * 3_600_000)
    await scheduler.turn()

    info = await info_of(schedules)
    assert (info.missed, info.runs, info.last) == (3, 1, hour)
    assert await ids(redis) == [f"clean_up:{hour}"]
    assert 'schedule "clean_up" has missed 3 ticks' in caplog.text


async def test_a_changed_spec_takes_effect_with_the_restart_and_an_older_worker_keeps_it(
    holder: Holder, schedules: Schedules
) -> None:
    older = Scheduler(holder, [every(3600, clean_up)])
    await older.register()
    newer = Scheduler(holder, [crontab("0 9 * * mon", clean_up, tz="Europe/Berlin")])
    await newer.register()
    older._renew_at = 0.0  # a minute later
    await older._keep_registered()
    assert (await info_of(schedules)).description == "At 09:00 on Monday, Europe/Berlin"


async def test_a_tick_of_an_older_worker_runs_the_newer_call(
    holder: Holder, schedules: Schedules, redis: Client, keys: Keys
) -> None:
    older = Scheduler(holder, [every(3600, newsletter.s(1), name="news")])
    await older.register()
    await Scheduler(holder, [every(3600, newsletter.s(2), name="news")]).register()
    hour = await schedules.now_ms() // 3_600_000 * 3_600_000
    await make_due(redis, keys, hour, "news")
    await older.turn()
    assert read_call(await redis.get(ArqKeys.job(f"news:{hour}")), None).args == (2,)


async def test_a_schedule_that_was_lost_comes_back(holder: Holder, schedules: Schedules, redis: Client) -> None:
    scheduler = Scheduler(holder, [every(3600, clean_up)])
    await scheduler.register()
    await redis.flushall()
    scheduler._renew_at = 0.0  # a minute later
    await scheduler._keep_registered()
    assert (await info_of(schedules)).next is not None


async def test_one_that_cannot_be_stored_is_left_out_with_a_word(
    holder: Holder, schedules: Schedules, caplog: pytest.LogCaptureFixture
) -> None:
    unsendable = Schedule(Every(60), newsletter.s("seven"), "wrong")
    await Scheduler(holder, [unsendable, every(60, clean_up)]).register()
    assert [info.name for info in await schedules.all() if isinstance(info, ScheduleInfo)] == ["clean_up"]
    assert 'schedule "wrong" is left out' in caplog.text


async def test_the_duty_survives_redis_being_away(holder: Holder, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = ArqRedis(host="127.0.0.1", port=1)  # where no server listens
    duty = asyncio.create_task(Scheduler(Holder(nowhere, Commands(nowhere)), [every(60, clean_up)]).run())
    await eventually(lambda: "schedules wait, Redis is away" in caplog.text)
    assert not duty.done()
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)
    assert caplog.text.count("Redis is away") == 1
    await nowhere.aclose()


# A worker with schedules


async def test_the_run_of_a_schedule_is_an_ordinary_job_with_its_result(
    start: StartWorker, schedules: Schedules, reader: Reader
) -> None:
    await start(clean_up, schedules=[every(1, clean_up)])
    await eventually(lambda: _after_runs(schedules, 1))
    info = await schedules.get("clean_up")
    job = await eventually(lambda: _succeeded(reader, info.last_job))
    assert (job.function, job.source, job.result) == ("clean_up", "schedule clean_up", "clean")
    assert job.id == f"clean_up:{info.last}"


async def test_three_workers_run_each_tick_once(start: StartWorker, schedules: Schedules) -> None:
    ran: list[str] = []

    async def note(ctx: dict[str, Any]) -> None:
        ran.append(ctx["job_id"])

    for _ in range(3):
        await start(func(note, name="note"), schedules=[every(0.2, "note")])
    await eventually(lambda: len(ran) >= 10)
    await eventually(lambda: _after_runs(schedules, 10, "note"))
    assert len(ran) == len(set(ran))


async def test_arqs_cron_jobs_run_by_the_schedule_once_each(
    start: StartWorker, schedules: Schedules, reader: Reader
) -> None:
    ran: list[str] = []

    async def tick(ctx: dict[str, Any]) -> str:
        ran.append(ctx["job_id"])
        return "tock"

    for _ in range(2):
        await start(clean_up, cron_jobs=[cron(tick, name="tick", second=set(range(60)))], timezone=UTC)
    await eventually(lambda: len(ran) >= 3)
    assert len(ran) == len(set(ran))
    info = await info_of(schedules, "tick")
    assert info.description == "Every second, UTC"
    assert set(ran) <= {run.job for run in await schedules.runs("tick")} | {f"tick:{info.last}"}
    job = await eventually(lambda: _succeeded(reader, ran[0]))
    assert job.result == "tock"


async def test_a_cron_job_that_runs_at_startup_does_so_once_per_worker(
    start: StartWorker, schedules: Schedules, redis: Client
) -> None:
    ran: list[str] = []

    async def warm(ctx: dict[str, Any]) -> None:
        ran.append(ctx["job_id"])

    worker = await start(clean_up, cron_jobs=[cron(warm, name="warm", month=1, day=1, run_at_startup=True)])
    await eventually(lambda: ran)
    for _ in range(5):  # as many turns of arq's own cron
        await worker.heart_beat()
    await eventually(lambda: _is_empty(redis))
    assert len(ran) == 1
    assert (await info_of(schedules, "warm")).next is not None


async def _is_empty(redis: Client) -> bool:
    return await ids(redis) == []


async def _after_runs(schedules: Schedules, times: int, name: str = "clean_up") -> bool:
    return (await schedules.get(name)).runs >= times


async def _succeeded(reader: Reader, job_id: str) -> Any:
    job = await reader.get(job_id)
    return job if job.state is State.SUCCEEDED else None
