"""What decides when a due job starts: priority, limits of its function, pauses, unique keys and expiry."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from keyspace import Keyspace, problems
from waiting import eventually

from arqboard.protocol import JobNotFound, Outcome, Reader, State, WorkerNotFound, WrongState
from arqboard.protocol.commands import (
    ChunkReport,
    Claimed,
    Commands,
    Ended,
    Later,
    Report,
    Submission,
    parse_renewal,
    renew_args,
)
from arqboard.protocol.scripts import register

QUEUE = "arq:queue"


def submission(job_id: str, function: str = "resize", **more: Any) -> Submission:
    return Submission(function=function, queue=QUEUE, payload=b"payload", job_id=job_id, **more)


async def claim(commands: Commands, want: int = 100, worker: str = "w1") -> list[Claimed]:
    return (await commands.claim(QUEUE, worker, want, lease_ms=10_000, max_crashes=3)).jobs


async def claimed(commands: Commands, want: int = 100) -> list[str]:
    return [attempt.job_id for attempt in await claim(commands, want)]


async def finish(commands: Commands, *attempts: Claimed, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    ended = [Ended(a.job_id, a.token, outcome) for a in attempts]
    assert all(await commands.finish(ended, keep_jobs=1000, keep_jobs_ms=10**9))


# Priority


async def test_a_higher_priority_starts_first_and_equal_ones_in_their_order(commands: Commands) -> None:
    for job_id, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 9), ("e", 5)):
        await commands.submit(submission(job_id, priority=priority))
    assert [(await claimed(commands, 1))[0] for _ in range(5)] == ["d", "b", "e", "a", "c"]


async def test_a_deferred_job_gets_its_priority_when_its_time_has_come(commands: Commands, redis: Any) -> None:
    await commands.submit(submission("early"))
    await commands.submit(submission("late", priority=1, defer_ms=3_600_000))
    await _time_has_come(redis, commands, "late")
    await commands.promote()
    assert await claimed(commands) == ["late", "early"]


async def _time_has_come(redis: Any, commands: Commands, job_id: str) -> None:
    await redis.zadd(QUEUE, {job_id: 1000})
    await redis.hset(commands.keys.job(job_id), "run_at", await _now(redis) - 1)
    for key in await redis.keys("arqboard:jobs:deferred/*"):
        await redis.zadd(key, {job_id: 1000})


async def _now(redis: Any) -> int:
    seconds, micros = await redis.time()
    return int(seconds * 1000 + micros // 1000)


async def test_tries_are_counted_however_long_a_job_waits_for_the_next(commands: Commands, redis: Any) -> None:
    """arq forgets them after a day, and a job that backs off for days would be tried for ever."""
    week = 7 * 86_400_000
    await commands.submit(submission("a", expires_ms=60_000))
    [first] = await claim(commands)
    await commands.retry_later([Later("a", first.token, week, Outcome.RETRY)])
    assert await redis.pttl("arq:retry:a") > week and await redis.pttl("arq:job:a") > week
    await redis.zadd(QUEUE, {"a": 1000})
    [second] = await claim(commands)
    assert (first.job_try, second.job_try) == (1, 2)


async def test_a_try_that_lasted_for_days_counts(commands: Commands, redis: Any) -> None:
    await commands.submit(submission("a"))
    [first] = await claim(commands)
    await redis.delete("arq:retry:a")
    await commands.retry_later([Later("a", first.token, 0, Outcome.RETRY)])
    [second] = await claim(commands)
    await redis.delete("arq:retry:a")
    await commands.retry_later([Later("a", second.token, 0, Outcome.HANDED_OVER)])
    [third] = await claim(commands)
    await redis.delete("arq:retry:a", "arq:in-progress:a")
    await redis.zadd(QUEUE, {"a": 1000})
    [fourth] = await claim(commands)
    assert [a.job_try for a in (first, second, third, fourth)] == [1, 2, 2, 2]


async def test_a_priority_counts_again_after_a_retry(commands: Commands) -> None:
    await commands.submit(submission("high", priority=3))
    [attempt] = await claim(commands)
    await commands.submit(submission("low"))
    await commands.retry_later([Later("high", attempt.token, 0, Outcome.RETRY)])
    assert await claimed(commands, 1) == ["high"]


async def test_a_priority_counts_again_after_a_retry_that_backed_off(commands: Commands, redis: Any) -> None:
    """It came after all that had been submitted before its time, however low."""
    await commands.submit(submission("high", priority=3))
    [attempt] = await claim(commands)
    await commands.submit(submission("low"))
    await commands.retry_later([Later("high", attempt.token, 50, Outcome.RETRY)])
    assert await redis.zscore(QUEUE, "high") > await redis.zscore(QUEUE, "low")
    await eventually(lambda: _is_first(redis, commands, "high"))
    assert await redis.exists(commands.keys.ripening) == 0
    assert await claimed(commands, 1) == ["high"]


@pytest.mark.parametrize("action", ["reprioritise", "reschedule"])
async def test_what_is_said_of_a_job_that_backs_off_counts_in_its_time(
    commands: Commands, redis: Any, action: str
) -> None:
    await commands.submit(submission("a", priority=3 if action == "reschedule" else 0))
    [attempt] = await claim(commands)
    await commands.submit(submission("b", priority=1))
    await commands.retry_later([Later("a", attempt.token, 200, Outcome.RETRY)])
    if action == "reprioritise":
        await commands.reprioritise(["a"], 9)
    else:
        await commands.reschedule("a", delay_ms=250)
    await eventually(lambda: _is_first(redis, commands, "a"))
    assert await claimed(commands, 1) == ["a"]


async def _is_first(redis: Any, commands: Commands, job_id: str) -> bool:
    await commands.promote()
    return bool(await redis.zrange(QUEUE, 0, 0) == [job_id.encode()])


# How many of a function run at once


async def limit(redis: Any, commands: Commands, text: str, function: str = "resize") -> None:
    await redis.hset(commands.keys.limits, function, text)


async def test_no_more_of_a_function_run_than_its_concurrency_over_all_workers(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "2|0|1")
    for n in range(10):
        await commands.submit(submission(f"j{n}"))
    await commands.submit(submission("other", "send"))

    assert await claimed(commands) == ["j0", "j1", "other"]
    assert await claimed(commands) == []
    assert await redis.zrange(QUEUE, 0, -1, withscores=False) == [b"j0", b"j1", b"other"]  # the rest is out of the way


async def test_an_ended_job_makes_room_for_the_next_in_order(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "1|0|1")
    for n in range(4):
        await commands.submit(submission(f"j{n}", priority=5 if n == 3 else 0))
    order = list[str]()
    for _ in range(4):
        [attempt] = await claim(commands)
        order.append(attempt.job_id)
        await finish(commands, attempt, outcome=Outcome.FAILED)
    assert order == ["j3", "j0", "j1", "j2"]


async def test_twenty_claims_at_once_keep_the_limit(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "7|0|1")
    for n in range(50):
        await commands.submit(submission(f"j{n}"))
    found = await asyncio.gather(*(claim(commands, 5, f"w{n}") for n in range(20)))
    assert sum(map(len, found)) == 7


async def test_the_lost_job_of_a_dead_worker_keeps_its_place(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "1|0|1")
    await commands.submit(submission("a"))
    await commands.submit(submission("b"))
    assert await claimed(commands) == ["a"]
    await redis.delete("arq:in-progress:a")
    await redis.zadd(QUEUE, {"a": 1})
    assert await claimed(commands) == ["a"]


@pytest.mark.parametrize("action", ["abort", "discard"])
async def test_a_parked_job_can_be_ended(commands: Commands, redis: Any, action: str) -> None:
    await limit(redis, commands, "1|0|1")
    await commands.submit(submission("a"))
    await commands.submit(submission("b"))
    [a] = await claim(commands)
    await getattr(commands, action)("b")
    await finish(commands, a)
    assert await claimed(commands) == []
    assert await redis.keys("arqboard:parked*") == []


async def test_a_limit_that_is_lifted_lets_all_parked_jobs_go(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "1|0|1")
    for n in range(5):
        await commands.submit(submission(f"j{n}"))
    await claim(commands)
    await redis.delete(commands.keys.limits)
    assert len(await claim(commands)) == 4


# How many of a function start in a time


async def test_a_rate_defers_each_job_once_to_the_time_that_it_reserved(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "0|2000|1")
    for n in range(5):
        await commands.submit(submission(f"j{n}"))
    assert await claimed(commands) == ["j0"]
    waiting = await redis.zrange(QUEUE, 0, -1, withscores=True)
    times = [score for job_id, score in waiting if job_id != b"j0"]
    assert [round((later - sooner) / 2000) for sooner, later in pairwise(times)] == [1, 1, 1]

    assert await redis.zrange(QUEUE, 0, -1, withscores=True) == waiting  # nobody looked at them again
    for n in range(1, 5):
        await redis.zadd(QUEUE, {f"j{n}": 1000 + n})
        await redis.hset(commands.keys.job(f"j{n}"), "slot", await _now(redis) + n)
    assert await claimed(commands) == ["j1", "j2", "j3", "j4"]


async def test_only_the_next_seconds_of_a_rate_are_given_away(commands: Commands, redis: Any) -> None:
    """So a thousand jobs that are deleted leave no hour in which nothing starts."""
    await limit(redis, commands, "0|3000|1")
    ids = [f"j{n:03}" for n in range(200)]
    await commands.submit_many([submission(job_id) for job_id in ids])
    assert await claimed(commands) == ["j000"]
    in_queue = [job_id.decode() for job_id in await redis.zrange(QUEUE, 0, -1)]
    assert sorted(in_queue) == ["j000", "j001", "j002", "j003"]  # which runs, and those of the next ten seconds

    await commands.discard_each(ids[1:])
    await commands.submit(submission("new"))
    await claimed(commands)
    assert float(await redis.get("arqboard:rate:resize")) - await _now(redis) <= 13_000  # when "new" will conform
    assert problems(await Keyspace.read(redis)) == []


async def test_a_priority_passes_those_that_a_rate_holds_back(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "0|60000|1")
    for n in range(3):
        await commands.submit(submission(f"j{n}"))
    assert await claimed(commands) == ["j0"]
    await commands.submit(submission("urgent", priority=5))
    assert await claimed(commands) == []
    await _minutes_pass(redis)
    assert await claimed(commands) == ["urgent"]


async def test_a_rate_that_was_raised_counts_at_once(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "0|3600000|1")
    for n in range(3):
        await commands.submit(submission(f"j{n}"))
    assert await claimed(commands) == ["j0"]
    await limit(redis, commands, "0|100|1")
    assert await claimed(commands) == ["j1"]
    assert await redis.zscore(QUEUE, "j2") - await _now(redis) <= 100


async def test_slots_that_passed_while_nobody_claimed_have_lapsed(commands: Commands, redis: Any) -> None:
    """After an hour without a worker the jobs that waited start at their rate, not all at once."""
    await limit(redis, commands, "0|2000|1")
    for n in range(5):
        await commands.submit(submission(f"j{n}"))
    assert await claimed(commands) == ["j0"]
    await _minutes_pass(redis)
    for n in range(1, 5):
        await redis.zadd(QUEUE, {f"j{n}": 1000 + n})
        await redis.hset(commands.keys.job(f"j{n}"), "slot", 1000 + n)
    began = await _now(redis)
    assert await claimed(commands) == ["j1"]
    assert await redis.hexists(commands.keys.job("j1"), "slot") == 0
    times = [await redis.zscore(QUEUE, f"j{n}") for n in (2, 3, 4)]
    assert times[0] >= began + 2000
    assert [round((later - sooner) / 2000) for sooner, later in pairwise(times)] == [1, 1]


async def _minutes_pass(redis: Any) -> None:
    """What was used of a rate is long ago."""
    await redis.delete("arqboard:rate:resize")


async def test_a_burst_starts_at_once(commands: Commands, redis: Any) -> None:
    await limit(redis, commands, "0|60000|3")
    for n in range(5):
        await commands.submit(submission(f"j{n}"))
    assert await claimed(commands) == ["j0", "j1", "j2"]


async def test_what_a_rate_holds_back_is_still_queued(commands: Commands, reader: Reader, redis: Any) -> None:
    await limit(redis, commands, "0|3000|1")
    for n in range(9):
        await commands.submit(submission(f"j{n}"))
    await claim(commands)
    assert {(await reader.get(f"j{n}")).state for n in range(1, 9)} == {State.QUEUED}


# Pause


async def test_nothing_of_a_paused_queue_is_claimed_until_it_is_resumed(commands: Commands) -> None:
    await commands.submit(submission("a"))
    assert await commands.pause("queue", QUEUE) is True
    assert await commands.pause("queue", QUEUE) is False
    assert await claimed(commands) == []
    assert await commands.resume("queue", QUEUE) is True
    assert await claimed(commands) == ["a"]


async def test_a_paused_function_lets_others_go_on(commands: Commands) -> None:
    for n in range(3):
        await commands.submit(submission(f"j{n}"))
    await commands.submit(submission("other", "send"))
    await commands.pause("function", "resize")
    assert await claimed(commands) == ["other"]
    await commands.resume("function", "resize")
    assert await claimed(commands) == ["j0", "j1", "j2"]


async def test_a_heartbeat_that_set_out_before_a_cron_job_ended_brings_it_not_back(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    """arq keeps the lock of a cron job for a minute, so that no other worker runs it too."""
    await commands.submit(submission("a"))
    [attempt] = await claim(commands)
    ended = Ended("a", attempt.token, Outcome.SUCCEEDED, keep_lock_ms=60_000)
    await commands.finish([ended], keep_jobs=10, keep_jobs_ms=10**9)
    assert (await renewal(redis, commands, {"a": attempt.token})).lost == ["a"]
    assert await redis.zcard(QUEUE) == 0 and await redis.pttl("arq:in-progress:a") > 10_000
    assert (await reader.get("a")).state is State.SUCCEEDED


async def renewal(redis: Any, commands: Commands, tokens: dict[str, str]) -> Any:
    args = renew_args(commands.keys, "w1", QUEUE, lease_ms=10_000, record={"host": "h"}, tokens=tokens)
    return parse_renewal(await register(redis, "renew")(args=args))


async def test_a_running_job_with_chunks_is_paused_and_its_worker_told(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("a"))
    with pytest.raises(WrongState, match="Only a running job"):
        await commands.pause_job("a")
    [attempt] = await claim(commands)
    with pytest.raises(WrongState, match="no chunks"):
        await commands.pause_job("a")
    report = Report("a", attempt.token, 0, 10, "rows", "", "")
    await commands.mark([ChunkReport(report, 5, 2, 10, {0: "r"})])

    await commands.pause_job("a")
    tokens = {"a": attempt.token}
    assert (await renewal(redis, commands, tokens)).paused == ["a"]
    assert (await reader.get("a")).paused is not None
    await commands.resume_job("a")
    assert (await renewal(redis, commands, tokens)).paused == []
    assert (await reader.get("a")).paused is None
    with pytest.raises(JobNotFound):
        await commands.pause_job("none")


async def test_a_drained_worker_is_told_with_its_heartbeat(commands: Commands, redis: Any) -> None:
    with pytest.raises(WorkerNotFound):
        await commands.drain("w1")
    assert (await renewal(redis, commands, {})).is_draining is False
    await commands.drain("w1")
    assert (await renewal(redis, commands, {})).is_draining is True
    await commands.undrain("w1")
    assert (await renewal(redis, commands, {})).is_draining is False


# Unique jobs


async def test_one_job_at_a_time_has_a_unique_key(commands: Commands) -> None:
    first = await commands.submit(submission("a", unique="user:7"))
    second = await commands.submit(submission("b", unique="user:7"))
    assert (first.is_new, second.job_id, second.is_new) == (True, "a", False)
    await finish(commands, *await claim(commands))
    assert (await commands.submit(submission("c", unique="user:7"))).is_new


@pytest.mark.parametrize("action", ["abort", "discard"])
async def test_an_ended_job_gives_its_unique_key_back(commands: Commands, redis: Any, action: str) -> None:
    await commands.submit(submission("a", unique="k"))
    await getattr(commands, action)("a")
    assert await redis.exists("arqboard:unique:k") == 0
    assert (await commands.submit(submission("b", unique="k"))).is_new


async def test_a_window_holds_a_key_also_when_the_job_has_ended(commands: Commands, redis: Any) -> None:
    await commands.submit(submission("a", unique="k", window_ms=60_000))
    await finish(commands, *await claim(commands))
    assert (await commands.submit(submission("b", unique="k", window_ms=60_000))).job_id == "a"
    await redis.pexpire("arqboard:unique:k", 1)
    await eventually(lambda: _is_gone(redis, "arqboard:unique:k"))
    assert (await commands.submit(submission("c", unique="k", window_ms=60_000))).is_new


async def _is_gone(redis: Any, key: str) -> bool:
    return not await redis.exists(key)


async def test_a_hundred_submits_of_one_key_at_once_make_one_job(commands: Commands) -> None:
    done = await asyncio.gather(*(commands.submit(submission(f"j{n}", unique="k")) for n in range(100)))
    assert len({d.job_id for d in done}) == 1 and sum(d.is_new for d in done) == 1


# Expiry and bulk


async def test_a_job_that_waited_longer_than_it_may_is_flagged_and_keeps_its_call(
    commands: Commands, redis: Any
) -> None:
    await commands.submit(submission("a", expires_ms=60_000))
    await commands.submit(submission("b"))
    await redis.hset(commands.keys.job("a"), "expires_at", 1000)
    a, b = await claim(commands)
    assert (a.has_expired, b.has_expired, a.payload) == (True, False, b"payload")
    assert await redis.ttl("arq:job:b") == -1 and await redis.ttl("arq:job:a") > 60


async def test_ten_thousand_jobs_go_in_one_call_and_twenty_to_redis(commands: Commands, redis: Any) -> None:
    await commands.submit(submission("warm"))
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    answers = await commands.submit_many([submission(f"j{n}") for n in range(10_000)])
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before == 20
    assert len(answers) == 10_000 and await redis.zcard(QUEUE) == 10_001


async def test_one_refused_job_stops_no_other(commands: Commands) -> None:
    await commands.submit(submission("a"))
    answers = await commands.submit_many([submission("a"), submission("b"), submission("b")])
    assert [type(a).__name__ for a in answers] == ["JobExists", "Submitted", "JobExists"]
