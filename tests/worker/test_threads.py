"""Jobs that are plain functions, in threads."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from waiting import eventually

from arqboard.limits import HardTimeLimit, SoftTimeLimit, within
from arqboard.progress import Live, Progress, current, set_current
from arqboard.threads import ThreadRun

who: ContextVar[str] = ContextVar("who", default="nobody")


def run_of(function: Callable[..., Any], *args: Any, grace: float = 5, **kwargs: Any) -> ThreadRun:
    return ThreadRun(function, {"job_id": "j1"}, args, kwargs, grace=grace)


def compute(ctx: object) -> None:
    """Busy, and never inside C for long."""
    while True:
        pass


async def test_a_function_runs_in_a_thread_of_its_own_named_after_the_job() -> None:
    def job(ctx: dict[str, str], a: int, *, b: int) -> tuple[int, str, bool]:
        thread = threading.current_thread()
        return a + b, thread.name, thread.daemon

    assert await run_of(job, 1, b=2).result() == (3, "job j1", True)


async def test_the_thread_has_the_context_of_its_caller() -> None:
    who.set("me")
    assert await run_of(lambda ctx: who.get()).result() == "me"


async def test_the_errors_of_a_function_go_through() -> None:
    def job(ctx: object) -> None:
        raise KeyError("key")

    with pytest.raises(KeyError, match="key"):
        await run_of(job).result()


async def test_system_exit_in_a_thread_is_the_jobs_error() -> None:
    def job(ctx: object) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await within(run_of(job), soft=None, hard=5)


async def test_a_function_can_report_progress() -> None:
    touched: list[int] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    set_current(Progress(Live("j1", "t"), lambda live: touched.append(live.done), lambda live: done))

    def job(ctx: object) -> None:
        current().report(3, 10)

    await run_of(job).result()
    assert touched == [3]


# Limits


async def test_a_function_can_clean_up_at_its_soft_limit_and_return() -> None:
    def job(ctx: object) -> str:
        try:
            compute(ctx)
        except SoftTimeLimit as limit:
            return str(limit)
        return "never"

    assert await within(run_of(job), soft=0.05, hard=10) == "ran longer than its soft limit of 0.05 s"


async def test_a_function_that_does_not_know_its_soft_limit_fails_with_it() -> None:
    with pytest.raises(SoftTimeLimit, match=r"soft limit of 0\.05 s"):
        await within(run_of(compute), soft=0.05, hard=10)
    await eventually(no_job_threads)


async def test_a_function_that_computes_ends_at_its_hard_limit() -> None:
    with pytest.raises(HardTimeLimit):
        await within(run_of(compute), soft=None, hard=0.05)
    await eventually(no_job_threads)


async def test_both_limits_one_after_the_other() -> None:
    seen: list[str] = []

    def job(ctx: object) -> None:
        while True:
            try:
                compute(ctx)
            except SoftTimeLimit:
                seen.append("soft")
            except asyncio.CancelledError:
                seen.append("hard")
                raise

    with pytest.raises(HardTimeLimit):
        await within(run_of(job), soft=0.05, hard=0.5)
    assert seen == ["soft", "hard"]


async def test_a_limit_before_the_thread_has_begun_ends_it_before_it_runs() -> None:
    ran: list[int] = []
    run = run_of(lambda ctx: ran.append(1))
    run.interrupt(SoftTimeLimit())
    with pytest.raises(SoftTimeLimit):
        await run.result()
    assert not ran


# Cancellation


async def test_an_abort_reaches_the_function() -> None:
    started = threading.Event()
    seen: list[type] = []

    def job(ctx: object) -> None:
        try:
            started.set()
            compute(ctx)
        except asyncio.CancelledError as error:
            seen.append(type(error))
            raise

    task = asyncio.create_task(run_of(job).result())
    await eventually(started.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [asyncio.CancelledError]
    await eventually(no_job_threads)


async def test_a_function_that_returns_when_it_is_cancelled_keeps_its_result() -> None:
    started = threading.Event()

    def job(ctx: object) -> str:
        try:
            started.set()
            compute(ctx)
        except asyncio.CancelledError:
            return "half of it"
        return "never"

    task = asyncio.create_task(run_of(job).result())
    await eventually(started.is_set)
    task.cancel()
    assert await task == "half of it"


async def test_code_inside_c_is_left_to_itself_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    release, started = threading.Lock(), threading.Event()
    release.acquire()
    after: list[str] = []

    def job(ctx: object) -> None:
        started.set()
        try:
            release.acquire()
        finally:
            after.append("back in Python")

    task = asyncio.create_task(run_of(job, grace=0.05).result())
    await eventually(started.is_set)
    task.cancel()
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await task
    assert [r.getMessage() for r in caplog.records] == ["job j1 ignores its cancellation; its thread is left to itself"]
    assert not after
    release.release()
    await eventually(no_job_threads)
    assert after == ["back in Python"]


async def test_a_second_cancellation_leaves_the_thread_at_once() -> None:
    release, started = threading.Lock(), threading.Event()
    release.acquire()

    def job(ctx: object) -> None:
        started.set()
        release.acquire()

    task = asyncio.create_task(run_of(job, grace=60).result())
    await eventually(started.is_set)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    release.release()
    await eventually(no_job_threads)


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_strikes_a_thread_after_its_function(seed: int) -> None:
    """Whatever strikes when, each run ends, and no exception comes up in a thread (pytest would report it)."""
    chance = random.Random(seed)

    def job(ctx: object, turns: int) -> int:
        for _ in range(turns):
            pass
        return turns

    for _ in range(50):
        turns = chance.randrange(20_000)
        run = run_of(job, turns)
        task = asyncio.create_task(run.result())
        await asyncio.sleep(chance.random() * 0.0008)
        steps = [lambda run=run: run.interrupt(SoftTimeLimit()), task.cancel]
        for step in chance.sample(steps, chance.randrange(3)):
            step()
        await asyncio.wait({task}, timeout=10)
        assert task.done()
        assert task.cancelled() or task.result() == turns
    await eventually(no_job_threads)


def test_a_thread_may_outlive_its_loop() -> None:
    release, started = threading.Lock(), threading.Event()
    release.acquire()

    def job(ctx: object) -> None:
        started.set()
        release.acquire()

    async def leave() -> None:
        task = asyncio.create_task(run_of(job, grace=0).result())
        await eventually(started.is_set)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(leave())
    release.release()
    while not no_job_threads():
        time.sleep(0.01)


def no_job_threads() -> bool:
    return not any(thread.name.startswith("job ") for thread in threading.enumerate())
