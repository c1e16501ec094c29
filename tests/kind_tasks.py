"""One task of each kind, which does what its test says. Processes import this module by its name."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from arqboard import Backoff, chunks, current, task
from arqboard.options import TaskKeywords

AGAIN: TaskKeywords = {"max_tries": 3, "retry_on": (ConnectionError,), "backoff": Backoff(base=0.01)}


def begin(ctx: dict[str, Any], what: str, folder: str) -> str:
    """Leaves a sign that it has begun; the first try of "fails once" fails."""
    (Path(folder) / "begun").write_text(str(ctx["job_try"]))
    if what == "fails once" and ctx["job_try"] == 1:
        raise ConnectionError("the first try fails")
    return f"{what}, try {ctx['job_try']}"


async def work(ctx: dict[str, Any], what: str, folder: str) -> str:
    """What "goes on" does so until somebody ends it."""
    said = begin(ctx, what, folder)
    if what == "goes on":
        await asyncio.Event().wait()
    return said


def work_on(ctx: dict[str, Any], what: str, folder: str) -> str:
    """The same without a loop."""
    said = begin(ctx, what, folder)
    while what == "goes on":
        time.sleep(0.01)
    return said


async def in_chunks(ctx: dict[str, Any], folder: str) -> int:
    """Six items by two; the third chunk fails unless the folder says it is mended."""
    done = Path(folder) / "done"
    async for chunk in chunks(range(6), size=2):
        if chunk.number == 3 and not (Path(folder) / "mended").exists():
            raise ValueError("the third chunk")
        with done.open("a") as file:
            file.writelines(f"{item}\n" for item in chunk)
    return current().done


@task(name="coroutine", **AGAIN)
async def coroutine(ctx: dict[str, Any], what: str, folder: str) -> str:
    return await work(ctx, what, folder)


@task(name="coroutine_in_process", run_in="process", **AGAIN)
async def coroutine_in_process(ctx: dict[str, Any], what: str, folder: str) -> str:
    return await work(ctx, what, folder)


@task(name="in_thread", run_in="thread", **AGAIN)
def in_thread(ctx: dict[str, Any], what: str, folder: str) -> str:
    return work_on(ctx, what, folder)


@task(name="in_process", run_in="process", **AGAIN)
def in_process(ctx: dict[str, Any], what: str, folder: str) -> str:
    return work_on(ctx, what, folder)


@task(name="chunks_in_loop")
async def chunks_in_loop(ctx: dict[str, Any], folder: str) -> int:
    return await in_chunks(ctx, folder)


@task(name="chunks_in_process", run_in="process")
async def chunks_in_process(ctx: dict[str, Any], folder: str) -> int:
    return await in_chunks(ctx, folder)
