"""Jobs in processes of their own: for work that needs a processor, and for what has to be killed at its limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from .live import ChunkMap, Live
from .process_errors import pack_error
from .process_messages import (
    Answer,
    Asked,
    Cancel,
    Ended,
    FrameReader,
    Hold,
    Interrupt,
    Job,
    Said,
    Show,
    Shown,
    Skip,
    Start,
    frame,
    packed,
    unpacked,
)
from .progress import Settle, Store
from .striking import Outcome

logger = logging.getLogger("arqboard.processes")

#: How long a cancelled job may take to end before its process is killed (seconds).
GRACE = 10.0
#: A child that has closed its line to the worker, but lives on, is ended after this time (seconds).
CLOSED_FOR = 1.0
#: What of `ctx` belongs to the worker's process.
_NOT_SENT = ("progress", "redis")


class ProcessDied(RuntimeError):
    """The process of a job ended before the job did: killed from outside, out of memory, or crashed."""


def reference_of(function: Callable[..., Any]) -> str:
    """How a child process finds a function: "module:qualname". Raises ValueError for one that can't be imported."""
    name, module = function.__qualname__, function.__module__
    if "<" in name:
        raise ValueError(f"{name} can't run in a process: it has to be a function at the top of a module")
    if module == "__main__":
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        if spec is None:
            raise ValueError(f"{name} can't run in a process: it is in the script that was started; put it in a module")
        module = spec.name
    return f"{module}:{name}"


class ProcessPool:
    """The child processes of a worker. One that has done its job waits for the next."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._is_closed = False

    async def take(self) -> Child:
        """An idle process, or a new one."""
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
        if self._is_closed:
            raise ProcessDied("the worker is stopping, no process is started any more")
        child = await Child.start(self._forget)
        self._all.add(child)
        if self._is_closed:
            child.kill()
        return child

    def give_back(self, child: Child) -> None:
        """Its job is over. A process that died is not kept, nor are more than can be of use."""
        if child.is_alive and not self._is_closed and len(self._idle) < self._limit:
            self._idle.append(child)
        else:
            child.kill()

    def _forget(self, child: Child) -> None:
        self._all.discard(child)
        if child in self._idle:
            self._idle.remove(child)

    async def close(self) -> None:
        """End all of them, with whatever they do."""
        self._is_closed = True
        children = list(self._all)
        for child in children:
            child.kill()
        await asyncio.gather(*(child.reaped() for child in children))


class Child(asyncio.Protocol):
    """One child process, as seen from the worker. It leads a group, in which the programs are that its jobs start."""

    def __init__(self, process: subprocess.Popen[bytes], on_end: Callable[[Child], None]) -> None:
        self._process = process
        self._on_end = on_end
        self._frames = FrameReader()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pidfd: int | None = None
        self._is_dying = self._is_dead = self._is_lost = False
        self._gone: asyncio.Future[int] = self._loop.create_future()
        self.hear: Callable[[Any], None] | None = None
        """what takes its messages, while it has a job"""

    @classmethod
    async def start(cls, on_end: Callable[[Child], None]) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "arqboard.process_child", str(theirs.fileno())]
            # In this thread: the kernel ends a child with the thread that started it (see process_child.py).
            process = subprocess.Popen(  # noqa: ASYNC220, S603
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, process_group=0
            )
        child = cls(process, on_end)
        child._watch()
        ours.setblocking(False)
        try:
            await asyncio.get_running_loop().create_connection(lambda: child, sock=ours)
        except BaseException:
            ours.close()
            child.connection_lost(None)
            child.kill()
            raise
        child.say(Start(list(sys.path)))
        return child

    @property
    def is_alive(self) -> bool:
        return not (self._is_dying or self._is_dead or self._is_lost)

    def say(self, message: Any) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(message))

    def kill(self) -> None:
        """SIGKILL: at once, whatever it does, with all that its job has started."""
        self._is_dying = True
        if not self._is_dead:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # none of them is left
            os.killpg(self._process.pid, signal.SIGKILL)

    async def reaped(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        return await asyncio.shield(self._gone)

    # Its end: it has died, and all that it said has arrived

    def _watch(self) -> None:
        """Learn of its death from the system: a fork of it may hold the line to us for longer."""
        with contextlib.suppress(AttributeError, OSError):  # Linux only, and not in every container
            self._pidfd = os.pidfd_open(self._process.pid)
            return self._loop.add_reader(self._pidfd, self._died)
        return threading.Thread(target=self._wait, name="arqboard child", daemon=True).start()

    def _wait(self) -> None:
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has closed
            self._loop.call_soon_threadsafe(self._died)

    def _died(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._kill_group()  # before it is waited for: until then nobody else gets its number
        self._process.wait()
        self._is_dead = True
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):  # what it has said still comes, and then the end
                self._transport.get_extra_info("socket").shutdown(socket.SHUT_RD)
        self._end()

    def _end(self) -> None:
        if not (self._is_dead and self._is_lost) or self._gone.done():
            return
        self._on_end(self)
        self._gone.set_result(self._process.returncode)
        if self.hear is not None:
            self.hear(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self._frames.feed(data):
            if self.hear is not None:
                self.hear(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._end()
        if not self._is_dead:
            self._loop.call_later(CLOSED_FOR, self.kill)


class ProcessRun:
    """A call in a child process, with progress, log lines and artefacts from there.

    `interrupt` raises in the job: in a plain function by a signal, which also ends a `time.sleep`, in a coroutine at
    its `await`. A cancellation does so too, and after `grace` seconds the process is killed; `kill` does that at once.
    `on_live` is called when `live` has something new, `on_log` gets (created, levelno, logger, message).
    """

    def __init__(
        self,
        pool: ProcessPool,
        reference: str,
        ctx: Mapping[str, Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        live: Live,
        on_live: Callable[[], object],
        on_log: Callable[[Iterable[tuple[float, int, str, str]]], object],
        settle: Settle | None = None,
        store: Store | None = None,
        grace: float = GRACE,
    ) -> None:
        self._pool, self._reference = pool, reference
        self._ctx, self._args, self._kwargs = ctx, args, kwargs
        self._live, self._on_live, self._on_log = live, on_live, on_log
        self._settle, self._store, self._grace = settle, store, grace
        self._child: Child | None = None
        self._early: list[Any] = []
        self._outcome: Outcome | None = None
        self._ended = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()
        self._shown: list[Callable[[dict[str, Any]], object]] = []
        self._is_killed = False

    def __str__(self) -> str:
        return self._reference

    async def result(self) -> Any:
        """Run it, once. A cancellation is passed on; if the function returns all the same, its result stands."""
        job = self._job()
        child = await self._pool.take()
        try:
            self._begin(child, job)
            try:
                await self._ended.wait()
            except asyncio.CancelledError:
                await self._stop(child)
            return await self._result(child)
        finally:
            child.hear = None
            self._child = None
            self._pool.give_back(child)
            for asking in self._asking:
                asking.cancel()

    def interrupt(self, error: BaseException) -> None:
        """Raise this inside the job. Once; no-op after the end."""
        self._tell(Interrupt(pack_error(error)))

    def kill(self) -> None:
        """End the process at once."""
        self._is_killed = True
        if self._child is not None:
            self._child.kill()

    def show(self, then: Callable[[dict[str, Any]], object]) -> None:
        """Ask the child where the job stands; `then` gets its answer, unless the job ends before."""
        number = len(self._shown)
        self._shown.append(then)
        self._tell(Show(number))

    # Beginning

    def _job(self) -> Job:
        try:
            call = pickle.dumps((tuple(self._args), dict(self._kwargs)))
        except Exception as error:
            raise pickle.PicklingError(f"its arguments can't be sent to a process: {error}") from error
        ctx = {name: value for name, value in self._ctx.items() if name not in _NOT_SENT}
        return Job(self._reference, packed(ctx), call, _state(self._live))

    def _begin(self, child: Child, job: Job) -> None:
        self._child = child
        child.hear = self._heard
        child.say(job)
        for message in self._early:
            child.say(message)
        if self._is_killed:
            child.kill()
        self._live.relay_pauses(lambda is_paused: self._tell(Hold(is_paused)))
        self._live.relay_skips(lambda indexes: self._tell(Skip(indexes)))

    def _tell(self, message: Any) -> None:
        if self._child is None:
            self._early.append(message)
        elif not self._ended.is_set():
            self._child.say(message)

    # Ending

    async def _stop(self, child: Child) -> None:
        """Cancel the job and wait for it; after the grace its process is killed."""
        self._tell(Cancel())
        timer = asyncio.get_running_loop().call_later(self._grace, self._kill_late)
        try:
            await self._ended.wait()
        finally:
            timer.cancel()
            if not self._ended.is_set():
                child.kill()

    def _kill_late(self) -> None:
        logger.warning("%s ignores its cancellation; its process is killed", self)
        self.kill()

    async def _result(self, child: Child) -> Any:
        if self._outcome is not None:
            return self._outcome.get()
        if self._is_killed:
            raise asyncio.CancelledError
        raise ProcessDied(_cause(await child.reaped()))

    # What the child says

    def _heard(self, message: Any) -> None:
        match message:
            case Said():
                self._take(message)
            case Asked():
                asking = asyncio.get_running_loop().create_task(self._answer(message))
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)
            case Shown(number, picture):
                self._shown[number](picture)
            case Ended():
                self._outcome = message.outcome
                self._ended.set()
            case None:
                self._ended.set()
            case _:
                logger.warning("%s says something that nobody understands: %r", self, message)

    def _take(self, said: Said) -> None:
        live = self._live
        for name, value in unpacked(said.fields).items():
            setattr(live, name, value)
        if said.chunks is not None:
            _merge(live, said.chunks)
        try:
            if said.lines:
                self._on_log(said.lines)
            self._on_live()
        except Exception:  # the job goes on, whatever becomes of its reports
            logger.exception("%s: its progress could not be passed on", self)

    async def _answer(self, asked: Asked) -> None:
        """Settle or store what the child waits for."""
        error = None
        try:
            if asked.artefact is not None and self._store is not None:
                await self._store(self._live, asked.artefact)
            elif asked.artefact is None and self._settle is not None:
                await self._settle(self._live)
        except Exception as raised:  # noqa: BLE001 - it is raised in the job
            error = pack_error(raised)
        self._tell(Answer(asked.number, error))


def _state(live: Live) -> dict[str, Any]:
    """What a child's Live begins with."""
    return {f.name: getattr(live, f.name) for f in fields(live) if not f.name.startswith("_") and f.name != "chunks"}


def _merge(live: Live, told: dict[str, Any]) -> None:
    """What a child says of its chunks: sizes, and what has changed since it last did."""
    if live.chunks is None or live.chunks.total != len(told["marks"]):
        live.chunks = ChunkMap(told["size"], told["items"], bytearray(told["marks"]))
    live.chunks.marks[:] = told["marks"]
    live.chunks.unsent.update(told["unsent"])
    live.chunks.ends.update(told["ends"])


def _cause(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code} before the job did"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "?"
    return f"its process was ended by signal {-code} ({name})"
