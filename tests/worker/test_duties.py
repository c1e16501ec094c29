"""What goes on in a worker beside its jobs, when something comes that it did not expect."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job
from arq.worker import Retry
from waiting import eventually

from arqboard import Worker, task
from arqboard.logs import LogCapture
from arqboard.protocol import Outcome, Reader, State
from arqboard.protocol.commands import Claim, Commands, Renewal

from .conftest import StartWorker, running


async def add(ctx: dict[str, Any], a: int, b: int = 2) -> int:
    return a + b


async def say(ctx: dict[str, Any]) -> str:
    logging.getLogger("shop").warning("said")
    return "said"


class Held:
    """A job that waits until it may end, and says whether it was stopped instead."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.is_stopped = False

    async def __call__(self, ctx: dict[str, Any]) -> str:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.is_stopped = True
            raise
        return "done"


async def enqueue(pool: ArqRedis, function: str, *args: Any) -> Job:
    job = await pool.enqueue_job(function, *args)
    assert job is not None
    return job


async def result(job: Job) -> Any:
    return await job.result(timeout=20, poll_delay=0.02)


async def start_held(start: StartWorker, pool: ArqRedis) -> tuple[Worker, Held, str]:
    """A worker, what it runs, and the id of that."""
    held = Held()

    async def hold(ctx: dict[str, Any]) -> str:
        return await held(ctx)

    worker = await start(hold)
    job = await enqueue(pool, "hold")
    await asyncio.wait_for(held.begun.wait(), 20)
    return worker, held, job.job_id


# Heartbeats: what one brings back is about what ran when it set out


async def test_an_answer_about_an_earlier_attempt_stops_no_later_one(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    """A job that asks to run again at once may have its next attempt before the heartbeat is back."""
    worker, held, job_id = await start_held(start, pool)
    attempt = worker.running[job_id]
    worker.leases._on_renewal(Renewal([job_id], [], is_watched=True), {job_id: "the attempt before"})
    assert worker.running[job_id] is attempt
    held.may_end.set()
    assert await result(Job(job_id, pool)) == "done" and not held.is_stopped


async def test_an_answer_that_does_not_know_of_a_job_yet_lets_no_paused_one_go_on(
    start: StartWorker, pool: ArqRedis
) -> None:
    worker, held, job_id = await start_held(start, pool)
    attempt = worker.running[job_id]
    attempt.pause()
    worker.leases._on_renewal(Renewal([], [], is_watched=True), {})
    assert attempt.live.is_paused
    worker.leases._on_renewal(Renewal([], [], is_watched=True), {job_id: attempt.token})
    assert not attempt.live.is_paused
    held.may_end.set()


async def test_a_heartbeat_that_fails_in_an_unknown_way_is_not_the_last(
    start: StartWorker, pool: ArqRedis, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    worker = await start(add)
    record, failed = worker.registry.record, threading.Event()

    def broken() -> dict[str, Any]:
        worker.leases._record = record
        failed.set()
        raise ValueError("no such host")

    with caplog.at_level(logging.ERROR, "arqboard.lease"):
        worker.leases._record = broken
        await eventually(failed.is_set)
        before = await redis.zscore("arqboard:workers", worker.id)
        await eventually(lambda: _beats_after(redis, worker.id, before))
    assert "ValueError: no such host" in caplog.text
    assert await result(await enqueue(pool, "add", 1)) == 3


async def _beats_after(redis: Any, worker_id: str, before: float) -> bool:
    return bool(await redis.zscore("arqboard:workers", worker_id) > before)


# Duties


@pytest.mark.parametrize("duty", ["reporter", "outbox", "listener", "housekeeping", "workflows", "scheduler"])
async def test_a_duty_that_fails_is_said_and_begins_anew(
    start: StartWorker, pool: ArqRedis, caplog: pytest.LogCaptureFixture, duty: str
) -> None:
    worker = await start(add)
    begun, going = 0, asyncio.Event()

    async def fragile() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise RuntimeError("a bolt came loose")
        going.set()
        await asyncio.Event().wait()

    with caplog.at_level(logging.ERROR, "arq.worker"):
        keeper = asyncio.create_task(worker._keep(duty, fragile))
        await asyncio.wait_for(going.wait(), 20)
    keeper.cancel()
    assert f"the duty {duty} failed" in caplog.text and "a bolt came loose" in caplog.text
    assert [task.get_name() for task in worker._duties if not task.done()].count(duty) == 1


async def test_log_lines_that_cannot_be_stored_hold_up_no_end(
    start: StartWorker, pool: ArqRedis, reader: Reader, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.set("arqboard:log:spoilt", "no stream")
    await start(say)
    job = await pool.enqueue_job("say", _job_id="spoilt")
    assert job is not None
    assert await result(job) == "said"
    await eventually(lambda: _has_state(reader, "spoilt", State.SUCCEEDED))
    assert "can't be sent" in caplog.text


def test_a_thread_that_logs_while_its_worker_stops_is_not_disturbed() -> None:
    """logging has handed it the handlers before one of them was taken away."""
    capture = LogCapture(lambda live, line: None)
    capture.start()
    capture.stop()
    capture.handle(logging.makeLogRecord({"name": "shop", "levelno": logging.WARNING, "msg": "late"}))


# The end


async def test_what_a_claim_takes_while_its_worker_is_closed_is_handed_back(
    redis_settings: RedisSettings, pool: ArqRedis, reader: Reader
) -> None:
    worker = Worker([add], redis_settings=redis_settings, poll_delay=0.02, handle_signals=False)
    taken, goes_on = asyncio.Event(), asyncio.Event()
    async with running(worker):
        claim = worker.commands.claim

        async def slow(*args: Any, **options: Any) -> Claim:
            found = await claim(*args, **options)
            if found.jobs:
                taken.set()
                await goes_on.wait()
            return found

        worker.commands.claim = slow  # type: ignore[method-assign]
        job = await enqueue(pool, "add", 1)
        await asyncio.wait_for(taken.wait(), 20)
        closing = asyncio.create_task(worker.close())
        await asyncio.wait({closing}, timeout=0.5)
        goes_on.set()
        await asyncio.wait_for(closing, 20)
    ours = await reader.get(job.job_id)
    assert (ours.state, ours.outcome, ours.crashes) == (State.QUEUED, Outcome.HANDED_OVER, 0)


# A burst


async def test_a_burst_waits_for_what_a_rate_holds_back(
    redis_settings: RedisSettings, pool: ArqRedis, reader: Reader, redis: Any
) -> None:
    @task(name="ask", rate="1/60s")
    async def ask(ctx: dict[str, Any]) -> str:
        return "asked"

    for _ in range(2):
        await enqueue(pool, "ask")
    worker = Worker([ask], redis_settings=redis_settings, burst=True, poll_delay=0.02, handle_signals=False)
    burst = asyncio.create_task(worker.async_run())
    await eventually(lambda: _is_parked(redis, "ask", 1))
    await eventually(lambda: _are_over(reader, 1))
    await redis.delete("arqboard:rate:ask")  # a minute has passed
    await asyncio.wait_for(burst, 20)
    await worker.close()
    assert await _are_over(reader, 2)


async def test_a_burst_does_not_wait_for_a_paused_function(
    redis_settings: RedisSettings, pool: ArqRedis, commands: Commands, reader: Reader
) -> None:
    @task(name="ask", rate="1/60s")
    async def ask(ctx: dict[str, Any]) -> str:
        return "asked"

    job = await enqueue(pool, "ask")
    await commands.pause("function", "ask")
    worker = Worker([ask], redis_settings=redis_settings, burst=True, poll_delay=0.02, handle_signals=False)
    await asyncio.wait_for(worker.async_run(), 20)
    await worker.close()
    assert (await reader.get(job.job_id)).state is State.QUEUED


async def _are_over(reader: Reader, count: int) -> bool:
    return (await reader.counts())[State.SUCCEEDED] == count


async def _is_parked(redis: Any, function: str, count: int) -> bool:
    return bool(await redis.zcard(f"arqboard:parked:{function}") == count)


async def _has_state(reader: Reader, job_id: str, state: State) -> bool:
    return (await reader.get(job_id)).state is state


# Hooks after the end


async def test_what_a_hook_would_have_got_of_a_job_that_was_given_up_is_not_kept(
    start: StartWorker, pool: ArqRedis, commands: Commands, reader: Reader
) -> None:
    release, heard = asyncio.Event(), list[str]()

    async def stubborn(ctx: dict[str, Any]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()

    async def after(ctx: dict[str, Any]) -> None:
        heard.append(ctx["job_id"])

    worker = await start(stubborn, add, after_job_end=after, arqboard={"abort_grace": 0.1})
    job = await enqueue(pool, "stubborn")
    await eventually(lambda: _is_known(reader, job.job_id))
    await commands.abort(job.job_id)
    await eventually(lambda: _has_state(reader, job.job_id, State.ABORTED))
    task = next(task for task in asyncio.all_tasks() if "Attempt.run" in repr(task))
    release.set()
    await asyncio.wait_for(task, 20)
    other = await enqueue(pool, "add", 1)
    assert await result(other) == 3
    await eventually(lambda: other.job_id in heard)
    assert worker._hooks_waiting == {}


async def _is_known(reader: Reader, job_id: str) -> bool:
    job = (await reader.many([job_id]))[0]
    return getattr(job, "state", None) is State.RUNNING


async def test_a_job_that_asks_to_run_again_at_once_is_stopped_by_no_heartbeat(
    start: StartWorker, pool: ArqRedis
) -> None:
    """Heartbeats as often as they can, against attempts as short as they can be."""
    stopped = list[int]()

    async def again(ctx: dict[str, Any]) -> int:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            stopped.append(ctx["job_try"])
            raise
        if ctx["job_try"] < 150:
            raise Retry
        return int(ctx["job_try"])

    worker = await start(again, max_tries=200, arqboard={"heartbeat": 0.001})
    job = await enqueue(pool, "again")
    assert await job.result(timeout=60, poll_delay=0.02) == 150
    assert stopped == [] and worker.jobs_retried == 149
