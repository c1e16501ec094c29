"""Functions for child processes, which import this module by its name."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from arqboard import SoftTimeLimit, chunks, current, task

log = logging.getLogger("crunch")


class Odd(Exception):
    """One that can't be unpickled by its arguments."""

    def __init__(self, what: str, *, number: int) -> None:
        super().__init__(what)
        self.number = number


@task(name="digest", run_in="process")
def digest(ctx: dict[str, Any], text: str) -> tuple[str, int]:
    """Real work, and in which process it was done."""
    return hashlib.sha256(text.encode()).hexdigest(), os.getpid()


@task(name="tells", run_in="process")
def tells(ctx: dict[str, Any], steps: int) -> str:
    """Progress, log lines and a file, from a plain function."""
    progress = current()
    for step in range(steps):
        progress.report(step + 1, steps, unit="steps", note=f"step {step + 1}")
        log.info("step %d", step + 1)
    log.warning("it is nearly done")
    progress.add_artefact("note.txt", data="made in a process")
    return f"{ctx['job_id']} {ctx['job_try']}"


@task(name="tells_async", run_in="process")
async def tells_async(ctx: dict[str, Any], steps: int) -> int:
    """The same from a coroutine, in phases and chunks."""
    progress = current()
    async with progress.phase("Counting", total=steps) as phase:
        for step in range(steps):
            await phase(step + 1)
    async for chunk in chunks(range(6), size=2):
        log.info("chunk %d", chunk.number)
        await asyncio.sleep(0)
    await progress.artefact("note.txt", data="made in a coroutine")
    return os.getpid()


@task(name="meet", run_in="process")
def meet(ctx: dict[str, Any], folder: str, guests: int) -> int:
    """Wait until as many are there at the same time."""
    (Path(folder) / str(os.getpid())).touch()
    while len(os.listdir(folder)) < guests:
        time.sleep(0.01)
    return os.getpid()


@task(name="spin", run_in="process")
def spin(ctx: dict[str, Any], started: str) -> None:
    """Keep a processor busy, without end."""
    Path(started).write_text(str(os.getpid()))
    while True:
        pass


@task(name="deaf", run_in="process")
def deaf(ctx: dict[str, Any], started: str) -> None:
    """The same, and hear nothing."""
    Path(started).write_text(str(os.getpid()))
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


@task(name="cleans", run_in="process")
def cleans(ctx: dict[str, Any], started: str) -> str:
    """Sleep in C, and clean up when the soft limit is over."""
    Path(started).write_text(str(os.getpid()))
    try:
        time.sleep(600)
    except SoftTimeLimit:
        return "cleaned up"
    return "never"


@task(name="cleans_async", run_in="process")
async def cleans_async(ctx: dict[str, Any]) -> str:
    try:
        await asyncio.Event().wait()
    except SoftTimeLimit:
        return "cleaned up"
    return "never"


@task(name="fails", run_in="process")
def fails(ctx: dict[str, Any], how: str) -> Any:
    match how:
        case "value":
            raise ValueError("it broke")
        case "odd":
            raise Odd("it is odd", number=7)
        case "result":
            return lambda: None
        case _:
            return os.kill(os.getpid(), signal.SIGSEGV)


@task(name="chunk_by_chunk", run_in="process")
async def chunk_by_chunk(ctx: dict[str, Any], total: int = 3) -> int:
    """Chunks that take a while, so that a test can do something meanwhile."""
    async for _chunk in chunks(range(total), size=1):
        await asyncio.sleep(1)
    return total


def doze() -> None:
    time.sleep(60)


@task(name="dawdle", run_in="process")
def dawdle(ctx: dict[str, Any]) -> None:
    """Stand at a known place."""
    doze()
