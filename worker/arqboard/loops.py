"""A job's coroutine in the event loop, driven by hand so that any exception can be raised where it waits."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any, cast


class LoopRun:
    """Runs a coroutine function in the task that awaits `result()`.

    `interrupt(error)` raises exactly this exception at the `await` where the coroutine stands. It is brought there by a
    cancellation of the task, which is taken back on arrival, so everything asyncio knows of cancellations holds: tasks
    that are awaited are cancelled, and `async with` cleans up. A real cancellation that comes at the same time goes
    first, and the interrupt follows at the next `await`.
    """

    def __init__(
        self, function: Callable[..., Awaitable[Any]], ctx: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self._function = function
        self._ctx, self._args, self._kwargs = ctx, args, kwargs
        self._task: asyncio.Task[Any] | None = None
        self._interrupt: BaseException | None = None
        self._is_pending = False
        self._is_asked = False
        self._is_waiting = False
        self._is_over = False
        self._cancels = 0
        self.coroutine: Any = None
        """the call, once it has begun: what it awaits can be followed from there"""
        self.task: asyncio.Task[Any] | None = None

    def __str__(self) -> str:
        return getattr(self._function, "__qualname__", repr(self._function))

    def plain(self) -> Awaitable[Any]:
        """The call itself, for who has no use for `interrupt`."""
        self.task = asyncio.current_task()
        self.coroutine = self._function(self._ctx, *self._args, **self._kwargs)
        return cast("Awaitable[Any]", self.coroutine)

    @property
    def is_running(self) -> bool:
        """Whether a step of its own code runs right now, so that it waits nowhere."""
        return bool(getattr(self.coroutine, "cr_running", False))

    async def result(self) -> Any:
        """Run it, once. What it returns and raises, and cancellations, go through unchanged."""
        self._task = asyncio.current_task()
        try:
            return await self._drive(_coroutine(self.plain()))
        except BaseExceptionGroup as group:
            error = self._unwrapped(group)
            if error is group:
                raise
            raise error from None
        finally:
            self._is_over = True

    def interrupt(self, error: BaseException) -> None:
        """Raise this inside the coroutine: where it waits, or where it waits next. Works once; no-op after the end."""
        if self._is_over or self._interrupt is not None:
            return
        self._interrupt, self._is_pending = error, True
        if self._is_waiting:
            self._ask()

    def kill(self) -> None:
        """Nothing: a coroutine can't be ended against its will."""

    # Driving

    @types.coroutine
    def _drive(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """What `await coroutine` does, with a look at everything that comes back."""
        error = self._at_start()
        value: Any = None
        try:
            while True:
                before = self._cancelling()
                try:
                    awaited = coroutine.send(value) if error is None else coroutine.throw(error)
                except StopIteration as stop:
                    return stop.value
                error = value = None
                self._wait(before)
                try:
                    value = yield awaited
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as raised:  # noqa: BLE001 - it goes on into the coroutine
                    error = self._resume(raised)
                else:
                    self._resume(None)
        finally:
            error = None  # it would hold this frame, which holds it

    def _at_start(self) -> BaseException | None:
        """An interrupt that came before the start: nothing runs, as in a task that is cancelled then."""
        if not self._is_pending:
            return None
        self._is_pending = False
        return self._interrupt

    def _wait(self, before: int) -> None:
        """The coroutine is about to wait. Cancellations asked for until here are not ours to tell apart later."""
        self._cancels = min(before, self._cancelling())
        self._is_waiting = True
        if self._is_pending:
            self._ask()

    def _ask(self) -> None:
        assert self._task is not None
        self._is_asked = True
        self._task.cancel()

    def _resume(self, error: BaseException | None) -> BaseException | None:
        """What the coroutine gets where the task got `error`."""
        self._is_waiting = False
        if not self._is_asked:
            return error
        assert self._task is not None
        self._is_asked = False
        is_only_ours = self._task.uncancel() <= self._cancels
        if not is_only_ours or not isinstance(error, asyncio.CancelledError):
            return error  # somebody else's cancellation, or what was awaited came to its own end: ours comes next time
        self._is_pending = False
        return self._interrupt

    def _cancelling(self) -> int:
        return self._task.cancelling() if self._task is not None else 0

    def _unwrapped(self, group: BaseExceptionGroup[BaseException]) -> BaseException:
        """Before Python 3.13 a TaskGroup wraps the interrupt, also beside the errors of its tasks, which go first."""
        interrupt = self._interrupt
        found, others = group.split(lambda error: error is interrupt)
        if found is None or interrupt is None:
            return group
        return interrupt if others is None else others


def _coroutine(called: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return cast("Coroutine[Any, Any, Any]", called) if isinstance(called, Coroutine) else _awaited(called)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
