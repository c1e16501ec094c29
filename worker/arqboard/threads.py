"""A job that is a plain function, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .striking import Outcome

logger = logging.getLogger("arqboard.threads")

#: How long a cancelled thread may take to end before it is left to itself (seconds).
GRACE = 10.0


class ThreadRun:
    """Runs a function in a daemon thread named after the job, with the context variables of who awaits `result()`.

    `interrupt` and a cancellation are raised in the thread between two steps of its Python code (CPython's
    PyThreadState_SetAsyncExc). Code that is inside a call into C sees them only when that returns to Python: a
    `time.sleep(60)`, a query, a long regular expression is not cut short, and a thread can't be killed. One that has
    not ended `grace` seconds after its cancellation is left to itself. What must be ended belongs into a process.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        ctx: Mapping[str, Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        grace: float = GRACE,
    ) -> None:
        self._function = function
        self._ctx, self._args, self._kwargs = ctx, args, kwargs
        self._grace = grace
        self._name = f"job {ctx.get('job_id', getattr(function, '__qualname__', function))}"
        self._lock = threading.Lock()
        self._ident: int | None = None
        self._early: BaseException | None = None
        self._interrupted = False
        self._outcome: Outcome | None = None

    def __str__(self) -> str:
        return self._name

    async def result(self) -> Any:
        """Run it, once. A cancellation is passed on; if the function returns all the same, its result stands."""
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._main,), name=self._name, daemon=True).start()
        try:
            await self._woken.wait()
        except asyncio.CancelledError:
            await self._stop()
        if self._outcome is None:
            raise asyncio.CancelledError
        return self._outcome.get()

    def interrupt(self, error: BaseException) -> None:
        """Raise this in the thread. Once; no-op after the end."""
        if not self._interrupted:
            self._interrupted = True
            self._strike(error)

    @property
    def ident(self) -> int | None:
        """The thread in which the function runs; None before and after."""
        return self._ident

    def kill(self) -> None:
        """Nothing: a thread can't be ended against its will."""

    async def _stop(self) -> None:
        """Cancel the function and wait for it; after the grace leave it behind."""
        self._strike(asyncio.CancelledError())
        timer = self._loop.call_later(self._grace, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
            if self._outcome is None:
                logger.warning("%s ignores its cancellation; its thread is left to itself", self)

    def _end(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._woken.set()

    # In the thread

    def _main(self) -> None:
        outcome = Outcome.of(self._call, self._disarm)
        with contextlib.suppress(RuntimeError):  # the loop has closed: the worker is gone
            self._loop.call_soon_threadsafe(self._end, outcome)

    def _call(self) -> Any:
        with self._lock:
            if self._early is not None:
                raise self._early
            self._ident = threading.get_ident()
        return self._function(self._ctx, *self._args, **self._kwargs)

    def _disarm(self) -> None:
        """From here on nothing is raised in this thread any more, and what was about to be is forgotten."""
        with self._lock:
            self._ident = None
            _set_async_exc(ctypes.c_ulong(threading.get_ident()), None)

    # From outside

    def _strike(self, error: BaseException) -> None:
        with self._lock:
            if self._ident is None:
                self._early = error  # it has not begun yet; after its end nobody asks
            else:
                _set_async_exc(ctypes.c_ulong(self._ident), ctypes.py_object(_raiser(error)))


#: Takes a thread's id and a class, which is called in that thread for the exception to raise; NULL takes it back.
_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc


def _raiser(error: BaseException) -> type[BaseException]:
    """A class whose instance is this very exception: an instance can't be thrown into a thread."""

    class Raiser(BaseException):
        def __new__(cls) -> BaseException:  # type: ignore[misc] # that it is another class is the point
            return error

    return Raiser
