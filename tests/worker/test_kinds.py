"""A task of each kind: a coroutine, a thread, a process and a coroutine in one; aborted, limited, retried, resumed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kind_tasks as tasks
import pytest
from waiting import eventually

from arqboard import Board, JobAborted, JobHandle, Task, connect
from arqboard.protocol import Outcome, State

from .conftest import StartWorker

KINDS: list[Task[..., Any]] = [tasks.coroutine, tasks.in_thread, tasks.in_process, tasks.coroutine_in_process]
CHUNKED: list[Task[..., Any]] = [tasks.chunks_in_loop, tasks.chunks_in_process]

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
chunked = pytest.mark.parametrize("kind", CHUNKED, ids=lambda kind: kind.name)


@pytest.fixture
async def board(redis: object, redis_url: str, start: StartWorker) -> AsyncIterator[Board]:
    opened = await connect(redis_url)
    await start(*KINDS, *CHUNKED)
    yield opened
    await opened.close()


async def outcomes(board: Board, handle: JobHandle[Any]) -> list[Outcome | None]:
    return [attempt.outcome for attempt in await board.reader.attempts(await handle.info())]


async def has_begun_before(kind: Task[..., Any], folder: Path) -> None:
    """Let it run once: its process has started, which takes long on a busy machine and is not what a limit is for."""
    await (await kind.submit("ends", str(folder))).result(timeout=20)
    (folder / "begun").unlink()


@kinds
async def test_it_is_aborted(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    handle = await kind.submit("goes on", str(tmp_path))
    await eventually((tmp_path / "begun").exists)
    await handle.abort()
    with pytest.raises(JobAborted):
        await handle.result(timeout=20)
    assert await outcomes(board, handle) == [Outcome.ABORTED]


@kinds
async def test_it_is_ended_at_its_limit(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    await has_begun_before(kind, tmp_path)
    handle = await kind.options(timeout=2).submit("goes on", str(tmp_path))
    with pytest.raises(TimeoutError, match=r"limit of 2 s"):
        await handle.result(timeout=20)
    assert (await outcomes(board, handle), (tmp_path / "begun").read_text()) == ([Outcome.FAILED], "1")


@kinds
async def test_it_hears_its_soft_limit(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    await has_begun_before(kind, tmp_path)
    handle = await kind.options(soft_timeout=2, timeout=60).submit("goes on", str(tmp_path))
    with pytest.raises(TimeoutError, match=r"soft limit of 2 s"):
        await handle.result(timeout=20)
    assert await outcomes(board, handle) == [Outcome.FAILED]


@kinds
async def test_it_is_tried_again_by_itself(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    handle = await kind.submit("fails once", str(tmp_path))
    assert await handle.result(timeout=20) == "fails once, try 2"
    assert await outcomes(board, handle) == [Outcome.RETRY, Outcome.SUCCEEDED]


@kinds
async def test_it_is_retried_by_hand_after_an_abort(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    handle = await kind.submit("goes on", str(tmp_path))
    await eventually((tmp_path / "begun").exists)
    await handle.abort()
    await handle.wait(timeout=20)
    (tmp_path / "begun").unlink()
    await handle.retry()
    await eventually((tmp_path / "begun").exists)
    assert (await handle.status(), (tmp_path / "begun").read_text()) == (State.RUNNING, "1")
    await handle.abort()
    await handle.wait(timeout=20)
    assert await outcomes(board, handle) == [Outcome.ABORTED, Outcome.ABORTED]


@chunked
async def test_it_is_resumed_at_the_chunk_that_failed(kind: Task[..., Any], board: Board, tmp_path: Path) -> None:
    handle = await kind.submit(str(tmp_path))
    assert (await handle.wait(timeout=20)).state is State.FAILED
    (tmp_path / "mended").touch()
    await handle.retry()
    await eventually(lambda: (tmp_path / "done").read_text().count("\n") == 6)
    assert (await handle.wait(timeout=20)).state is State.SUCCEEDED
    assert (tmp_path / "done").read_text().split() == [str(n) for n in range(6)]
