"""Chunks that people skip, and a run for those only that failed, as the code of a job meets them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import process_tasks
from arq.connections import ArqRedis
from waiting import eventually

from arqboard import chunks, current
from arqboard.protocol import Job, NoSuchChunk, Reader, State
from arqboard.protocol.commands import Commands

from .conftest import StartWorker


async def ended(reader: Reader, job_id: str, state: State = State.SUCCEEDED) -> Job:
    async def probe() -> Job | None:
        job = (await reader.many([job_id]))[0]
        return job if isinstance(job, Job) and job.state is state else None

    found = await eventually(probe)
    assert found is not None
    return found


async def marks_are(reader: Reader, job_id: str, marks: str) -> None:
    async def probe() -> bool:
        return await reader.chunk_marks(job_id) == marks

    await eventually(probe)


async def enqueue(pool: ArqRedis, function: str, *args: Any) -> str:
    job = await pool.enqueue_job(function, *args)
    assert job is not None
    return job.job_id


async def test_a_chunk_skipped_while_the_job_runs_is_not_begun_and_counts_as_done(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    ran, go = list[int](), asyncio.Event()

    async def work(ctx: dict[str, Any]) -> None:
        async for chunk in chunks(range(10), size=2):
            ran.append(chunk.number)
            await go.wait()

    await start(work)
    job_id = await enqueue(pool, "work")
    await marks_are(reader, job_id, "r....")
    await commands.skip_chunks(job_id, "open", [2, 4])
    go.set()
    job = await ended(reader, job_id)
    assert ran == [1, 3, 5]
    assert await reader.chunk_marks(job_id) == "dsdsd"
    assert job.progress is not None and job.progress.percent == 100


async def test_what_is_skipped_while_a_job_is_paused_is_known_when_it_goes_on(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    ran, go = list[int](), asyncio.Event()

    async def one(chunk: list[int]) -> None:
        ran.append(chunk[0])
        await go.wait()

    async def work(ctx: dict[str, Any]) -> None:
        await chunks.each(one, range(5), size=1, concurrency=1)

    worker = await start(work)
    job_id = await enqueue(pool, "work")
    await marks_are(reader, job_id, "r....")
    await commands.pause_job(job_id)
    await eventually(lambda: worker.running[job_id].live.is_paused)
    go.set()
    await marks_are(reader, job_id, "d....")
    await commands.skip_chunks(job_id, "waiting", [2, 3, 4])
    await commands.resume_job(job_id)
    await ended(reader, job_id)
    assert ran == [0, 4]


async def test_a_run_for_failed_chunks_leaves_the_others(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    ran, is_broken = list[int](), True

    async def work(ctx: dict[str, Any]) -> None:
        async for chunk in chunks(range(5), size=1):
            ran.append(chunk[0])
            if is_broken and chunk[0] == 1:
                raise OSError("no answer")

    await start(work)
    job_id = await enqueue(pool, "work")
    await ended(reader, job_id, State.FAILED)
    is_broken = False
    await commands.retry_chunks(job_id, only_failed=True)
    job = await ended(reader, job_id)
    assert await reader.chunk_marks(job_id) == "dd..."
    assert ran == [0, 1, 1] and job.can_run_chunks

    await commands.retry_chunks(job_id)
    await marks_are(reader, job_id, "ddddd")
    assert ran == [0, 1, 1, 2, 3, 4]


async def test_when_the_items_have_changed_a_run_for_failed_chunks_runs_them_all(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    count = 3

    async def work(ctx: dict[str, Any]) -> None:
        async for chunk in chunks(range(count), size=1):
            if count == 3 and chunk[0] == 1:
                raise OSError("no answer")

    await start(work)
    job_id = await enqueue(pool, "work")
    await ended(reader, job_id, State.FAILED)
    count = 4
    await commands.retry_chunks(job_id, only_failed=True)
    await ended(reader, job_id)
    assert await reader.chunk_marks(job_id) == "dddd"


async def test_a_job_in_a_process_hears_of_skipped_chunks_too(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    await start(process_tasks.chunk_by_chunk)
    job_id = await enqueue(pool, "chunk_by_chunk", 5)
    await marks_are(reader, job_id, "r....")
    await commands.skip_chunks(job_id, "waiting", [4, 5])
    await ended(reader, job_id)
    assert await reader.chunk_marks(job_id) == "dddss"


async def test_skipping_meets_a_busy_worker_a_hundred_times(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Commands
) -> None:
    ran = set[int]()

    async def one(chunk: list[int]) -> None:
        ran.add(chunk[0])
        await asyncio.sleep(0)

    async def work(ctx: dict[str, Any]) -> str:
        summary = await chunks.each(one, range(400), size=1, concurrency=4)
        return f"{summary.done} {summary.skipped} {current().done}"

    await start(work)
    job_id = await enqueue(pool, "work")
    await eventually(lambda: len(ran) > 3)
    for number in range(400, 200, -2):
        with contextlib.suppress(NoSuchChunk):  # it has begun
            await commands.skip_chunks(job_id, "waiting", [number])
    job = await ended(reader, job_id)
    marks = await reader.chunk_marks(job_id)
    assert set(marks) == {"d", "s"}
    assert ran == {index for index, mark in enumerate(marks) if mark == "d"}
    assert job.result == f"{marks.count('d')} {marks.count('s')} 400"
