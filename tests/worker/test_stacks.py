"""Where a running job stands: its coroutine to the innermost frame, its threads, its process, and a blocked loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import process_tasks
from arq.connections import ArqRedis
from waiting import eventually

from arqboard import Worker, task
from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.protocol.stacks import Stack, stack_of
from arqboard.stacks import Frame, frames_of_awaitable

from .conftest import StartWorker


def names(frames: list[Any]) -> list[str]:
    return [frame.function.rpartition(".")[2] for frame in frames]


async def asked(commands: Commands, redis: Any, job_id: str) -> Stack:
    stack = await stack_of(commands, redis, job_id)
    assert stack is not None
    return stack


async def enqueued(pool: ArqRedis, worker: Worker, function: str) -> str:
    """A job of this function, whose own code has begun."""
    job = await pool.enqueue_job(function)
    assert job is not None
    await eventually(lambda: job.job_id in worker.running and worker.running[job.job_id].body is not None)
    return job.job_id


# What a coroutine awaits


async def innermost(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_a_coroutine_is_followed_to_its_innermost_frame() -> None:
    class Wrapped:
        def __await__(self) -> Any:
            return innermost(gate).__await__()

    async def steps() -> AsyncIterator[int]:
        await Wrapped()
        yield 1

    @asynccontextmanager
    async def opened() -> AsyncIterator[int]:
        async for step in steps():
            yield step

    async def outer() -> None:
        async with opened():
            pass

    gate = asyncio.Event()
    coroutine = outer()
    running = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    frames = frames_of_awaitable(coroutine)
    gate.set()
    await running
    assert names(frames) == ["outer", "__aenter__", "opened", "steps", "innermost", "wait"]
    assert frames[-2].source == "await gate.wait()"
    assert frames[-2].file == __file__


def test_a_frame_without_a_file_has_no_source() -> None:
    scope: dict[str, Any] = {}
    exec(compile("async def strange(gate):\n    await gate\n", "<nowhere>", "exec"), scope)

    class Gate:
        def __await__(self) -> Any:
            yield

    coroutine = scope["strange"](Gate())
    coroutine.send(None)
    frames = frames_of_awaitable(coroutine)
    coroutine.close()
    assert frames[0] == Frame("<nowhere>", 2, "strange", "")


async def test_what_awaits_nothing_that_can_be_followed_has_no_frames() -> None:
    assert frames_of_awaitable(asyncio.get_running_loop().create_future()) == []
    assert frames_of_awaitable(None) == []


# Asked of a worker


async def test_a_job_shows_where_it_waits_and_which_tasks_it_has_started(
    start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any
) -> None:
    gate = asyncio.Event()

    async def lookout(ctx: dict[str, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(innermost(gate), name="north")
            await innermost(gate)

    job_id = await enqueued(pool, await start(lookout), "lookout")
    stack = await asked(commands, redis, job_id)
    gate.set()
    assert (stack.kind, stack.blocked) == ("loop", [])
    assert names(stack.frames) == ["lookout", "innermost", "wait"]
    assert [(name, names(frames)) for name, frames in stack.beside] == [("north", ["innermost", "wait"])]


async def test_a_job_with_a_soft_limit_is_followed_too(
    start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any
) -> None:
    gate = asyncio.Event()

    @task(name="limited", soft_timeout=60)
    async def limited(ctx: dict[str, Any]) -> None:
        await innermost(gate)

    job_id = await enqueued(pool, await start(limited), "limited")
    stack = await asked(commands, redis, job_id)
    gate.set()
    assert names(stack.frames) == ["limited", "innermost", "wait"]
    assert stack.beside == []


async def test_a_plain_function_shows_what_its_thread_does(
    start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any
) -> None:
    gate = threading.Event()

    def dig() -> None:
        gate.wait(20)

    @task(name="in_thread", run_in="thread")
    def in_thread(ctx: dict[str, Any]) -> None:
        dig()

    worker = await start(in_thread)
    job_id = await enqueued(pool, worker, "in_thread")

    async def probe() -> Stack | None:
        stack = await asked(commands, redis, job_id)
        return stack if "dig" in names(stack.frames) else None

    stack = await eventually(probe)
    gate.set()
    assert stack is not None and stack.kind == "thread"
    assert names(stack.frames)[:2] == ["in_thread", "dig"]


async def test_a_blocked_loop_is_found_out_and_shown(
    redis_url: str, start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any
) -> None:
    """The loop of this test is that of the worker, so who asks has a thread and a loop of its own."""
    found: list[Stack | None] = []

    def ask(job_id: str) -> None:
        from waiting import connect

        async def run() -> None:
            client = connect(redis_url)
            found.append(await stack_of(Commands(client), client, job_id))
            await client.aclose()

        asyncio.run(run())

    async def blocks(ctx: dict[str, Any]) -> None:
        asking = threading.Thread(target=ask, args=(ctx["job_id"],))
        asking.start()
        while asking.is_alive():
            time.sleep(0.01)  # noqa: ASYNC251 - the point

    worker = await start(blocks)
    job = await pool.enqueue_job("blocks")
    await eventually(lambda: found)
    assert job is not None and worker.jobs_failed == 0
    [stack] = found
    assert stack is not None and stack.frames == []
    assert names(stack.blocked)[0] == "blocks"


async def test_a_job_in_a_process_is_asked_there(
    start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any
) -> None:
    worker = await start(process_tasks.chunk_by_chunk, process_tasks.dawdle)
    waiting, busy = await enqueued(pool, worker, "chunk_by_chunk"), await enqueued(pool, worker, "dawdle")

    async def stands_in(job_id: str, function: str) -> Stack | None:
        stack = await stack_of(commands, redis, job_id)
        return stack if stack and function in names(stack.frames) else None

    stack = await eventually(lambda: stands_in(waiting, "chunk_by_chunk"))
    assert stack is not None and (stack.kind, names(stack.frames)[-1]) == ("process", "sleep")
    stack = await eventually(lambda: stands_in(busy, "doze"))
    assert stack is not None and names(stack.frames) == ["dawdle", "doze"]
    for job_id in (waiting, busy):
        await commands.abort(job_id)


async def test_a_job_that_ended_before_the_question_came_gets_no_answer(
    start: StartWorker, pool: ArqRedis, commands: Commands, redis: Any, reader: Reader
) -> None:
    async def quick(ctx: dict[str, Any]) -> None: ...

    worker = await start(quick)
    await redis.hset(commands.keys.worker(worker.id), "asked", '[["gone", "a1"], "nonsense"]')
    await redis.hset(commands.keys.worker(worker.id), "asked", '[["gone", "a1"]]')
    worker.leases.renew_now()

    async def is_taken() -> bool:
        return not await redis.hexists(commands.keys.worker(worker.id), "asked")

    await eventually(is_taken)
    assert not await redis.exists(commands.keys.answer("a1"))
    assert await reader.workers()
