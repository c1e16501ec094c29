"""`arqboard-worker` as a user calls it: a process in the folder of a project."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import Job
from waiting import eventually

PROJECT = """
import asyncio
from arq.connections import RedisSettings
from arqboard import every

async def double(ctx, number: int) -> int:
    return 2 * number

async def wait(ctx) -> None:
    await asyncio.sleep(600)

class Base:
    redis_settings = RedisSettings.from_dsn({url!r})
    functions = [double, wait]

class WorkerSettings(Base):
    poll_delay = 0.1
    health_check_interval = 1

SETTINGS = {{"functions": [double], "redis_settings": Base.redis_settings}}

class Empty:
    pass

class Nowhere(Base):
    redis_settings = RedisSettings(port=1, conn_retries=0)

class Typo(Base):
    arqboard = {{"leese": 3}}

class Hasty(Base):
    arqboard = {{"lease": "soon"}}

class Loud(Base):
    arqboard = {{"log_level": "LOUD"}}

class Slow(Base):
    arqboard = {{"lease": 2, "heartbeat": 2}}

class Twice(Base):
    schedules = [every(60, double, name="a"), every(30, double, name="a")]

class Elsewhere(Base):
    functions = ["no.such.module.task"]
"""

CLOCK = """
from arqboard import crontab
from worker import Base, double

class WorkerSettings(Base):
    schedules = [crontab("61 * * * *", double)]
"""


@dataclass
class Ended:
    """What a command said, and its exit code."""

    code: int
    output: str


Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
Run = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def pool(redis_url: str, redis: object) -> AsyncIterator[ArqRedis]:
    """Stock arq's own way to queue jobs; the database is empty."""
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    yield pool
    await pool.aclose()


@pytest.fixture
async def start(tmp_path: Path, redis_url: str) -> AsyncIterator[Start]:
    """Starts the command in a project's folder, and kills what is left of it at the end."""
    (tmp_path / "worker.py").write_text(PROJECT.format(url=redis_url))
    (tmp_path / "clock.py").write_text(CLOCK)
    async with AsyncExitStack() as ends:

        async def start(*arguments: str) -> asyncio.subprocess.Process:
            return await ends.enter_async_context(command(tmp_path, *arguments))

        yield start


@pytest.fixture
def run(start: Start) -> Run:
    async def run(*arguments: str) -> Ended:
        process = await start(*arguments)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        return Ended(process.returncode or 0, output.decode())

    return run


@asynccontextmanager
async def command(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    program = Path(sys.executable).with_name("arqboard-worker")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=folder, env={**os.environ}, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_runs_a_plain_arq_settings_class_from_the_current_folder(run: Run, pool: ArqRedis) -> None:
    """The module is called `worker`, as in arq's own documentation, and inherits its functions."""
    job = await pool.enqueue_job("double", 21)
    ended = await run("worker.WorkerSettings", "--burst")
    assert (ended.code, await result_of(job)) == (0, 42), ended.output


async def test_it_runs_a_dict_of_settings(run: Run, pool: ArqRedis) -> None:
    job = await pool.enqueue_job("double", 4)
    ended = await run("worker.SETTINGS", "--burst")
    assert (ended.code, await result_of(job)) == (0, 8), ended.output


async def test_without_burst_it_runs_until_it_is_told_to_stop(start: Start, pool: ArqRedis) -> None:
    process = await start("worker.WorkerSettings")
    assert await result_of(await pool.enqueue_job("double", 1)) == 2
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_check_says_whether_a_worker_lives(start: Start, run: Run, pool: ArqRedis) -> None:
    assert (await run("worker.WorkerSettings", "--check")).code == 1
    process = await start("worker.WorkerSettings")
    await eventually(lambda: pool.exists("arq:queue:health-check"))
    ended = await run("worker.WorkerSettings", "--check")
    assert (ended.code, "successful" in ended.output) == (0, True), ended.output
    process.send_signal(signal.SIGTERM)
    await process.wait()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("nonsense", "nonsense can't be imported"),
        ("no.such.module.WorkerSettings", "No module named 'no'"),
        ("worker.Missing", 'does not define a "Missing"'),
        ("worker.Empty", "no functions"),
        ("worker.PROJECT_OF_NOBODY", "does not define"),
        ("worker.double", "a class or a dict"),
        ("worker.Nowhere", "can't be reached"),
        ("worker.Typo", 'There is no setting "leese"; there are prefix, lease'),
        ("worker.Hasty", 'The setting "lease" (ARQBOARD_LEASE): has to be a valid number'),
        ("worker.Loud", "log_level is 'LOUD'; it can be"),
        ("worker.Slow", "a lease has to outlive two lost heartbeats"),
        ("worker.Twice", 'Two schedules are called "a"'),
        ("worker.Elsewhere", "No module named 'no'"),
        ("clock.WorkerSettings", 'The crontab "61 * * * *" can\'t be read: bad minute'),
    ],
)
async def test_what_is_wrong_is_said_in_one_sentence(run: Run, settings: str, said: str) -> None:
    ended = await run(settings)
    lines = [line for line in ended.output.splitlines() if line.startswith("Error: ")]
    assert (ended.code, len(lines)) == (1, 1), ended.output
    assert said in lines[0]
    assert "Traceback" not in ended.output


async def test_check_without_redis_is_one_sentence_too(run: Run) -> None:
    ended = await run("worker.Nowhere", "--check")
    assert (ended.code, "can't be reached" in ended.output, "Traceback" in ended.output) == (1, True, False)


async def test_verbose_shows_the_traceback_behind_the_sentence(run: Run) -> None:
    ended = await run("no.such.module.WorkerSettings", "--verbose")
    assert (ended.code, "Traceback" in ended.output) == (1, True)


async def result_of(job: Job | None) -> object:
    assert job is not None
    return await job.result(timeout=20, poll_delay=0.02)
