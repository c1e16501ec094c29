"""Chunks beyond resuming: how long each took, why it failed, and pausing between two."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
import time
from typing import Any

import pytest
from arq.connections import ArqRedis
from waiting import eventually

from arqboard import Progress, Worker, chunks
from arqboard.live import Live
from arqboard.progress import set_current
from arqboard.protocol import ChunkInfo, Reader, State

from .conftest import StartWorker, ended, has_state


async def test_each_chunk_has_its_duration(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        async for chunk in chunks(range(6), size=2):
            await asyncio.sleep(0.03 * chunk.number)

    await start(work)
    began = time.monotonic()
    job_id = await ended(pool, reader, "work")
    passed = (time.monotonic() - began) * 1000
    infos = await reader.chunk_info(job_id, 0, 10)
    assert [(i.index, i.mark, i.attempt, i.error) for i in infos] == [(n, "d", 1, "") for n in range(3)]
    assert all((i.ms or 0) >= 30 * n for n, i in enumerate(infos, 1))
    assert sum(i.ms or 0 for i in infos) <= passed
    assert await reader.chunk_info(job_id, 1, 2) == infos[1:2]
    assert await reader.chunk_info(job_id, 7, 9) == []


async def test_the_error_that_leaves_the_loop_is_that_of_its_chunk(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        async for chunk in chunks(range(6), size=2):
            if chunk.number == 2:
                raise ValueError("row 3 | is odd")

    await start(work)
    job_id = await ended(pool, reader, "work")
    first, second, third = await reader.chunk_info(job_id, 0, 10)
    assert (first.mark, second.mark, second.error) == ("d", "f", "ValueError: row 3 | is odd")
    assert second.ms is not None
    assert third == ChunkInfo(2, ".")


async def test_each_keeps_every_error_and_a_retry_runs_only_what_failed(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Any
) -> None:
    broken = {1, 3}
    ran: list[int] = []

    async def one(chunk: list[int]) -> None:
        ran.append(chunk[0])
        if chunk[0] in broken:
            raise OSError(f"no answer for {chunk[0]}")

    async def work(ctx: dict[str, Any]) -> None:
        summary = await chunks.each(one, range(5), size=1, on_error="continue")
        if summary.failed:
            raise RuntimeError(str(summary.errors))

    await start(work)
    job_id = await ended(pool, reader, "work")
    infos = await reader.chunk_info(job_id, 0, 5)
    assert [i.error for i in infos] == ["", "OSError: no answer for 1", "", "OSError: no answer for 3", ""]

    broken.clear()
    ran.clear()
    await commands.retry(job_id)
    await eventually(lambda: has_state(reader, job_id, State.SUCCEEDED))
    assert sorted(ran) == [1, 3]
    assert [(i.attempt, i.error) for i in await reader.chunk_info(job_id, 0, 5)] == [
        (1, ""), (2, ""), (1, ""), (2, ""), (1, "")
    ]  # fmt: skip


async def test_the_others_of_a_failed_chunk_are_told_apart_from_it(
    start: StartWorker, pool: ArqRedis, reader: Reader
) -> None:
    others = asyncio.Barrier(3)

    async def one(chunk: list[int]) -> None:
        await others.wait()
        if chunk[0] == 1:
            raise OSError("full")
        await asyncio.Event().wait()

    async def work(ctx: dict[str, Any]) -> None:
        await chunks.each(one, range(3), size=1, concurrency=3)

    await start(work)
    job_id = await ended(pool, reader, "work")
    assert [i.error for i in await reader.chunk_info(job_id, 0, 5)] == ["cancelled", "OSError: full", "cancelled"]


async def test_a_long_or_unreadable_error_is_cut(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    async def one(chunk: list[int]) -> None:
        raise ValueError("x" * 2000 + "\ud800") if chunk[0] else Unreadable

    async def work(ctx: dict[str, Any]) -> None:
        await chunks.each(one, range(2), size=1, on_error="continue")

    await start(work)
    job_id = await ended(pool, reader, "work")
    first, second = await reader.chunk_info(job_id, 0, 5)
    assert first.error == "Unreadable: its text can't be read" and len(second.error) == 500


# Pausing


async def test_a_paused_loop_ends_its_chunk_waits_and_goes_on() -> None:
    live, calls, seen = Live("j", "t"), list[str](), list[int]()
    at_two, release = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        set_current(Progress(live, lambda live: None))
        async for chunk in chunks(range(4), size=1):
            if chunk.number == 2:
                at_two.set()
                await release.wait()
            seen.append(chunk.number)

    task = asyncio.create_task(work())
    await at_two.wait()
    live.pause(lambda: calls.append("paused"), lambda: calls.append("resumed"))
    assert calls == [] and live.is_paused
    release.set()
    await eventually(lambda: calls == ["paused"])
    assert seen == [1, 2] and live.chunks is not None and live.chunks.marks == b"dd.."

    live.resume()
    await task
    assert (seen, calls) == ([1, 2, 3, 4], ["paused", "resumed"])


async def test_all_runners_of_each_wait_and_nothing_is_skipped() -> None:
    live, ran = Live("j", "t"), list[int]()
    ready, release = asyncio.Barrier(4), asyncio.Event()

    async def one(chunk: list[int]) -> None:
        if len(ran) < 3:
            ran.append(chunk[0])
            await ready.wait()
            await release.wait()
        else:
            ran.append(chunk[0])

    async def work() -> int:
        set_current(Progress(live, lambda live: None))
        return (await chunks.each(one, range(20), size=1, concurrency=3)).done

    task = asyncio.create_task(work())
    await ready.wait()
    paused = asyncio.Event()
    live.pause(paused.set)
    release.set()
    await paused.wait()
    await eventually(lambda: live.chunks is not None and live.chunks.marks.count(b"d") == 3)
    assert len(ran) == 3
    live.resume()
    assert await task == 20 and sorted(ran) == list(range(20))


async def test_runners_that_waited_for_nothing_end_when_the_job_goes_on() -> None:
    live, waits = Live("j", "t"), asyncio.Event()

    async def one(chunk: list[int]) -> None:
        live.pause(waits.set)

    async def work() -> int:
        set_current(Progress(live, lambda live: None))
        return (await chunks.each(one, range(4), size=1, concurrency=3)).done

    task = asyncio.create_task(work())
    await waits.wait()
    await eventually(lambda: live.chunks is not None and live.chunks.marks.count(b"d") == 3)
    live.resume()
    assert await task == 4


async def test_a_pause_at_the_last_chunk_holds_nothing_up() -> None:
    live = Live("j", "t")

    async def one(chunk: list[int]) -> None:
        live.pause()

    set_current(Progress(live, lambda live: None))
    summary = await asyncio.wait_for(chunks.each(one, range(3), size=1, concurrency=3), 20)
    assert summary.done == 3


async def test_a_cancellation_gets_through_a_pause() -> None:
    live, calls = Live("j", "t"), list[str]()
    live.pause(lambda: calls.append("paused"), lambda: calls.append("resumed"))

    async def work() -> None:
        set_current(Progress(live, lambda live: None))
        async for _ in chunks(range(3), size=1):
            raise AssertionError("a chunk ran")

    task = asyncio.create_task(work())
    await eventually(lambda: calls == ["paused"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == ["paused", "resumed"]
    assert live.chunks is not None and live.chunks.marks == b"..."


async def test_a_job_in_a_worker_is_paused_and_aborted(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Any
) -> None:
    waits = asyncio.Event()

    async def work(ctx: dict[str, Any]) -> None:
        async for _ in chunks(range(1000), size=1):
            await asyncio.sleep(0.001)

    worker: Worker = await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    await eventually(lambda: job.job_id in worker.running and worker.running[job.job_id].live.chunks)
    worker.running[job.job_id].live.pause(waits.set)
    await asyncio.wait_for(waits.wait(), 30)
    await commands.abort(job.job_id)
    await eventually(lambda: has_state(reader, job.job_id, State.ABORTED))


def test_a_pause_is_relayed_to_a_child_process_and_counts_as_waiting_at_once() -> None:
    live, calls = Live("j", "t"), list[Any]()
    live.pause(lambda: calls.append("paused"), lambda: calls.append("resumed"))
    live.relay_pauses(calls.append)
    live.resume()
    live.pause(lambda: calls.append("paused again"))
    live.pause()
    live.resume()
    live.resume()
    assert calls == ["paused", True, "resumed", False, "paused again", True, False]


# What travels to a child process


def test_what_is_copied_of_a_live_is_plain_data() -> None:
    live = Live("j", "t", known_marks="d.")
    live.pause()
    copied = {f.name: getattr(live, f.name) for f in dataclasses.fields(live) if not f.name.startswith("_")}
    again = Live(**pickle.loads(pickle.dumps(copied)))
    assert not again.is_paused and again.known_marks == "d." and copy.copy(again).job_id == "j"
