"""A thousand aborts raced against start, finish and retry: each job has one outcome, and a retry after it runs."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from arq.connections import RedisSettings, create_pool
from waiting import eventually

from arqboard import Board, JobExists, Worker, WrongState, connect, submit_many, task
from arqboard.protocol import Job, Outcome, Reader, State
from arqboard.protocol.commands import Commands

JOBS, SEED = 1000, 20_261_124


@task(name="quick")
async def quick(ctx: dict[str, Any], ms: float) -> float:
    await asyncio.sleep(ms / 1000)
    return ms


@pytest.fixture
async def board(redis_url: str) -> AsyncIterator[Board]:
    opened = await connect(redis_url)
    yield opened
    await opened.close()


@pytest.fixture
async def workers(board: Board, redis_url: str) -> AsyncIterator[list[Worker]]:
    """Three, in the loop of the test."""
    settings = RedisSettings.from_dsn(redis_url)
    fleet = [
        Worker([quick], redis_settings=settings, handle_signals=False, max_jobs=10, poll_delay=0.05) for _ in range(3)
    ]
    running = [asyncio.create_task(worker.async_run()) for worker in fleet]
    yield fleet
    for worker in fleet:
        await worker.close()
    await asyncio.gather(*running, return_exceptions=True)


async def states(reader: Reader, ids: list[str]) -> list[State]:
    found: list[State] = []
    for start in range(0, len(ids), 200):
        found += [job.state for job in await reader.many(ids[start : start + 200]) if isinstance(job, Job)]
    return found


async def all_ended(reader: Reader, ids: list[str]) -> bool:
    return all(state.is_terminal for state in await states(reader, ids))


async def test_each_of_a_thousand_aborts_has_one_outcome_and_a_retry_runs(
    workers: list[Worker], board: Board, commands: Commands, reader: Reader
) -> None:
    rng = random.Random(SEED)
    handles = await submit_many(quick.s(rng.uniform(0, 90)) for _ in range(JOBS))
    ids = [handle.id for handle in handles]
    asked = Counter[str]()

    async def race(job_id: str) -> None:
        await asyncio.sleep(rng.uniform(0, 2.5))
        try:
            asked[await commands.abort(job_id)] += 1
        except WrongState:
            asked["too late"] += 1
        if rng.random() < 0.3:
            with suppress(WrongState, JobExists):
                await commands.retry(job_id)
                asked["retried"] += 1

    await asyncio.gather(*(race(job_id) for job_id in ids))
    await eventually(lambda: all_ended(reader, ids), within=60)

    ended = Counter(await states(reader, ids))
    print(f"seed {SEED}: asked {dict(asked)}, ended {dict(ended)}")
    assert sum(ended.values()) == JOBS and ended[State.FAILED] == 0
    assert (
        min(asked[State.ABORTED], asked[State.RUNNING], asked["too late"], asked["retried"]) > 0
    )  # all races were run
    counted = await reader.totals()
    assert counted.all.succeeded + counted.all.aborted == JOBS + asked["retried"]
    await _one_end_for_each_life(reader, ids)

    again = [job_id for job_id, state in zip(ids, await states(reader, ids), strict=True) if state is State.ABORTED]
    assert await commands.retry_many(again) == len(again)
    await eventually(lambda: all_ended(reader, again), within=60)
    assert set(await states(reader, again)) == {State.SUCCEEDED}


async def _one_end_for_each_life(reader: Reader, ids: list[str]) -> None:
    """Of a job's attempts at most the last one succeeded, and none reported an end that was thrown away."""
    for start in range(0, len(ids), 200):
        for job in await reader.many(ids[start : start + 200], detail=True):
            assert isinstance(job, Job)
            outcomes = [attempt.outcome for attempt in await reader.attempts(job)]
            assert Outcome.SUCCEEDED not in outcomes[:-1], (job.id, outcomes)
            assert outcomes[-1:] == [Outcome(job.state)] or not outcomes or job.state is State.ABORTED


async def test_stock_aborts_race_as_well(workers: list[Worker], board: Board, reader: Reader, redis_url: str) -> None:
    """arq's own `Job.abort` writes an entry that our workers hear with their heartbeat."""
    rng = random.Random(SEED)
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    jobs = [await pool.enqueue_job("quick", rng.uniform(0, 20)) for _ in range(100)]
    entries = {job.job_id: await reader.now_ms() for job in jobs if job is not None}
    await pool.zadd("arq:abort", entries)
    await eventually(lambda: all_ended(reader, list(entries)), within=60)
    found = Counter(await states(reader, list(entries)))
    assert sum(found.values()) == 100 and set(found) <= {State.SUCCEEDED, State.ABORTED}
    await pool.aclose()
