"""Starts processes in order, starts those again that die, and ends all of them in reverse order."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from .datafolder import CannotStart

#: Seconds before a process that died is started again: the first pause, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
#: A log that is longer when its process starts makes room for a new one; one old log is kept.
LONGEST_LOG = 5_000_000


@dataclass(frozen=True, slots=True)
class Service:
    """What to run. `ready(pid)` says if it serves; it has `patience` seconds to start, `grace` to end."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(repr=False)
    log: Path
    ready: Callable[[int], Awaitable[bool]]
    patience: float = 30.0
    grace: float = 10.0
    #: What the process gets when this one is gone without a word. SIGKILL is quick, SIGTERM lets it save.
    orphan_signal: signal.Signals = signal.SIGKILL
    inherited: tuple[int, ...] = ()


async def supervise(
    services: Sequence[Service], *, announce: Callable[[], None], say: Callable[[str], None]
) -> NoReturn:
    """Run services until this is cancelled; cancelled again, it kills the one that takes its time to end.

    Raises CannotStart where one does not come up. `announce` is called once all are ready.
    """
    async with AsyncExitStack() as ends:
        children = [Child(service, say) for service in services]
        for child in children:
            ends.push_async_callback(child.end)
            await child.start()
        announce()
        ends.callback(say, "Stopping.")
        async with asyncio.TaskGroup() as keepers:
            for child in children:
                keepers.create_task(child.keep())
    raise AssertionError("keepers never return")


class Child:
    """The process of one service, and whichever process takes its place."""

    def __init__(self, service: Service, say: Callable[[str], None]) -> None:
        self.service = service
        self._say = say
        self._process: Process | None = None
        self._pause = FIRST_PAUSE

    async def start(self) -> None:
        process = await self._spawn()
        try:
            async with asyncio.timeout(self.service.patience):
                while not await self.service.ready(process.pid):
                    if process.returncode is not None:
                        raise CannotStart(self._why_it_did_not_start(_cause(process.returncode)))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            why = f"it was not ready after {self.service.patience:g} s"
            raise CannotStart(self._why_it_did_not_start(why)) from None

    async def keep(self) -> NoReturn:
        """Start the process again whenever it ends, more slowly if it keeps ending."""
        while True:
            assert self._process is not None, "start() comes first"
            began = time.monotonic()
            cause = _cause(await self._process.wait())
            if time.monotonic() - began > LONGEST_PAUSE:
                self._pause = FIRST_PAUSE
            await self._start_again(f"ended ({cause})")

    async def _start_again(self, why: str) -> None:
        while True:
            self._say(f"The {self.service.name} {why}. Starting it again in {self._pause:g} s.")
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            try:
                await self._spawn()
                return
            except OSError as error:  # its program or its log is gone, and may come back
                why = f"could not be started ({error.strerror})"

    async def end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self.service.grace):
                await process.wait()
        except TimeoutError:
            self._say(f"The {self.service.name} did not end in {self.service.grace:g} s and was killed.")
        finally:  # a second Ctrl-C comes here at once
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _spawn(self) -> Process:
        _make_room(self.service.log)
        with self.service.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.service.command,
                env=self.service.environment,
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others in order
                pass_fds=self.service.inherited,
                preexec_fn=_die_with_parent(self.service.orphan_signal),
            )
        return self._process

    def _why_it_did_not_start(self, cause: str) -> str:
        lines = self.service.log.read_text(errors="replace").strip().splitlines()
        last = lines[-1].strip() if lines else "it wrote nothing"
        return f"The {self.service.name} did not start ({cause}): {last}\nIts log is {self.service.log}."


def _cause(returncode: int) -> str:
    if returncode < 0:
        return f"by {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"


def _make_room(log: Path) -> None:
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_suffix(".old.log"))


def _die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    """Linux tells a child when its parent is gone. Elsewhere children outlive a parent that is SIGKILLed."""
    if sys.platform != "linux":
        return None
    libc, parent, set_death_signal = ctypes.CDLL(None), os.getpid(), 1

    def between_fork_and_exec() -> None:
        libc.prctl(set_death_signal, int(signal_number))
        if os.getppid() != parent:  # it died before prctl was called
            os._exit(1)

    return between_fork_and_exec
