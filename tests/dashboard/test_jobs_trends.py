"""Trends: what was counted, in buckets, and how little of it is read anew."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission, renew_args
from arqboard.protocol.gauges import Gauge
from arqboard.protocol.scripts import register
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


# Queues


async def test_charts_follow_a_queue_for_a_day(trends: Trends, commands: Commands) -> None:
    await finish_one(commands)
    await commands.submit(Submission("resize", "other", b"p"))

    found = await trends.get(WINDOWS["1h"], None, "arq:queue")
    other = await trends.get(WINDOWS["24h"], None, "other")

    assert (found.total.submitted, found.total.succeeded, sum(found.total.run), sum(found.total.wait)) == (1, 1, 1, 1)
    assert (found.name, found.of) == ("1h@arq:queue", "arq:queue")
    assert (other.total.submitted, other.total.ended) == (1, 0)
    assert not WINDOWS["7d"].counts_queues
    await finish_one(commands)
    trends.expire()
    assert (await trends.get(WINDOWS["1h"], None, "arq:queue")).total.succeeded == 2


# What ran and waited


async def beat(commands: Commands, redis: Any) -> None:
    args = renew_args(commands.keys, "w1", "arq:queue", lease_ms=10_000, record={"host": "h"}, tokens={})
    await register(redis, "renew")(args=args)


async def test_heartbeats_look_once_a_minute_how_many_jobs_run_and_wait(
    trends: Trends, commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit_many([Submission("resize", "arq:queue", b"p") for _ in range(3)])
    await commands.claim("arq:queue", "w1", 1, lease_ms=10_000, max_crashes=3)
    await beat(commands, redis)
    now = await reader.now_ms()
    [(minute, seen)] = (await reader.gauges(now - 60_000, now)).items()
    assert (seen.running, seen.queued) == (1, 2)

    await commands.submit(Submission("resize", "arq:queue", b"p"))
    await beat(commands, redis)
    assert (await reader.gauges(now - 60_000, now))[minute] == seen

    key = commands.keys.gauges(minute // 60)
    await redis.hdel(key, minute % 60)  # as in another minute
    await beat(commands, redis)
    assert Gauge.highest((await reader.gauges(now - 60_000, now + 60_000)).values()).queued == 3  # type: ignore[union-attr]
    assert 8 * 86_400 <= await redis.ttl(key) <= 8 * 86_400 + 3600


async def test_gauges_are_the_highest_of_their_bucket_and_gaps_where_no_worker_lived(
    trends: Trends, reader: Reader, redis: Any, keys: Keys
) -> None:
    window = WINDOWS["6h"]
    now = await reader.now_ms()
    first = window.first(now) // 60_000
    for minute, text in ((first, "1|5|0"), (first + 1, "2|3|9"), (first + 10, "7|0|0"), (first + 11, "rubbish")):
        await redis.hset(keys.gauges(minute // 60), minute % 60, text)
    await redis.hset(keys.gauges(first // 60), mapping={"x": "1|1|1", "77": "1|1|1"})

    found = await trends.get(window)

    assert list(found.gauges[:3]) == [Gauge(2, 5, 9), None, Gauge(7, 0, 0)]
    assert found.gauges[3:] == [None] * (window.count - 3)
    assert (await trends.get(window, "resize")).gauges == []


async def test_minutes_that_are_over_are_read_once(trends: Trends, commands: Commands, redis: Any) -> None:
    await beat(commands, redis)
    await trends.get(WINDOWS["24h"])
    trends.expire()
    await redis.config_resetstat()
    found = await trends.get(WINDOWS["24h"])
    assert found.gauges[-1] is not None or found.gauges[-2] is not None
    assert int((await redis.info("commandstats"))["cmdstat_hgetall"]["calls"]) <= 2


async def test_a_key_of_another_type_spoils_no_heartbeat_and_no_chart(
    trends: Trends, commands: Commands, reader: Reader, redis: Any
) -> None:
    hour = await reader.now_ms() // 3_600_000
    for key in (commands.keys.gauges(hour), commands.keys.gauges(hour + 1)):
        await redis.set(key, "rubbish")
    await beat(commands, redis)
    assert (await trends.get(WINDOWS["1h"])).gauges[-1] is None
