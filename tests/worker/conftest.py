"""Workers in the loop of the test, against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Function, func
from waiting import eventually

from arqboard import Worker
from arqboard.protocol import Job, Reader, State

StartWorker = Callable[..., Awaitable[Worker]]

#: Quick enough for tests, and still in the proportions of the real ones.
QUICK = {"lease": 2.0, "heartbeat": 0.3, "flush": 0.05, "idle_flush": 0.05, "abort_grace": 0.5}


@pytest.fixture
def redis_settings(redis_url: str) -> RedisSettings:
    return RedisSettings.from_dsn(redis_url)


@pytest.fixture
async def pool(redis: object, redis_settings: RedisSettings) -> AsyncIterator[ArqRedis]:
    """What a user's web application has: a stock arq pool."""
    stock = await create_pool(redis_settings)
    yield stock
    await stock.aclose()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    task = asyncio.create_task(worker.async_run())
    started = asyncio.create_task(_started(worker))
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield worker
    finally:
        await worker.close()
        started.cancel()
        await asyncio.gather(task, started, return_exceptions=True)


async def ended(pool: ArqRedis, reader: Reader, function: str) -> str:
    """Enqueue a job as arq does, and wait for its end, whichever that is; its id."""
    job = await pool.enqueue_job(function)
    assert job is not None
    await eventually(lambda: _has_ended(reader, job.job_id))
    return job.job_id


async def _has_ended(reader: Reader, job_id: str) -> bool:
    [job] = await reader.many([job_id])
    return isinstance(job, Job) and job.state.is_terminal


async def has_state(reader: Reader, job_id: str, state: State) -> bool:
    """Also of a job that nobody knows yet: it has not."""
    [job] = await reader.many([job_id])
    return isinstance(job, Job) and job.state is state


async def _started(worker: Worker) -> None:
    await eventually(lambda: hasattr(worker, "leases") and worker.leases.is_fresh)


@pytest.fixture
async def start(redis: object, redis_settings: RedisSettings) -> AsyncIterator[StartWorker]:
    """Starts workers that are closed after the test."""
    async with AsyncExitStack() as stack:

        async def start_worker(*functions: Any, **settings: Any) -> Worker:
            quick = {**QUICK, **settings.pop("arqboard", {})}
            named = [f if isinstance(f, Function) else func(f, name=f.__name__) for f in functions]
            worker = Worker(
                named, redis_settings=redis_settings, handle_signals=False, poll_delay=0.1, arqboard=quick, **settings
            )
            return await stack.enter_async_context(running(worker))

        yield start_worker
