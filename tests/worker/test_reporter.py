"""The reporter alone: what it sends, what it keeps when Redis refuses, and whom it tells."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.exceptions import RedisError

from arqboard.live import ChunkMap, Live
from arqboard.logs import Line
from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands, Submission
from arqboard.reporter import Reporter
from arqboard.settings import ToolkitSettings


async def lives(commands: Commands, count: int) -> list[Live]:
    """Running jobs."""
    jobs = [Submission(function="work", queue="arq:queue", payload=b"", job_id=f"j{n}") for n in range(count)]
    await commands.submit_many(jobs)
    claim = await commands.claim("arq:queue", "w1", count, lease_ms=60_000, max_crashes=3)
    return [Live(claimed.job_id, claimed.token) for claimed in claim.jobs]


@pytest.fixture
def lost() -> list[Live]:
    return []


@pytest.fixture
async def reporter(commands: Commands, lost: list[Live]) -> Reporter:
    return Reporter(commands, ToolkitSettings(), lost.append)


@asynccontextmanager
async def refusing(redis: Any) -> AsyncIterator[None]:
    """A server that takes no writes: it has no memory left."""
    await redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await redis.config_set("maxmemory", 0)


async def test_what_redis_refuses_is_sent_later(
    reporter: Reporter, commands: Commands, reader: Reader, redis: Any
) -> None:
    [live] = await lives(commands, 1)
    live.phases, live.done = '[{"name": "Reading", "state": "running", "started": 1, "shown": 1}]', 3
    live.chunks = ChunkMap(1, 2, bytearray(b".."))
    live.chunks.begin(0)
    live.chunks.end(0, "f", "OSError: full")
    reporter.touch(live)
    reporter.log(live, Line(time.time(), 20, "shop", "first"))
    async with refusing(redis):
        with pytest.raises(RedisError):
            await reporter.flush()
    reporter.log(live, Line(time.time(), 20, "shop", "second"))
    live.chunks.begin(1)
    await reporter.flush()

    chunks = await reader.chunk_info(live.job_id)
    assert [(info.mark, info.error) for info in chunks] == [("f", "OSError: full"), ("r", "")]
    assert [(phase.name, phase.done) for phase in (await reader.get(live.job_id)).phases] == [("Reading", 3)]
    assert [line.message for line in (await reader.logs(live.job_id)).lines] == ["first", "second"]


async def test_no_batch_of_many_jobs_is_forgotten(
    reporter: Reporter, commands: Commands, reader: Reader, redis: Any
) -> None:
    all_ = await lives(commands, 250)
    for live in all_:
        live.done = 7
        reporter.touch(live)
        reporter.log(live, Line(time.time(), 20, "shop", f"of {live.job_id}"))
    async with refusing(redis):
        with pytest.raises(RedisError):
            await reporter.flush()
    await reporter.flush()
    jobs = await reader.many([live.job_id for live in all_], detail=True)
    assert [(job.progress and job.progress.done, job.log_lines) for job in jobs] == [(7, 1)] * 250  # type: ignore[union-attr]


async def test_phases_are_sent_only_when_they_changed(
    reporter: Reporter, commands: Commands, reader: Reader, redis: Any
) -> None:
    [live] = await lives(commands, 1)
    live.phases = '[{"name": "Reading", "state": "done", "started": 1, "ended": 2}]'
    reporter.touch(live)
    await reporter.flush()
    await redis.hdel(commands.keys.job(live.job_id), "phases")
    reporter.touch(live)
    await reporter.flush()
    assert (await reader.get(live.job_id)).phases == []


async def test_who_waits_for_a_flush_is_told_and_may_fail(
    reporter: Reporter, commands: Commands, caplog: pytest.LogCaptureFixture
) -> None:
    told = list[str]()

    def on_flush(live: Live) -> None:
        told.append(live.job_id)
        raise RuntimeError("not so")

    reporter.on_flush = on_flush
    for live in await lives(commands, 2):
        reporter.touch(live)
    await reporter.flush()
    assert sorted(told) == ["j0", "j1"] and "on_flush of job j0" in caplog.text


async def test_a_log_of_another_attempts_job_is_dropped_and_said(
    reporter: Reporter, commands: Commands, reader: Reader, lost: list[Live]
) -> None:
    [live] = await lives(commands, 1)
    zombie = Live(live.job_id, "old")
    reporter.log(zombie, Line(time.time(), 20, "shop", "late"))
    await reporter.flush([zombie.token])
    await reporter.flush()
    assert lost == [zombie] and (await reader.logs(live.job_id)).lines == []
