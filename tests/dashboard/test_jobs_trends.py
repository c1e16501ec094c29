"""Trends: what was counted, in buckets, and how little of it is read anew."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard_dashboard.trends import DEFAULT, WINDOWS, Trends


@pytest.fixture
def trends(reader: Reader) -> Trends:
    return Trends(reader)


async def finish_one(commands: Commands, function: str = "resize") -> None:
    await commands.submit(Submission(function, "arq:queue", b"p"))
    attempt = (await commands.claim("arq:queue", "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]
    await commands.finish([Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED)], keep_jobs=9, keep_jobs_ms=10**9)


async def ended(trends: Trends, window: str = DEFAULT, function: str | None = None) -> int:
    trends.expire()
    return (await trends.get(WINDOWS[window], function)).total.succeeded


async def reads_of(redis: Any, trends: Trends, window: str = DEFAULT) -> int:
    """How many hashes of counters are read now."""
    await redis.config_resetstat()
    await ended(trends, window)
    return int((await redis.info("commandstats"))["cmdstat_hmget"]["calls"])


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_job_that_ended_is_in_the_last_bucket_of_every_window(
    trends: Trends, commands: Commands, window: str
) -> None:
    await finish_one(commands)
    await finish_one(commands, "mail")

    assert await ended(trends, window) == 2
    assert await ended(trends, window, "mail") == 1
    found = await trends.get(WINDOWS[window])
    assert len(found.buckets) == WINDOWS[window].count
    assert sum(bucket.counts.succeeded for bucket in found.buckets[-2:]) == 2
    times = [bucket.time for bucket in found.buckets]
    assert times == list(range(times[0], times[-1] + 1, WINDOWS[window].bucket_ms))


async def test_a_bucket_that_is_over_is_read_once(trends: Trends, commands: Commands, redis: Any) -> None:
    await finish_one(commands)
    assert await reads_of(redis, trends) >= 120  # the hour, and the one before it

    await finish_one(commands)
    assert await reads_of(redis, trends) <= 6
    assert await ended(trends) == 2


async def test_a_day_of_minutes_is_read_in_parts_and_added_up(
    trends: Trends, commands: Commands, redis: Any, reader: Reader, keys: Keys
) -> None:
    now = await reader.now_ms()
    for hours in (1, 13, 23):
        await redis.hset(keys.stats((now - hours * 3_600_000) // 60_000), "succeeded", hours)

    assert await ended(trends, "24h") == 37
    assert await reads_of(redis, trends, "24h") <= 60


@pytest.mark.parametrize(("window", "minutes_ago"), [("15m", 20), ("1h", 90), ("6h", 400)])
async def test_the_window_before_is_as_long(
    trends: Trends, redis: Any, reader: Reader, keys: Keys, window: str, minutes_ago: int
) -> None:
    now = await reader.now_ms()
    await redis.hset(keys.stats(now // 60_000 - minutes_ago), "succeeded", 7)
    await redis.hset(keys.stats(now // 60_000 - 1440), "succeeded", 99)

    found = await trends.get(WINDOWS[window])
    assert (found.total.succeeded, found.before.succeeded) == (0, 7)


async def test_the_week_before_is_read_by_the_hour(trends: Trends, redis: Any, reader: Reader, keys: Keys) -> None:
    hour = await reader.now_ms() // 3_600_000
    await redis.hset(keys.stats_hour(hour - 100), "succeeded", 3)
    await redis.hset(keys.stats_hour(hour - 200), "succeeded", 5)

    found = await trends.get(WINDOWS["7d"])
    assert (found.total.succeeded, found.before.succeeded) == (3, 5)


async def test_what_ended_in_a_database_that_is_gone_is_not_counted_on(
    trends: Trends, commands: Commands, redis: Any, reader: Reader, keys: Keys
) -> None:
    earlier = await reader.now_ms() // 60_000 - 5
    await redis.hset(keys.stats(earlier), "succeeded", 7)
    await finish_one(commands)
    assert await ended(trends) == 8

    await redis.flushall()
    await finish_one(commands)

    assert await ended(trends) == 1


async def test_a_minute_closed_by_a_later_verb_is_counted_once_and_wholly(
    trends: Trends, commands: Commands, redis: Any, reader: Reader, keys: Keys
) -> None:
    """The bucket before the open one is read again: a verb may still count in a minute that has just ended."""
    assert await ended(trends) == 0
    before = (await reader.now_ms()) // 60_000 - 1
    await redis.hincrby(keys.stats(before), "succeeded", 1)

    assert await ended(trends) == 1


async def test_trends_of_many_functions_are_not_kept_for_ever(trends: Trends) -> None:
    for n in range(100):
        await trends.get(WINDOWS["15m"], f"f{n}")

    assert len(trends._fresh) == len(trends._known) == 64  # pyright: ignore[reportPrivateUsage]
