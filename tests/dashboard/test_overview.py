"""What surrounds the jobs on every page, and how little of it is read anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard_dashboard.overview import MINUTES, Overview


@pytest.fixture
def overview(reader: Reader) -> Overview:
    return Overview(reader, base=lambda: "", static=lambda: "/static", form_token="t", build="b")


async def finish_one(commands: Commands) -> None:
    await commands.submit(Submission("resize", "arq:queue", b"p"))
    attempt = (await commands.claim("arq:queue", "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]
    await commands.finish([Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED)], keep_jobs=9, keep_jobs_ms=10**9)


async def reads_of(redis: Any, overview: Overview) -> int:
    """How many minutes are read for the tiles now."""
    await redis.config_resetstat()
    overview.kpis.expire()
    await overview.kpis.get()
    return int((await redis.info("commandstats"))["cmdstat_hgetall"]["calls"])


async def test_a_minute_that_is_over_is_read_once(overview: Overview, commands: Commands, redis: Any) -> None:
    await finish_one(commands)
    assert await reads_of(redis, overview) >= MINUTES

    await finish_one(commands)
    assert await reads_of(redis, overview) <= 4

    minutes = (await overview.kpis.get()).minutes
    assert sum(stats.succeeded for stats in minutes) == 2
    assert [stats.minute for stats in minutes] == list(range(minutes[0].minute, minutes[0].minute + MINUTES))


async def test_what_ended_in_a_database_that_is_gone_is_not_counted_on(
    overview: Overview, commands: Commands, redis: Any, reader: Reader, keys: Keys
) -> None:
    earlier = await reader.now_ms() // 60_000 - 5
    await redis.hset(keys.stats(earlier), "succeeded", 7)
    await finish_one(commands)
    assert sum(stats.succeeded for stats in (await overview.kpis.get()).minutes) == 8

    await redis.flushall()
    await finish_one(commands)
    overview.kpis.expire()

    assert sum(stats.succeeded for stats in (await overview.kpis.get()).minutes) == 1


async def test_all_who_ask_at_once_share_one_reading(overview: Overview, redis: Any) -> None:
    await redis.config_resetstat()
    await asyncio.gather(*(overview.looking.get() for _ in range(20)))

    assert (await redis.info("commandstats"))["cmdstat_set"]["calls"] == 1
