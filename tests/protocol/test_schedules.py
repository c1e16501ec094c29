"""Schedules in Redis: each verb against a real server. Read top down, it is the life of a schedule."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arqboard.protocol import JobExists, Reader, State
from arqboard.protocol.catchup import CatchUp, plan
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.errors import BadSchedule, ScheduleInUse, ScheduleNotFound
from arqboard.protocol.job import Unreadable
from arqboard.protocol.keys import Keys
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard.protocol.schedule_record import Definition, RunOutcome, id_prefix
from arqboard.protocol.schedules import Schedules

QUEUE = "arq:queue"
HOUR = Every(3600)


@pytest.fixture
def schedules(redis: Client, keys: Keys) -> Schedules:
    return Schedules(redis, keys)


def definition(name: str = "clean_up", spec: Spec = HOUR, **more: Any) -> Definition:
    job = more.pop("job", None) or Submission(
        function="clean_up", queue=QUEUE, payload=b"call", args="[1]", max_tries=3
    )
    return Definition(name, spec, job, **more)


async def make_due(redis: Client, keys: Keys, tick: int, name: str = "clean_up") -> None:
    """What the passing of time does."""
    await redis.hset(keys.schedule(name), "next", tick)
    await redis.zadd(keys.schedules, {name: tick})


async def tick(schedules: Schedules, offset_ms: int = 0) -> list[str]:
    """Everything that is due, as a worker does it. Returns the ids of the jobs."""
    due = await schedules.due(QUEUE, [], offset_ms=offset_ms)
    made: list[str] = []
    for one in due.schedules:
        made += await schedules.tick(one, plan(one.spec, one.tick, due.now + offset_ms, one.catch_up)) or []
    return made


async def latest_hour(schedules: Schedules) -> int:
    return await schedules.now_ms() // 3_600_000 * 3_600_000


# schedule


async def test_a_new_schedule_is_due_at_its_next_time(schedules: Schedules) -> None:
    assert await schedules.add(definition())

    info = await schedules.get("clean_up")
    assert (info.spec, info.function, info.queue, info.args) == (HOUR, "clean_up", QUEUE, "[1]")
    assert (info.description, info.catch_up) == ("every hour", CatchUp.ONE)
    assert info.next == await latest_hour(schedules) + 3_600_000
    assert (info.last, info.last_job, info.paused, info.runs, info.missed) == (None, "", False, 0, 0)
    assert await schedules.all() == [info]


async def test_adding_it_again_moves_nothing(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition())
    await make_due(redis, keys, 7)
    changed = await schedules.add(definition(catch_up=CatchUp.SKIP))
    info = await schedules.get("clean_up")
    assert (changed, info.next, info.catch_up) == (False, 7, CatchUp.SKIP)


async def test_a_changed_spec_counts_from_now_and_keeps_the_history(
    schedules: Schedules, redis: Client, keys: Keys
) -> None:
    await schedules.add(definition())
    await make_due(redis, keys, await latest_hour(schedules))
    await tick(schedules)
    await make_due(redis, keys, 7)

    assert await schedules.add(definition(spec=Crontab("0 9 * * mon", "Europe/Berlin")))
    info = await schedules.get("clean_up")
    assert info.next == info.spec.next_after(await schedules.now_ms())
    assert (info.description, info.runs) == ("At 09:00 on Monday, Europe/Berlin", 1)


async def test_a_one_off_that_has_passed_before_it_was_known_is_missed(schedules: Schedules) -> None:
    await schedules.add(definition(spec=At(5000)))
    info = await schedules.get("clean_up")
    assert (info.next, info.missed) == (None, 1)
    assert [(run.tick, run.outcome) for run in await schedules.runs("clean_up")] == [(5000, RunOutcome.MISSED)]
    await schedules.add(definition(spec=At(5000)))
    assert (await schedules.get("clean_up")).missed == 1


def test_a_schedule_needs_a_name() -> None:
    with pytest.raises(BadSchedule, match="1 to 200 characters"):
        definition("")


# tick


async def test_a_due_tick_becomes_a_job(
    schedules: Schedules, reader: Reader, redis: Client, keys: Keys, commands: Commands
) -> None:
    await schedules.add(definition())
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour)

    assert await tick(schedules) == [f"clean_up:{hour}"]

    job = await reader.get(f"clean_up:{hour}")
    assert (job.function, job.queue, job.args, job.state, job.max_tries) == ("clean_up", QUEUE, [1], State.QUEUED, 3)
    assert job.source == "schedule clean_up"
    [claimed] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    assert (claimed.job_id, claimed.payload) == (f"clean_up:{hour}", b"call")
    info = await schedules.get("clean_up")
    assert (info.last, info.last_job, info.runs, info.missed) == (hour, f"clean_up:{hour}", 1, 0)
    assert info.next == hour + 3_600_000
    [run] = await schedules.runs("clean_up")
    assert (run.tick, run.job, run.outcome) == (hour, f"clean_up:{hour}", RunOutcome.ENQUEUED)
    assert hour <= run.at <= await schedules.now_ms()


async def test_twenty_callers_enqueue_a_tick_once(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition())
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour)
    made = await asyncio.gather(*(tick(schedules) for _ in range(20)))
    assert [ids for ids in made if ids] == [[f"clean_up:{hour}"]]
    assert await redis.zcard(QUEUE) == 1


async def test_a_tick_that_has_run_never_runs_again(
    schedules: Schedules, redis: Client, keys: Keys, commands: Commands
) -> None:
    """Not even when the schedule is set back, as by a restored backup, and arq has dropped the result."""
    await schedules.add(definition())
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour)
    await tick(schedules)
    await commands.abort(f"clean_up:{hour}")
    await redis.delete(f"arq:result:clean_up:{hour}")
    await make_due(redis, keys, hour)
    assert await tick(schedules) == []
    assert (await schedules.runs("clean_up"))[0].outcome is RunOutcome.OVERLAPPED


async def test_missed_ticks_are_seen(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition())
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour - 3 * 3_600_000)

    assert await tick(schedules) == [f"clean_up:{hour}"]
    info = await schedules.get("clean_up")
    assert (info.missed, info.runs, info.last) == (3, 1, hour)
    assert [(run.tick, run.outcome) for run in await schedules.runs("clean_up")] == [
        (hour, RunOutcome.ENQUEUED),
        (hour - 1 * 3_600_000, RunOutcome.MISSED),
        (hour - 2 * 3_600_000, RunOutcome.MISSED),
        (hour - 3 * 3_600_000, RunOutcome.MISSED),
    ]


async def test_all_missed_ticks_run_where_that_is_wanted(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition(catch_up=CatchUp.ALL))
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour - 249 * 3_600_000)
    made = [*await tick(schedules), *await tick(schedules), *await tick(schedules), *await tick(schedules)]
    assert made == [f"clean_up:{hour - n * 3_600_000}" for n in reversed(range(250))]
    assert len(await schedules.runs("clean_up")) == 100  # the history is bounded


async def test_a_tick_reckoned_with_an_old_spec_is_refused(schedules: Schedules, redis: Client, keys: Keys) -> None:
    """A rolling deploy: the next time would be that of the old spec."""
    await schedules.add(definition())
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour)
    due = await schedules.due(QUEUE, [])
    await schedules.add(definition(spec=Every(7200)))
    await make_due(redis, keys, hour)
    [one] = due.schedules
    assert await schedules.tick(one, plan(one.spec, one.tick, due.now, one.catch_up)) is None
    assert await redis.zcard(QUEUE) == 0


async def test_a_one_off_runs_once(schedules: Schedules) -> None:
    when = await schedules.now_ms() + 60_000
    await schedules.add(definition(spec=At(when)))
    assert await tick(schedules) == []
    assert await tick(schedules, offset_ms=60_000) == [f"clean_up:{when}"]
    assert (await schedules.get("clean_up")).next is None
    assert await tick(schedules, offset_ms=120_000) == []


async def test_jobs_of_one_id_do_not_overlap(
    schedules: Schedules, redis: Client, keys: Keys, commands: Commands
) -> None:
    await schedules.add(definition(job_id="the-one"))
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour - 3_600_000)
    assert await tick(schedules) == ["the-one"]
    await make_due(redis, keys, hour)
    assert await tick(schedules) == []
    assert (await schedules.runs("clean_up"))[0].outcome is RunOutcome.OVERLAPPED
    assert (await schedules.get("clean_up")).missed == 2  # the hour before, and this one

    await commands.abort("the-one")
    await make_due(redis, keys, hour)
    assert await tick(schedules) == ["the-one"]


async def test_a_job_with_a_unique_key_is_in_the_way_of_the_next(
    schedules: Schedules, redis: Client, keys: Keys, commands: Commands
) -> None:
    job = Submission(function="clean_up", queue=QUEUE, payload=b"call", unique="clean_up:")
    await schedules.add(definition(job=job))
    first = await schedules.run("clean_up")
    hour = await latest_hour(schedules)
    await make_due(redis, keys, hour)
    assert await tick(schedules) == []
    [run, _] = await schedules.runs("clean_up")
    assert (run.outcome, run.job) == (RunOutcome.OVERLAPPED, first)
    with pytest.raises(JobExists, match=f'"{first}" is in the way of the schedule'):
        await schedules.run("clean_up")

    await commands.abort(first)
    assert await schedules.run("clean_up")


async def test_a_worker_ticks_what_is_in_its_code_and_what_programs_put_into_its_queue(
    schedules: Schedules, redis: Client, keys: Keys
) -> None:
    for name, source in (("mine", "code"), ("another's", "code"), ("a program's", "program")):
        await schedules.add(definition(name, source=source))
        await make_due(redis, keys, await latest_hour(schedules), name)
    elsewhere = Submission(function="clean_up", queue="other", payload=b"call")
    await schedules.add(definition("elsewhere", job=elsewhere))
    await make_due(redis, keys, 1000, "elsewhere")

    due = await schedules.due(QUEUE, ["mine"])
    assert {one.name for one in due.schedules} == {"mine", "a program's"}
    assert [one.name for one in (await schedules.due("other", [])).schedules] == ["elsewhere"]


async def test_a_look_says_how_long_the_next_can_wait(schedules: Schedules, redis: Client, keys: Keys) -> None:
    assert (await schedules.due(QUEUE, [])).wait_ms is None
    await schedules.add(definition())
    await make_due(redis, keys, await schedules.now_ms() + 5000)
    wait = (await schedules.due(QUEUE, [])).wait_ms
    assert wait is not None and 4000 < wait <= 5000
    assert len((await schedules.due(QUEUE, [], offset_ms=6000)).schedules) == 1


# run, pause, resume


async def test_run_now_makes_a_job_and_leaves_the_next_time(schedules: Schedules, reader: Reader) -> None:
    await schedules.add(definition())
    before = await schedules.get("clean_up")

    job_id = await schedules.run("clean_up")

    assert (await reader.get(job_id)).state is State.QUEUED
    info = await schedules.get("clean_up")
    assert (info.next, info.runs, info.last_job) == (before.next, 1, job_id)
    assert [(run.job, run.outcome) for run in await schedules.runs("clean_up")] == [(job_id, RunOutcome.BY_HAND)]
    assert await schedules.run("clean_up") != job_id


async def test_run_now_respects_the_one_id(schedules: Schedules) -> None:
    await schedules.add(definition(job_id="the-one"))
    assert await schedules.run("clean_up") == "the-one"
    with pytest.raises(JobExists):
        await schedules.run("clean_up")


async def test_a_paused_schedule_does_not_tick(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition())
    await make_due(redis, keys, await latest_hour(schedules))
    due = await schedules.due(QUEUE, [])
    assert await schedules.pause("clean_up")
    assert not await schedules.pause("clean_up")

    assert await tick(schedules) == []
    [one] = due.schedules  # a worker that had read it before
    assert await schedules.tick(one, plan(one.spec, one.tick, due.now, one.catch_up)) is None
    info = await schedules.get("clean_up")
    assert (info.paused, info.next) == (True, None)
    assert await schedules.upcoming("clean_up", 3) == []
    assert await schedules.run("clean_up")  # by hand it runs


async def test_a_restart_and_a_changed_spec_leave_it_paused(schedules: Schedules) -> None:
    await schedules.add(definition())
    await schedules.pause("clean_up")
    await schedules.add(definition(spec=Every(60)))
    info = await schedules.get("clean_up")
    assert (info.paused, info.next, info.spec) == (True, None, Every(60))


async def test_resume_does_not_run_the_past(schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition())
    await make_due(redis, keys, await latest_hour(schedules) - 5 * 3_600_000)
    await schedules.pause("clean_up")

    assert await schedules.resume("clean_up")
    assert not await schedules.resume("clean_up")
    info = await schedules.get("clean_up")
    assert (info.paused, info.next, info.missed) == (False, await latest_hour(schedules) + 3_600_000, 0)
    assert await tick(schedules) == []


async def test_a_schedule_that_does_not_exist_is_not_found(schedules: Schedules) -> None:
    for ask in (schedules.get, schedules.run, schedules.pause, schedules.resume):
        with pytest.raises(ScheduleNotFound, match='No schedule "gone"'):
            await ask("gone")
    assert await schedules.runs("gone") == []


# unschedule, and what has left the code


async def test_a_removed_schedule_is_gone_and_its_jobs_stay(
    schedules: Schedules, reader: Reader, redis: Client, keys: Keys
) -> None:
    await schedules.add(definition())
    job_id = await schedules.run("clean_up")
    await schedules.remove("clean_up")
    assert await schedules.all() == []
    assert await redis.exists(keys.schedule("clean_up"), keys.schedule_runs("clean_up"), keys.schedules) == 0
    assert (await reader.get(job_id)).state is State.QUEUED
    with pytest.raises(ScheduleNotFound):
        await schedules.get("clean_up")


async def test_a_schedule_that_left_the_code_is_orphaned_and_can_be_removed(
    schedules: Schedules, redis: Client, keys: Keys
) -> None:
    await schedules.add(definition(source="code"))
    assert not (await schedules.get("clean_up")).orphaned
    with pytest.raises(ScheduleInUse, match="in the code of a running worker"):
        await schedules.remove("clean_up")

    await redis.hset(keys.schedule("clean_up"), "seen", await schedules.now_ms() - 200_000)
    assert (await schedules.get("clean_up")).orphaned
    assert await schedules.renew(["clean_up", "unknown"]) == ["unknown"]
    assert not (await schedules.get("clean_up")).orphaned

    await redis.hset(keys.schedule("clean_up"), "seen", await schedules.now_ms() - 200_000)
    await schedules.remove("clean_up")
    assert await schedules.all() == []


# Reading


async def test_all_is_in_the_order_of_the_next_time(schedules: Schedules) -> None:
    await schedules.add(definition("paused", Every(1)))
    await schedules.add(definition("later", Every(86_400 * 365)))
    await schedules.add(definition("soon", Every(60)))
    await schedules.pause("paused")
    assert [info.name for info in await schedules.all() if not isinstance(info, Unreadable)] == [
        "soon", "later", "paused",
    ]  # fmt: skip


async def test_upcoming_begins_with_the_next_time(schedules: Schedules) -> None:
    await schedules.add(definition())
    first = (await schedules.get("clean_up")).next
    assert first is not None
    assert await schedules.upcoming("clean_up", 3) == [first, first + 3_600_000, first + 7_200_000]


async def test_one_that_cannot_be_read_spoils_no_other(schedules: Schedules, redis: Client, keys: Keys) -> None:
    for name in ("good", "strange", "broken"):
        await schedules.add(definition(name))
        await make_due(redis, keys, await latest_hour(schedules), name)
    await redis.hset(keys.schedule("strange"), "spec", json.dumps({"kind": "sundial"}))
    await redis.set(keys.schedule("broken"), "no hash")

    found = {info.name if not isinstance(info, Unreadable) else info.id: info for info in await schedules.all()}
    assert isinstance(found["strange"], Unreadable) and isinstance(found["broken"], Unreadable)
    with pytest.raises(BadSchedule, match='The schedule "strange"'):
        await schedules.get("strange")
    assert len(await tick(schedules)) == 1


@pytest.mark.parametrize("name", ["Wöchentlicher Bericht / *", "a b", "x" * 150, "runs:a", "ids\n: '\""])
async def test_a_name_may_have_any_characters(name: str, schedules: Schedules, redis: Client, keys: Keys) -> None:
    await schedules.add(definition(name))
    await make_due(redis, keys, await latest_hour(schedules), name)
    [job_id] = await tick(schedules)
    hand = await schedules.run(name)
    for made in (job_id, hand):
        assert made.isascii() and len(made) <= 128 and not set(made) & set(" /*\n'\"")
    assert (await schedules.get(name)).runs == 2


def test_names_that_look_alike_have_different_ids() -> None:
    assert id_prefix("a b") != id_prefix("a_b") != id_prefix("a/b")
