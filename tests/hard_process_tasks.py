"""Functions for child processes that make it hard for the worker. Child processes import this module by its name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from arqboard import SoftTimeLimit, current

Ctx = dict[str, Any]
who: ContextVar[str] = ContextVar("who", default="nobody")


def add(ctx: Ctx, a: int, b: int) -> tuple[int, int]:
    return a + b, os.getpid()


def terminate_a_program(ctx: Ctx) -> int:
    """Start a program and end it in the usual way; its exit code."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    program.terminate()
    return program.wait(10)


def run_a_program(ctx: Ctx, started: str) -> None:
    """Wait for a program that takes long, as for one that converts a film."""
    program = subprocess.Popen(["sleep", "60"])
    Path(started).write_text(f"{os.getpid()} {program.pid}")
    program.wait()


def die_beside_a_fork(ctx: Ctx, started: str) -> None:
    """Die while a fork lives on, which holds all that was open."""
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    Path(started).write_text(str(pid))
    os._exit(3)


def close_everything(ctx: Ctx) -> None:
    """Close the line to the worker too, and go on."""
    os.closerange(3, 256)
    time.sleep(60)


def raise_(ctx: Ctx, what: str) -> None:
    raise KINDS[what]


async def raise_async(ctx: Ctx, what: str) -> None:
    await asyncio.sleep(0)
    raise KINDS[what]


KINDS: dict[str, BaseException] = {
    "group": BaseExceptionGroup("several", [ValueError("one"), SystemExit(2)]),
    "keyboard": KeyboardInterrupt("by hand"),
    "exit": SystemExit(7),
}


def hear_late(ctx: Ctx, started: str, seen: str) -> None:
    """Hear nothing for a while, as in a long call into C, and then all that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    Path(started).write_text("yes")
    while signal.SIGUSR1 not in signal.sigpending() or not Path(seen).exists():
        time.sleep(0.01)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        time.sleep(5)
    except SoftTimeLimit:
        Path(seen).write_text("goes on after its soft limit")
        time.sleep(60)


async def leave_a_group(ctx: Ctx, leaving: str, release: str) -> str:
    """At the soft limit a group waits for a child that takes its time."""

    def wait() -> None:
        Path(leaving).write_text("yes")
        while not Path(release).exists():
            time.sleep(0.01)

    async def child() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(wait)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
    except SoftTimeLimit:
        return "goes on after its soft limit"
    return "never"


def remember(ctx: Ctx, name: str) -> str:
    before = who.get()
    who.set(name)
    return before


def report(ctx: Ctx) -> str:
    current().report(1, 2, note="half")
    return "done"


def wait_a_moment(ctx: Ctx, seconds: float) -> str:
    """Ends by itself, unless it is struck before; takes one interrupt."""
    end = time.monotonic() + seconds
    with contextlib.suppress(SoftTimeLimit):
        while time.monotonic() < end:
            pass
    return "done"


async def wait_a_moment_async(ctx: Ctx, seconds: float) -> str:
    with contextlib.suppress(SoftTimeLimit):
        await asyncio.sleep(seconds)
    return "done"
