"""The worker, seen from an arq user's side: stock `enqueue_job` and `Job` against our worker."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.cron import cron
from arq.jobs import Job, JobStatus
from arq.worker import Retry, func
from waiting import eventually

from arqboard import Worker, chunks, current
from arqboard import protocol as ours
from arqboard.protocol import Outcome, Reader, State, WrongState
from arqboard.protocol.commands import Commands
from arqboard.running import create_worker, get_kwargs
from arqboard.settings import ToolkitSettings
from arqboard.submitting import find_function, submit

from .conftest import StartWorker, has_state, running


async def add(ctx: dict[str, Any], a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


async def fail(ctx: dict[str, Any]) -> None:
    raise ValueError("it broke")


async def stay(ctx: dict[str, Any]) -> None:
    await asyncio.Event().wait()


async def enqueue(pool: ArqRedis, function: str, *args: Any, **kwargs: Any) -> Job:
    job = await pool.enqueue_job(function, *args, **kwargs)
    assert job is not None
    return job


async def state_of(reader: Reader, job_id: str) -> State:
    return (await reader.get(job_id)).state


# A stock client does not notice which worker runs its jobs


async def test_a_stock_client_gets_its_result(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(add)
    job = await enqueue(pool, "add", 1, b=5)

    assert await job.result(timeout=20, poll_delay=0.02) == 6
    assert await job.status() is JobStatus.complete
    info = await job.result_info()
    assert info is not None and (info.function, info.args, info.kwargs, info.job_try) == ("add", (1,), {"b": 5}, 1)
    ours = await reader.get(job.job_id)
    assert (ours.state, ours.result, ours.args, ours.kwargs) == (State.SUCCEEDED, 6, [1], {"b": 5})


async def test_a_stock_client_gets_the_exception(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(fail)
    job = await enqueue(pool, "fail")

    with pytest.raises(ValueError, match="it broke"):
        await job.result(timeout=20, poll_delay=0.02)
    error = (await reader.get(job.job_id)).error
    assert error is not None and str(error) == "ValueError: it broke" and "raise ValueError" in error.traceback


async def test_a_stock_client_aborts_a_running_job(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(stay)
    job = await enqueue(pool, "stay")
    await eventually(lambda: _is(job, JobStatus.in_progress))

    assert await job.abort(timeout=20, poll_delay=0.02) is True
    assert await state_of(reader, job.job_id) is State.ABORTED


async def test_a_stock_client_aborts_a_deferred_job(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    job = await enqueue(pool, "add", 1, _defer_by=60)
    await start(add)
    await eventually(lambda: _exists(reader, job.job_id))
    assert await job.status() is JobStatus.deferred
    assert await job.abort(timeout=20, poll_delay=0.02) is True


async def test_an_old_abort_does_not_kill_a_new_job_of_the_same_id(start: StartWorker, pool: ArqRedis) -> None:
    week_ago = datetime.now(UTC) - timedelta(days=7)
    await pool.zadd("arq:abort", {"again": week_ago.timestamp() * 1000})
    await start(add)
    job = await enqueue(pool, "add", 1, _job_id="again")
    assert await job.result(timeout=20, poll_delay=0.02) == 3


async def test_a_waiting_stock_job_is_shown_before_it_runs(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(add, stay, max_jobs=1)
    first = await enqueue(pool, "stay")
    await eventually(partial(_is, first, JobStatus.in_progress))
    waiting = await enqueue(pool, "add", 7)
    await eventually(lambda: _exists(reader, waiting.job_id))
    job = await reader.get(waiting.job_id)
    assert (job.state, job.function, job.args) == (State.QUEUED, "add", [7])


async def test_a_payload_that_cannot_be_read_fails_its_job_only(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    await pool.set("arq:job:broken", b"\x80garbage")
    await pool.zadd("arq:queue", {"broken": 1})
    await start(add)
    job = await enqueue(pool, "add", 1)
    assert await job.result(timeout=20, poll_delay=0.02) == 3
    await eventually(lambda: has_state(reader, "broken", State.FAILED))


async def test_an_unknown_function_fails_with_its_name(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(add)
    job = await enqueue(pool, "nothing")
    await eventually(lambda: has_state(reader, job.job_id, State.FAILED))
    assert "'nothing' not found" in str((await reader.get(job.job_id)).error)


async def test_an_expired_job_fails_as_expired(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    job = await enqueue(pool, "add", 1, _expires=0.001)
    await eventually(lambda: _gone(pool, f"arq:job:{job.job_id}"))
    await start(add)
    await eventually(lambda: has_state(reader, job.job_id, State.FAILED))
    assert "expired" in str((await reader.get(job.job_id)).error)


# Our own submit


async def test_our_submit_is_checked_and_started_by_its_wake_up(
    start: StartWorker, commands: Commands, reader: Reader
) -> None:
    await start(add)
    info = find_function(await reader.functions(), "add")
    assert (info.signature, info.summary) == ("(a: int, b: int = 2)", "Add two numbers.")
    submitted = await submit(commands, info, [1], {})
    await eventually(lambda: has_state(reader, submitted.job_id, State.SUCCEEDED))


async def test_a_retry_of_a_running_job_is_refused(start: StartWorker, commands: Commands, pool: ArqRedis) -> None:
    await start(stay)
    job = await enqueue(pool, "stay")
    await eventually(lambda: _is(job, JobStatus.in_progress))
    with pytest.raises(WrongState, match="running"):
        await commands.retry(job.job_id)


async def test_our_abort_cancels_a_running_job(
    start: StartWorker, commands: Commands, pool: ArqRedis, reader: Reader
) -> None:
    await start(stay)
    job = await enqueue(pool, "stay")
    await eventually(lambda: _is(job, JobStatus.in_progress))
    assert await commands.abort(job.job_id) is State.RUNNING
    await eventually(lambda: has_state(reader, job.job_id, State.ABORTED))


async def test_an_abort_that_the_job_ignores_still_has_an_outcome(
    start: StartWorker, commands: Commands, pool: ArqRedis, reader: Reader
) -> None:
    release = asyncio.Event()

    async def stubborn(ctx: dict[str, Any]) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    worker = await start(stubborn)
    job = await enqueue(pool, "stubborn")
    await eventually(lambda: _is(job, JobStatus.in_progress))
    await commands.abort(job.job_id)
    await eventually(lambda: has_state(reader, job.job_id, State.ABORTED))
    assert worker.running == {}
    release.set()


# Retries


async def test_the_last_real_exception_is_the_jobs_error(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def flaky(ctx: dict[str, Any]) -> None:
        try:
            raise OSError(f"reset {ctx['job_try']}")
        except OSError as error:
            raise Retry(defer=0.01) from error

    await start(func(flaky, name="flaky", max_tries=3))
    job = await enqueue(pool, "flaky")
    await eventually(lambda: has_state(reader, job.job_id, State.FAILED))

    ours = await reader.get(job.job_id)
    assert str(ours.error) == "OSError: reset 3"
    attempts = await reader.attempts(ours)
    assert [(a.outcome, str(a.error)) for a in attempts] == [
        (Outcome.RETRY, "OSError: reset 1"),
        (Outcome.RETRY, "OSError: reset 2"),
        (Outcome.FAILED, "OSError: reset 3"),
    ]


async def test_a_retried_job_resumes_at_the_chunk_that_failed(
    start: StartWorker, commands: Commands, pool: ArqRedis, reader: Reader
) -> None:
    seen: list[int] = []
    broken = True

    async def work(ctx: dict[str, Any]) -> int:
        async for chunk in chunks(range(10), size=2, unit="rows"):
            if chunk.number == 4 and broken:
                raise RuntimeError("chunk 4 of 5")
            seen.extend(chunk)
        return len(seen)

    await start(work)
    job = await enqueue(pool, "work")
    await eventually(lambda: has_state(reader, job.job_id, State.FAILED))
    assert await reader.chunk_marks(job.job_id) == "dddf."
    assert seen == [0, 1, 2, 3, 4, 5]

    broken = False
    await commands.retry(job.job_id)
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    assert seen == list(range(10))
    ours = await reader.get(job.job_id)
    assert ours.progress is not None and (ours.progress.done, ours.progress.percent) == (10, 100.0)
    assert await reader.chunk_marks(job.job_id) == "ddddd"


async def test_chunks_each_goes_past_failures_and_runs_several_at_once(
    start: StartWorker, commands: Commands, pool: ArqRedis, reader: Reader
) -> None:
    most, now = 0, 0

    async def work(ctx: dict[str, Any]) -> list[int]:
        async def one(chunk: list[int]) -> None:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            if 13 in chunk:
                raise ValueError("unlucky")

        summary = await chunks.each(one, range(40), size=4, concurrency=3, on_error="continue")
        return [summary.total, summary.done, summary.failed, *summary.errors]

    await start(work)
    job = await enqueue(pool, "work")
    assert await job.result(timeout=20, poll_delay=0.02) == [10, 9, 1, 3]
    assert most == 3
    counts = (await reader.get(job.job_id)).chunks
    assert counts is not None and (counts.done, counts.failed) == (9, 1)


async def test_progress_is_seen_while_the_job_runs_and_its_last_state_after(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    steps: asyncio.Queue[int] = asyncio.Queue()

    async def work(ctx: dict[str, Any]) -> None:
        while (done := await steps.get()) < 100:
            await current()(done, 100, note=f"at {done}", unit="rows")
        await ctx["progress"](100)

    await start(work)
    job = await enqueue(pool, "work")
    for done in (10, 40, 70):
        steps.put_nowait(done)
        await eventually(partial(_is_at, reader, job.job_id, done))
    steps.put_nowait(100)
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    progress = (await reader.get(job.job_id)).progress
    assert progress is not None and (progress.done, progress.total, progress.note) == (100, 100, "at 70")


async def test_progress_from_a_thread_arrives(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        await asyncio.to_thread(current().report, 5, 10)

    await start(work)
    job = await enqueue(pool, "work")
    await job.result(timeout=20, poll_delay=0.02)
    await eventually(lambda: _is_at(reader, job.job_id, 5))


# Limits, hooks, ends


async def test_a_job_over_its_time_limit_fails(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    await start(func(stay, name="stay", timeout=0.1))
    job = await enqueue(pool, "stay")
    with pytest.raises(TimeoutError):
        await job.result(timeout=20, poll_delay=0.02)


async def test_hooks_that_raise_end_neither_job_nor_worker(
    start: StartWorker, pool: ArqRedis, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def bad(name: str) -> Any:
        async def hook(ctx: dict[str, Any]) -> None:
            called.append(name)
            raise RuntimeError(name)

        return hook

    with caplog.at_level(logging.CRITICAL, "arq.worker"):
        await start(add, on_job_start=bad("start"), on_job_end=bad("end"), after_job_end=bad("after"))
        for _ in range(2):
            job = await enqueue(pool, "add", 1)
            assert await job.result(timeout=20, poll_delay=0.02) == 3
        await eventually(lambda: len(called) == 6)
    assert called[:3] == ["start", "end", "after"]


async def test_a_job_that_exits_does_not_end_its_worker(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def leave(ctx: dict[str, Any]) -> None:
        sys.exit(3)

    await start(leave, add)
    gone = await enqueue(pool, "leave")
    await eventually(lambda: has_state(reader, gone.job_id, State.FAILED))
    job = await enqueue(pool, "add", 1)
    assert await job.result(timeout=20, poll_delay=0.02) == 3


async def test_a_shutdown_hands_running_jobs_over_and_burns_no_try(
    redis_settings: Any, redis: Any, pool: ArqRedis, reader: Reader
) -> None:
    one = Worker([func(stay, name="stay", max_tries=1)], redis_settings=redis_settings, handle_signals=False)
    async with running(one):
        job = await enqueue(pool, "stay")
        await eventually(lambda: _is(job, JobStatus.in_progress))
    ours = await reader.get(job.job_id)
    assert (ours.state, ours.outcome) == (State.QUEUED, Outcome.HANDED_OVER)
    assert await redis.get(f"arq:retry:{job.job_id}") == b"0"
    assert await reader.workers() == []

    function = func(add_nothing, name="stay", max_tries=1)
    two = Worker([function], redis_settings=redis_settings, burst=True, handle_signals=False)
    assert await two.run_check() == 1
    await two.close()
    assert await state_of(reader, job.job_id) is State.SUCCEEDED


async def add_nothing(ctx: dict[str, Any]) -> None:
    return None


async def test_burst_mode_ends_when_the_queue_is_empty(redis_settings: Any, pool: ArqRedis) -> None:
    for n in range(25):
        await enqueue(pool, "add", n)
    worker = Worker([add], redis_settings=redis_settings, burst=True, handle_signals=False)
    assert await worker.run_check() == 25
    await worker.close()


async def test_cron_jobs_run_as_with_arq(start: StartWorker, reader: Reader) -> None:
    ran = asyncio.Event()

    async def tick(ctx: dict[str, Any]) -> None:
        ran.set()

    await start(add, cron_jobs=[cron(tick, second=set(range(60)))])
    await asyncio.wait_for(ran.wait(), 30)


async def test_the_worker_is_in_the_registry(start: StartWorker, reader: Reader) -> None:
    worker = await start(add, max_jobs=7)
    [info] = await reader.workers()
    assert (info.id, info.slots, info.functions, info.alive, info.queue) == (worker.id, 7, ["add"], True, "arq:queue")


async def test_a_worker_whose_lease_was_taken_lets_the_job_go(
    start: StartWorker, pool: ArqRedis, redis: Any, commands: Commands, reader: Reader
) -> None:
    """What a long pause of the process looks like from inside."""
    cancelled = asyncio.Event()

    async def watched(ctx: dict[str, Any]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    worker = await start(watched, max_jobs=1, arqboard={"lease": 30, "heartbeat": 5})  # it can't renew first
    job = await enqueue(pool, "watched")
    await eventually(lambda: worker.running)
    await redis.delete(f"arq:in-progress:{job.job_id}")
    await redis.zadd("arq:queue", {job.job_id: 1})
    taken = await commands.claim("arq:queue", "other", 1, lease_ms=60_000, max_crashes=9)
    assert [claimed.job_id for claimed in taken.jobs] == [job.job_id]
    await asyncio.wait_for(cancelled.wait(), 30)
    assert (await reader.get(job.job_id)).worker == "other"


# Settings


def test_a_settings_class_may_inherit() -> None:
    class Base:
        functions = [add]
        max_jobs = 3

    class Settings(Base):
        max_jobs = 4
        unknown = 1

    assert get_kwargs(Settings) == {"functions": [add], "max_jobs": 4}
    assert get_kwargs({"functions": [add], "x": 1}) == {"functions": [add]}


async def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heartbeat of 0\.3 s or less"):
        ToolkitSettings(lease=1.0, heartbeat=0.5)
    with pytest.raises(ValueError, match="Extra inputs"):
        create_worker({"functions": [add], "handle_signals": False, "arqboard": {"leese": 5}})


async def test_a_settings_class_makes_a_worker() -> None:
    class Settings:
        functions = [add]
        handle_signals = False
        arqboard = {"prefix": "mine:"}

    worker = create_worker(Settings)
    assert (worker.toolkit.prefix, worker.max_jobs) == ("mine:", 10)


async def _is(job: Job, status: JobStatus) -> bool:
    return await job.status() is status


async def _exists(reader: Reader, job_id: str) -> bool:
    return (await reader.many([job_id]))[0] is not None


async def _gone(pool: ArqRedis, key: str) -> bool:
    return not await pool.exists(key)


async def _is_at(reader: Reader, job_id: str, done: int) -> bool:
    job = (await reader.many([job_id]))[0]
    return isinstance(job, ours.Job) and job.progress is not None and job.progress.done == done
