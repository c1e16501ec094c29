"""Jobs in processes: what reaches the page from there, and that their limits and aborts really end them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import process_tasks as tasks
import pytest
from waiting import eventually

from arqboard import Board, HardTimeLimit, JobAborted, ProcessDied, RemoteError, connect
from arqboard.processes import Child, reference_of
from arqboard.protocol import Job, Reader, State
from arqboard.protocol.commands import Commands

from .conftest import StartWorker

FUNCTIONS = (
    tasks.digest, tasks.tells, tasks.tells_async, tasks.spin, tasks.deaf, tasks.cleans, tasks.cleans_async, tasks.fails,
    tasks.meet,
)  # fmt: skip


@pytest.fixture
async def board(redis: object, redis_url: str) -> AsyncIterator[Board]:
    opened = await connect(redis_url)
    yield opened
    await opened.close()


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def has_a_process() -> None:
    """Let the worker start one, which takes long on a busy machine: the limit of a job is not for that."""
    await (await tasks.digest.submit("x")).result(timeout=20)


async def started(path: Path) -> int:
    return int(await eventually(lambda: path.exists() and path.read_text()))


async def test_a_function_runs_in_another_process_which_is_used_again(start: StartWorker, board: Board) -> None:
    await start(*FUNCTIONS)
    answers = [await (await tasks.digest.submit("x")).result(timeout=20) for _ in range(3)]
    assert {pid for _, pid in answers} != {os.getpid()} and len({pid for _, pid in answers}) == 1
    assert len({text for text, _ in answers}) == 1


async def test_several_at_once_run_in_several_processes(start: StartWorker, board: Board, tmp_path: Path) -> None:
    worker = await start(*FUNCTIONS)
    handles = [await tasks.meet.submit(str(tmp_path), 3) for _ in range(3)]
    pids = {await handle.result(timeout=30) for handle in handles}
    assert len(pids) == 3 and os.getpid() not in pids
    assert len(worker.processes._all) == 3


@pytest.mark.parametrize("name", ["tells", "tells_async"])
async def test_progress_log_and_artefacts_come_from_there(
    start: StartWorker, board: Board, reader: Reader, name: str
) -> None:
    await start(*FUNCTIONS, arqboard={"log_level": "INFO"})
    handle = await getattr(tasks, name).submit(5)
    job = await handle.wait(timeout=20)
    assert job.state is State.SUCCEEDED and job.progress is not None
    lines = [line.message for line in (await reader.logs(handle.id)).lines]
    [made] = await reader.artefacts(handle.id)
    assert (await reader.artefact_data(handle.id, made.number) or b"").startswith(b"made in a")
    if name == "tells":
        assert await handle.result() == f"{handle.id} 1"
        assert (job.progress.done, job.progress.total, job.progress.note) == (5, 5, "step 5")
        assert lines == [*(f"step {n}" for n in range(1, 6)), "it is nearly done"]
    else:
        assert job.chunks is not None and job.chunks.done == 3
        assert [(phase.name, phase.done) for phase in job.phases] == [("Counting", 5)]
        assert lines == ["chunk 1", "chunk 2", "chunk 3"]
        assert all(info.ms is not None for info in await reader.chunk_info(handle.id))


async def test_the_hard_limit_kills_a_busy_process(start: StartWorker, board: Board, tmp_path: Path) -> None:
    await start(*FUNCTIONS)
    await has_a_process()
    handle = await tasks.spin.options(timeout=2).submit(str(tmp_path / "pid"))
    pid = await started(tmp_path / "pid")
    with pytest.raises(HardTimeLimit):
        await handle.result(timeout=20)
    await eventually(lambda: not is_alive(pid))


async def test_an_abort_is_raised_in_the_busy_process(start: StartWorker, board: Board, tmp_path: Path) -> None:
    await start(*FUNCTIONS)
    handle = await tasks.spin.submit(str(tmp_path / "pid"))
    pid = await started(tmp_path / "pid")
    await handle.abort()
    with pytest.raises(JobAborted):
        await handle.result(timeout=20)
    assert is_alive(pid)  # it waits for the next job
    assert (await (await tasks.digest.submit("x")).result(timeout=20))[1] == pid


async def test_a_process_that_hears_nothing_is_killed_after_the_grace(
    start: StartWorker, board: Board, tmp_path: Path
) -> None:
    await start(*FUNCTIONS, arqboard={"abort_grace": 0.3})
    handle = await tasks.deaf.submit(str(tmp_path / "pid"))
    pid = await started(tmp_path / "pid")
    await handle.abort()
    assert (await handle.wait(timeout=20)).state is State.ABORTED
    await eventually(lambda: not is_alive(pid))


@pytest.mark.parametrize("name", ["cleans", "cleans_async"])
async def test_the_soft_limit_is_raised_there_also_in_a_sleep(
    start: StartWorker, board: Board, tmp_path: Path, name: str
) -> None:
    await start(*FUNCTIONS)
    await has_a_process()
    arguments = [str(tmp_path / "pid")] if name == "cleans" else []
    handle = await getattr(tasks, name).options(soft_timeout=2).submit(*arguments)
    assert await handle.result(timeout=20) == "cleaned up"


async def test_an_exception_comes_back_with_the_traceback_it_had(start: StartWorker, board: Board) -> None:
    await start(*FUNCTIONS)
    handle = await tasks.fails.submit("value")
    with pytest.raises(ValueError, match="it broke"):
        await handle.result(timeout=20)
    error = (await handle.info()).error
    assert error is not None and 'raise ValueError("it broke")' in error.traceback


async def test_an_exception_that_cannot_be_pickled_comes_back_by_its_name(start: StartWorker, board: Board) -> None:
    await start(*FUNCTIONS)
    handle = await tasks.fails.submit("odd")
    with pytest.raises(RemoteError, match="Odd: it is odd"):
        await handle.result(timeout=20)


async def test_a_result_that_cannot_be_sent_is_the_jobs_error(start: StartWorker, board: Board) -> None:
    await start(*FUNCTIONS)
    job = await (await tasks.fails.submit("result")).wait(timeout=20)
    assert job.error is not None and "its result can't be sent back to the worker" in job.error.message


async def test_a_process_that_dies_by_itself_fails_its_job_only(start: StartWorker, board: Board) -> None:
    await start(*FUNCTIONS)
    with pytest.raises(ProcessDied, match=r"signal 11 \(SIGSEGV\)"):
        await (await tasks.fails.submit("segfault")).result(timeout=20)
    assert (await (await tasks.digest.submit("x")).result(timeout=20))[1] > 0


async def test_a_closed_worker_leaves_no_process(
    start: StartWorker, board: Board, tmp_path: Path, reader: Reader
) -> None:
    worker = await start(*FUNCTIONS)
    await (await tasks.digest.submit("x")).result(timeout=20)
    handle = await tasks.spin.submit(str(tmp_path / "pid"))
    pid = await started(tmp_path / "pid")
    children = list(worker.processes._all)
    await worker.close()
    assert not is_alive(pid)
    assert all(not is_alive(child._process.pid) for child in children)
    [job] = await reader.many([handle.id])
    assert isinstance(job, Job) and job.state is State.QUEUED  # handed over


async def test_no_file_descriptors_are_left(start: StartWorker, board: Board, tmp_path: Path) -> None:
    await start(*FUNCTIONS, arqboard={"abort_grace": 0.2})
    await (await tasks.digest.submit("x")).result(timeout=20)
    before = len(os.listdir("/proc/self/fd"))
    for n in range(5):
        handle = await tasks.deaf.submit(str(tmp_path / f"pid{n}"))
        await started(tmp_path / f"pid{n}")
        await handle.abort()
        await handle.wait(timeout=20)
    await (await tasks.digest.submit("x")).result(timeout=20)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) < before + 5)  # a busy worker opens lines to Redis


async def test_a_child_ends_when_its_worker_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arqboard.processes.CLOSED_FOR", 600)  # by itself: who would end it has gone
    child = await Child.start(lambda _: None)
    assert child._transport is not None
    child._transport.abort()
    assert await asyncio.to_thread(child._process.wait, 20) == 0


def test_a_function_that_no_process_can_import_is_refused_in_words() -> None:
    def inner(ctx: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match="has to be a function at the top of a module"):
        reference_of(inner)
    assert reference_of(tasks.digest.function) == "process_tasks:digest"


async def test_such_a_function_fails_its_job(start: StartWorker, board: Board, commands: Commands) -> None:
    from arqboard import task

    @task(name="inner", run_in="process")
    def inner(ctx: dict[str, Any]) -> None: ...

    await start(inner)
    job = await (await inner.submit()).wait(timeout=30)
    assert job.error is not None and "top of a module" in job.error.message


logging.getLogger("crunch").setLevel(logging.INFO)
