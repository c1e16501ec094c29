"""What the verbs count, how minutes become hours, days and totals, and what is read from that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from arqboard.protocol import ArqKeys, Counts, Keys, Outcome, Reader, percentile
from arqboard.protocol.commands import Adoption, Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.stats import MAX_ERRORS, MAX_FUNCTIONS, step_for

QUEUE = "arq:queue"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


async def submit(commands: Commands, function: str = "resize", count: int = 1) -> None:
    for _ in range(count):
        await commands.submit(Submission(function, QUEUE, b"p"))


async def claim(commands: Commands, want: int = 1000) -> list[Claimed]:
    return (await commands.claim(QUEUE, "w1", want, lease_ms=10_000, max_crashes=3)).jobs


async def end(commands: Commands, *attempts: Claimed, outcome: Outcome = Outcome.SUCCEEDED, error: str = "") -> None:
    ended = [Ended(attempt.job_id, attempt.token, outcome, error_type=error) for attempt in attempts]
    await commands.finish(ended, keep_jobs=10_000, keep_jobs_ms=10**9)


async def run(
    commands: Commands, function: str = "resize", outcome: Outcome = Outcome.SUCCEEDED, error: str = ""
) -> None:
    await submit(commands, function)
    await end(commands, *await claim(commands), outcome=outcome, error=error)


async def last_minutes(reader: Reader, function: str | None = None) -> Counts:
    return (await reader.stats(function, since=await reader.now_ms() - 5 * MINUTE)).total


async def set_minute(redis: Any, keys: Keys, minute: int, **fields: int | str) -> None:
    """A minute in which verbs counted something, and none has come since."""
    await redis.hset(keys.stats(minute), mapping={"#": 0, **fields})
    await redis.set(keys.stats_open, minute)


# Counting


async def test_a_life_of_a_job_is_counted_for_its_function_and_for_all(commands: Commands, reader: Reader) -> None:
    await submit(commands)
    [attempt] = await claim(commands)
    await commands.retry_later([Later(attempt.job_id, attempt.token, 0, Outcome.RETRY, "OSError")])
    await end(commands, *await claim(commands), outcome=Outcome.FAILED, error="ValueError")
    await run(commands, "send")

    counts = await last_minutes(reader, "resize")
    assert (counts.submitted, counts.started, counts.retried, counts.failed, counts.succeeded) == (1, 2, 1, 1, 0)
    assert (sum(counts.run), sum(counts.wait)) == (1, 2)
    assert counts.errors == {"ValueError": 1}
    everything = await last_minutes(reader)
    assert (everything.submitted, everything.started, everything.ended) == (2, 3, 2)
    assert everything.errors == {"ValueError": 1}
    assert (await last_minutes(reader, "nobody")) == Counts()


async def test_aborted_and_lost_attempts_are_counted(commands: Commands, reader: Reader, redis: Any) -> None:
    await submit(commands)
    [attempt] = await claim(commands)
    await redis.delete(ArqKeys.in_progress(attempt.job_id))
    await redis.zadd(QUEUE, {attempt.job_id: 1})
    await claim(commands)
    assert (await last_minutes(reader, "resize")).lost == 1

    await redis.delete(ArqKeys.in_progress(attempt.job_id))
    await commands.abort(attempt.job_id)
    counts = await last_minutes(reader, "resize")
    assert (counts.aborted, counts.lost, counts.started, sum(counts.wait)) == (1, 2, 2, 1)


async def test_a_job_that_is_adopted_counts_as_submitted(commands: Commands, reader: Reader, redis: Any) -> None:
    await redis.zadd(QUEUE, {"s1": 1000})
    await commands.adopt(QUEUE, [Adoption("s1", "send", "[]", "{}", enqueued=1000)])
    assert (await last_minutes(reader, "send")).submitted == 1


async def test_times_go_into_their_buckets_and_sums(commands: Commands, reader: Reader, redis: Any, keys: Keys) -> None:
    await submit(commands, count=2)
    slow, endless = await claim(commands)
    now = await reader.now_ms()
    await redis.hset(keys.job(slow.job_id), "started", now - 3000)
    await redis.hset(keys.job(endless.job_id), "started", now - 2 * HOUR)
    await end(commands, slow, endless)

    counts = await last_minutes(reader, "resize")
    assert (counts.run[12], counts.run[21]) == (1, 1), "up to 4.1 s, and above 17 min"
    assert 7_203_000 <= counts.run_ms < 7_213_000
    assert percentile(counts.run, 0.5) == 4096


@pytest.mark.parametrize("name", ["a|b", "run|3", "3", "|", "", "other", "fn|x", "errors", "ä\n%", "#", "run"])
async def test_no_name_of_a_function_is_taken_for_something_else(
    commands: Commands, reader: Reader, redis: Any, keys: Keys, name: str
) -> None:
    await run(commands, name, Outcome.FAILED, error="a|b")
    await run(commands, "3", Outcome.SUCCEEDED)
    own = await last_minutes(reader, name)
    assert (own.failed, own.errors) == (1, {"a|b": 1})
    everything = await last_minutes(reader)
    assert (everything.submitted, everything.ended, sum(everything.run)) == (2, 2, 2)

    before = await reader.totals()
    await roll(commands, redis, keys)
    assert await reader.totals() == before
    assert before.functions[name].failed == 1
    assert set(before.functions) == {name, "3"}


async def roll(commands: Commands, redis: Any, keys: Keys) -> None:
    """Let the open minute be an earlier one, as if time had passed, and a verb come."""
    now = int(await redis.get(keys.stats_open))
    await redis.rename(keys.stats(now), keys.stats(now - 7))
    await redis.set(keys.stats_open, now - 7)
    await commands.finish([], keep_jobs=1000, keep_jobs_ms=10**9)
    assert int(await redis.get(keys.stats_open)) == now - 7, "nothing counted, nothing closed"
    await run(commands, "later")
    assert int(await redis.get(keys.stats_open)) >= now
    await redis.delete(keys.stats(int(await redis.get(keys.stats_open))))


# Minutes, hours, days, totals


async def test_the_first_verb_of_a_minute_adds_the_last_one_to_hour_day_and_totals_once(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    minute = await reader.now_ms() // MINUTE - 61
    counted: dict[str, int | str] = {"succeeded": 5, "succeeded|resize": 5, "run|3": 5, "run|3|resize": 5}
    errors: dict[str, int | str] = {"errors": '{"OSError": 2}', "errors|resize": '{"OSError": 2}'}
    await set_minute(redis, keys, minute, **counted, **errors, **{"fn|resize": 1})

    await asyncio.gather(*(run(commands, "send") for _ in range(8)))

    for name in (keys.stats_hour(minute // 60), keys.stats_day(minute // 1440), keys.stats_totals):
        values = await redis.hmget(name, "succeeded", "succeeded|resize", "run|3|resize", "errors|resize", "#")
        assert values == [b"5", b"5", b"5", b'{"OSError":2}', b"1"], name
    assert (await reader.totals()).functions["resize"].succeeded == 5
    assert (await reader.totals()).functions["send"].succeeded == 8
    assert (await redis.hget(keys.stats(minute), "succeeded")) == b"5", "the minute is still there to be shown"


async def test_everything_but_the_open_minute_and_the_totals_goes_away_by_itself(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    minute = await reader.now_ms() // MINUTE - 61
    await set_minute(redis, keys, minute, succeeded=5)
    await run(commands)

    kept = {
        keys.stats(minute): 26 * HOUR,
        keys.stats_hour(minute // 60): 90 * DAY,
        keys.stats_day(minute // 1440): 730 * DAY,
    }
    for name, age in kept.items():
        assert age - DAY - 2 * HOUR < await redis.pttl(name) <= age, name
    assert await redis.pttl(keys.stats(int(await redis.get(keys.stats_open)))) == -1, "it would be lost to the totals"


async def test_a_minute_before_a_long_silence_is_not_lost(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    minute = await reader.now_ms() // MINUTE - 3 * 1440
    await set_minute(redis, keys, minute, **{"succeeded": 5, "succeeded|resize": 5})
    assert (await reader.stats("resize", since=(minute - 1) * MINUTE)).total.succeeded == 5, "not closed yet"

    await run(commands)

    assert not await redis.exists(keys.stats(minute))
    assert (await reader.totals()).functions["resize"].succeeded == 6
    assert (await reader.stats("resize", since=(minute - 1) * MINUTE)).total.succeeded == 6


async def test_a_clock_that_is_set_back_loses_and_doubles_nothing(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    soon = await reader.now_ms() // MINUTE + 5
    await set_minute(redis, keys, soon, **{"succeeded": 5, "succeeded|resize": 5})
    await run(commands)
    assert await redis.hget(keys.stats(soon), "succeeded|resize") == b"6", "a little: counted in the open minute"

    far = soon + 10_000
    await redis.rename(keys.stats(soon), keys.stats(far))
    await redis.set(keys.stats_open, far)
    await run(commands)
    assert (await reader.totals()).functions["resize"].succeeded == 7

    await redis.rename(keys.stats(int(await redis.get(keys.stats_open))), keys.stats(soon - 7))
    await redis.set(keys.stats_open, soon - 7)
    await redis.rename(keys.stats(far), keys.stats(await reader.now_ms() // MINUTE))
    await run(commands)
    assert (await reader.totals()).functions["resize"].succeeded == 8, "a minute that was closed is not added again"


async def test_damaged_counters_stop_no_job(commands: Commands, reader: Reader, redis: Any, keys: Keys) -> None:
    await run(commands, outcome=Outcome.FAILED, error="OSError")
    open_minute = int(await redis.get(keys.stats_open))
    await redis.hset(
        keys.stats(open_minute),
        mapping={"succeeded": "x", "errors": "[", "errors|resize": '{"OSError": null}', "#": "y"},
    )
    await run(commands, outcome=Outcome.FAILED, error="OSError")
    assert (await last_minutes(reader)).failed == 2

    await redis.set(keys.stats_totals, "text")
    await redis.set(keys.stats(open_minute), "text")
    await run(commands)
    assert await last_minutes(reader) == Counts()
    assert (await reader.totals()).functions == {}


# Bounds


async def test_too_many_functions_are_added_up_as_other(commands: Commands, reader: Reader) -> None:
    for n in range(205):
        await submit(commands, f"f{n}")
    await end(commands, *await claim(commands))

    counts = [await last_minutes(reader, name) for name in ("f0", "f199", "f200", "other")]
    assert [(c.submitted, c.succeeded) for c in counts] == [(1, 1), (1, 1), (0, 0), (5, 5)]
    assert (await last_minutes(reader)).succeeded == 205


async def test_too_many_exception_types_are_added_up_as_other(commands: Commands, reader: Reader) -> None:
    for n in range(MAX_ERRORS + 3):
        await run(commands, outcome=Outcome.FAILED, error=f"Error{n}")

    errors = (await last_minutes(reader, "resize")).errors
    assert len(errors) == MAX_ERRORS + 1
    assert (errors["Error0"], errors["other"]) == (1, 3)


async def test_totals_never_shrink_when_a_minute_is_closed(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    """What the totals have no room for is already shown as they will add it up."""
    old = {f"succeeded|f{n}": 1 for n in range(MAX_FUNCTIONS)} | {f"fn|f{n}": 1 for n in range(MAX_FUNCTIONS)}
    await redis.hset(keys.stats_totals, mapping={**old, "#": MAX_FUNCTIONS})
    await run(commands, "new")
    before = (await reader.totals()).functions
    assert "new" not in before and before["other"].succeeded == 1

    await roll(commands, redis, keys)
    after = (await reader.totals()).functions
    assert {name: counts.succeeded for name, counts in after.items()} == {
        name: counts.succeeded for name, counts in before.items()
    }


async def test_reading_while_minutes_are_closed_counts_nothing_twice(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    minute = await reader.now_ms() // MINUTE - 61
    await set_minute(redis, keys, minute, **{"succeeded": 5, "succeeded|resize": 5})

    async def totals() -> set[int]:
        return {(await reader.totals()).functions["resize"].succeeded for _ in range(20)}

    seen, *_ = await asyncio.gather(totals(), *(run(commands, "send") for _ in range(5)))
    assert seen == {5}


# Reading


async def test_buckets_have_no_gaps_and_the_step_fits_the_time(
    commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    now = await reader.now_ms()
    await run(commands)
    for since, step, per in (
        (now - HOUR, "minute", MINUTE),
        (now - 5 * DAY, "hour", HOUR),
        (now - 99 * DAY, "day", DAY),
    ):
        stats = await reader.stats(since=since)
        times = [bucket.time for bucket in stats.buckets]
        assert stats.step == step
        assert times == list(range(since // per * per, now + 1, per))[: len(times)] and len(times) in (
            (now - since) // per + 1, (now - since) // per + 2
        )  # fmt: skip
        assert stats.since == times[0]
        assert stats.buckets[-1].counts.succeeded + stats.buckets[-2].counts.succeeded == 1, "the open minute too"


def test_a_step_is_taken_only_while_it_is_kept() -> None:
    now = 10**13
    ago = {"1 h": HOUR, "6 h": 6 * HOUR, "12 h": 12 * HOUR, "16 d": 16 * DAY, "18 d": 18 * DAY, "2 y": 730 * DAY}
    assert {name: step_for(now - ms, now) for name, ms in ago.items()} == {
        "1 h": "minute", "6 h": "minute", "12 h": "hour", "16 d": "hour", "18 d": "day", "2 y": "day"
    }  # fmt: skip


async def test_a_step_that_is_too_fine_is_refused(reader: Reader) -> None:
    with pytest.raises(ValueError, match="1441 buckets of a minute; 732 are the most"):
        await reader.stats(since=await reader.now_ms() - DAY, step="minute")


async def test_no_more_than_two_years_are_read(reader: Reader) -> None:
    assert len((await reader.stats(since=0)).buckets) == 731
    assert len((await reader.stats(since=10**15)).buckets) == 1


async def test_counting_costs_few_commands(commands: Commands, redis: Any) -> None:
    """A hundred jobs of one function are counted with as few commands as one."""
    await run(commands)
    await submit(commands, count=100)
    attempts = await claim(commands)
    await redis.config_resetstat()
    await end(commands, *attempts)
    stats = await redis.info("commandstats")
    assert stats["cmdstat_hincrby"]["calls"] < 50


# Deploys


async def test_a_release_is_marked_once_until_another_one_comes(commands: Commands, reader: Reader) -> None:
    assert [(await commands.deploy(release))[0] for release in ("1.0", "1.0", "1.1", "1.1")] == [
        True,
        False,
        True,
        False,
    ]
    assert [deploy.release for deploy in await reader.deploys()] == ["1.0", "1.1"]

    is_new, time = await commands.deploy("1.0")
    assert is_new, "a way back is a deploy as well"
    assert [deploy.release for deploy in await reader.deploys()] == ["1.1", "1.0"]
    assert [deploy.release for deploy in await reader.deploys(time)][-1] == "1.0"
    assert await reader.deploys(time + 1) == []


async def test_a_hundred_deploys_are_kept(commands: Commands, reader: Reader) -> None:
    for n in range(103):
        await commands.deploy(f"{n:03}")
    releases = [deploy.release for deploy in await reader.deploys()]
    assert releases == [f"{n:03}" for n in range(3, 103)]
