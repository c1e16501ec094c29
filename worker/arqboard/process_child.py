"""The program of a child process: runs one job after the other, as its worker says.

Its argument is the number of the socket to the worker. Three threads: the main one runs the job's code, since signals
arrive there; one hears the worker; and, for a plain function, one has the event loop that its progress needs.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import ctypes
import inspect
import itertools
import os
import pickle
import queue
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from typing import Any

from .artefacts import NewArtefact
from .limits import SoftTimeLimit
from .live import Live
from .logs import Line, LogCapture
from .loops import LoopRun
from .process_errors import unpack_error
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
from .progress import Progress, set_current
from .stacks import Picture, frames_of_awaitable, frames_of_thread
from .striking import Outcome

#: Between two messages about progress (seconds).
SAY_EVERY = 0.05
#: A job that closes all files of its process closes the line to the worker too, which is noticed after this time (ms).
CLOSED_AFTER_MS = 1000
_PR_SET_PDEATHSIG = 1


class Link:
    """The socket to the worker. Any thread may say something; one thread hears."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._asked: dict[int, concurrent.futures.Future[None]] = {}
        self.jobs: queue.Queue[Job] = queue.Queue()
        self.running: Running | None = None

    def say(self, message: Any) -> None:
        with self._lock:
            self._sock.sendall(frame(message))

    def ask(self, artefact: NewArtefact | None = None) -> concurrent.futures.Future[None]:
        """Done when the worker has answered."""
        number, future = next(self._numbers), concurrent.futures.Future[None]()
        self._asked[number] = future
        self.say(Asked(number, artefact))
        return future

    def hear(self) -> None:
        """The thread that hears. The worker has gone when there is nothing more to hear: then so does this process."""
        frames = FrameReader()
        with contextlib.suppress(OSError):
            while data := self._next(max(65_536, frames.missing())):
                for message in frames.feed(data):
                    self._take(message)
        os._exit(0)

    def _next(self, size: int) -> bytes:
        """What the worker says next. Who waits inside a socket is not told that it was closed, so it is asked anew."""
        news = select.poll()
        news.register(self._sock, select.POLLIN)
        while not news.poll(CLOSED_AFTER_MS):
            pass
        return self._sock.recv(size)

    def _take(self, message: Any) -> None:
        running = self.running
        match message:
            case Start(path):
                sys.path[:] = path
            case Job():
                self.running = Running()
                self.jobs.put(message)
            case Answer(number, error):
                self._answered(self._asked.pop(number, None), error)
            case Interrupt(error) if running is not None:
                interrupt = unpack_error(error)
                interrupt.__cause__ = None  # it was not raised yet, so its traceback says nothing
                running.strike(interrupt)
            case Cancel() if running is not None:
                running.strike(asyncio.CancelledError())
            case Hold(is_paused) if running is not None:
                running.hold(is_paused)
            case Skip(indexes) if running is not None:
                running.skip(indexes)
            case Show(number) if running is not None:
                self.say(Shown(number, running.picture()))
            case _:
                pass

    def _answered(self, future: concurrent.futures.Future[None] | None, error: bytes | None) -> None:
        if future is None or not future.set_running_or_notify_cancel():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(unpack_error(error))


class Running:
    """The job that runs now, for the thread that hears. What comes before it has begun waits for it."""

    def __init__(self) -> None:
        self._strikes: collections.deque[BaseException] = collections.deque()
        self._is_armed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hit: Callable[[BaseException], None] | None = None
        self._live: Live | None = None
        self._run: LoopRun | None = None
        self._is_held = False

    # In the thread that hears

    def strike(self, error: BaseException) -> None:
        self._strikes.append(error)
        if self._loop is not None:
            self._later(self.deliver)
        elif self._is_armed:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def hold(self, is_paused: bool) -> None:
        self._is_held = is_paused
        if self._loop is not None:
            self._later(self.pass_on)

    def skip(self, indexes: list[int]) -> None:
        self._later(lambda: self._skip(indexes))

    def picture(self) -> dict[str, Any]:
        """Where the job's code stands: where its coroutine waits, or what the main thread does."""
        if self._run is not None and not self._run.is_running:
            return Picture("process", frames_of_awaitable(self._run.coroutine)).as_json()
        return Picture("process", frames_of_thread(threading.main_thread().ident)).as_json()

    def _later(self, call: Callable[[], None]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # its loop has closed: the job is over
            self._loop.call_soon_threadsafe(call)

    # In the main thread

    def in_loop(self, hit: Callable[[BaseException], None], live: Live, run: LoopRun) -> None:
        """A coroutine begins: strikes and pauses reach it through its loop."""
        self._hit, self._live, self._run = hit, live, run
        self._loop = asyncio.get_running_loop()
        self.deliver()
        self.pass_on()

    def deliver(self) -> None:
        while self._strikes and self._hit is not None:
            self._hit(self._strikes.popleft())

    def pass_on(self) -> None:
        if self._live is not None:
            self._live.pause() if self._is_held else self._live.resume()

    def _skip(self, indexes: list[int]) -> None:
        if self._live is not None and self._live.chunks is not None:
            self._live.chunks.skip(indexes)

    def arm(self) -> None:
        """A plain function begins: strikes are raised in it, wherever it is."""
        self._is_armed = True
        self.raise_strike()

    def disarm(self) -> None:
        self._is_armed = False

    def raise_strike(self, *_signal: object) -> None:
        """Of several the last one, since one signal may stand for two, and a cancellation comes last."""
        if self._is_armed and self._strikes:
            strike = self._strikes.pop()
            self._strikes.clear()
            raise strike


class Teller:
    """Says what is new of a job's Live, now and then. To be used in one loop."""

    def __init__(self, link: Link, live: Live, loop: asyncio.AbstractEventLoop) -> None:
        self._link, self._live, self._loop = link, live, loop
        self._lines: collections.deque[Line] = collections.deque()
        self._known: dict[str, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._said = 0.0

    def touch(self, live: Live) -> None:
        if self._timer is None:
            wait = max(0.0, self._said + SAY_EVERY - time.monotonic())
            self._timer = self._loop.call_later(wait, self.say)

    def log(self, live: Live, line: Line) -> None:
        """From any thread."""
        self._lines.append(line)
        with contextlib.suppress(RuntimeError):  # the loop has closed: the last lines go with the end
            self._loop.call_soon_threadsafe(self.touch, live)

    def say(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._said = time.monotonic()
        said = Said(self._news(), self._chunks(), [self._lines.popleft() for _ in range(len(self._lines))])
        if said.fields or said.chunks or said.lines:
            self._link.say(said)

    def _news(self) -> dict[str, bytes]:
        names = (f.name for f in fields(self._live) if not f.name.startswith("_") and f.name != "chunks")
        now = packed({name: getattr(self._live, name) for name in names})
        news = {name: data for name, data in now.items() if self._known.get(name) != data}
        self._known = now
        return news

    def _chunks(self) -> dict[str, Any] | None:
        chunks = self._live.chunks
        if chunks is None or not (chunks.unsent or chunks.ends):
            return None
        unsent, chunks.unsent = chunks.unsent, {}
        ends, chunks.ends = chunks.ends, {}
        return {
            "size": chunks.size,
            "items": chunks.items,
            "marks": bytes(chunks.marks),
            "unsent": unsent,
            "ends": ends,
        }

    # For Progress

    def settle(self, live: Live) -> asyncio.Future[None]:
        self.say()
        return asyncio.wrap_future(self._link.ask())

    async def store(self, live: Live, made: NewArtefact) -> None:
        self.say()
        await asyncio.wrap_future(self._link.ask(made))


class SideLoop:
    """An event loop in a thread of its own, for the progress of plain functions."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="arqboard progress", daemon=True).start()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call it in the loop, and wait for what it returns."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()


class Worker:
    """Runs jobs in the main thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._side: SideLoop | None = None

    def run(self, job: Job) -> None:
        running = self._link.running
        assert running is not None
        signal.signal(signal.SIGUSR1, running.raise_strike)
        # In a context of its own: the next job must not see what this one sets.
        outcome = contextvars.copy_context().run(self._outcome, job, running)
        self._link.say(Ended.of(outcome))

    def _outcome(self, job: Job, running: Running) -> Outcome:
        try:
            function = resolve(job.reference)
            args, kwargs = pickle.loads(job.call)  # noqa: S301 - written by our worker
        except BaseException as error:  # noqa: BLE001 - importing and unpickling run user code
            return Outcome(error)
        live, ctx = Live(**job.live), unpacked(job.ctx)
        if not inspect.iscoroutinefunction(function):
            return self._plain(running, live, function, ctx, args, kwargs)
        kept: list[Outcome] = []
        try:
            asyncio.run(self._in_loop(running, live, function, ctx, args, kwargs, kept.append))
        except BaseException as error:  # noqa: BLE001 - such as a cancellation that came as the coroutine returned
            kept.append(Outcome(error))
        return kept[0]

    async def _in_loop(
        self,
        running: Running,
        live: Live,
        function: Any,
        ctx: dict[str, Any],
        args: Any,
        kwargs: Any,
        keep: Callable[[Outcome], None],
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        teller = Teller(self._link, live, asyncio.get_running_loop())
        progress = ctx["progress"] = Progress(live, teller.touch, teller.settle, teller.store)
        set_current(progress)
        run = LoopRun(function, ctx, args, kwargs)

        with listening(teller.log, live):
            running.in_loop(_hitter(run, task), live, run)
            try:
                keep(Outcome.with_value(await run.result()))
            except BaseException as error:  # noqa: BLE001 - the job's own code
                live.fail_chunks(error)
                keep(Outcome(error))
        teller.say()

    def _plain(
        self, running: Running, live: Live, function: Any, ctx: dict[str, Any], args: Any, kwargs: Any
    ) -> Outcome:
        side = self._side = self._side or SideLoop()
        teller = Teller(self._link, live, side.loop)
        progress = side.call(lambda: Progress(live, teller.touch, teller.settle, teller.store))
        ctx["progress"] = progress
        set_current(progress)

        def call() -> Any:
            running.arm()
            return function(ctx, *args, **kwargs)

        with listening(teller.log, live):
            outcome = Outcome.of(call, running.disarm)
        side.call(teller.say)
        return outcome


def _hitter(run: LoopRun, task: asyncio.Task[Any]) -> Callable[[BaseException], None]:
    """How a strike reaches a coroutine."""
    limits: list[SoftTimeLimit] = []

    def hit(error: BaseException) -> None:
        if isinstance(error, SoftTimeLimit):
            limits.append(error)
        if type(error) is not asyncio.CancelledError:
            return run.interrupt(error)
        for limit in limits:
            limit.give_way()
        task.cancel()
        return None

    return hit


@contextlib.contextmanager
def listening(sink: Callable[[Live, Line], None], live: Live) -> Any:
    """Catch what the job logs."""
    capture = LogCapture(sink)
    capture.start()
    capture.bind(live)
    try:
        yield
    finally:
        capture.stop()


def resolve(reference: str) -> Callable[..., Any]:
    """The function of "module:qualname", not the task that a decorator has made of it."""
    module, _, name = reference.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[..., Any] = getattr(found, "function", found)
    return function


def die_with_parent() -> None:
    """On Linux the kernel sees to it, also while the job is in a call into C that lets no other thread run."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _pass(*_signal: object) -> None:
    """Do nothing."""


def main() -> None:
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # a service manager sends them to all; the worker decides
        signal.signal(number, _pass)  # not SIG_IGN, which the programs that jobs start would inherit
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    link = Link(sock)
    threading.Thread(target=link.hear, name="arqboard worker", daemon=True).start()
    worker = Worker(link)
    while True:
        worker.run(link.jobs.get())


if __name__ == "__main__":
    main()
