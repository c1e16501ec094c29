"""Time limits of a job: the soft one is raised inside it, so it can clean up; the hard one ends it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from .loops import LoopRun

__all__ = ["HardTimeLimit", "LoopRun", "Run", "SoftTimeLimit", "Stopwatch", "within"]

logger = logging.getLogger("arqboard.limits")

#: How long a job may take to end after its hard limit before it is given up (seconds).
GRACE = 10.0


class SoftTimeLimit(asyncio.CancelledError):
    """Raised inside a job that ran longer than its soft limit. Catch it to clean up, then raise it again or return.

    A CancelledError on purpose: `except Exception` in the job does not swallow it, and TaskGroup, `asyncio.timeout` and
    every library treat it as what it is. Around a TaskGroup catch it with `except* SoftTimeLimit`: before Python 3.13
    the group wraps it. A job that lets it through fails with it.
    """

    def __init__(self, message: str = "ran longer than its soft limit") -> None:
        super().__init__(message)

    @classmethod
    def after(cls, seconds: float) -> SoftTimeLimit:
        return cls(f"ran longer than its soft limit of {seconds:g} s")

    def give_way(self) -> None:
        """Become a plain cancellation, because the job is cancelled while it may still unwind from this.

        A TaskGroup that is being left takes a second CancelledError for the first one, and drops it. If it then raised
        this, the job could catch it and go on, and would never hear of its cancellation.
        """
        self.__class__ = asyncio.CancelledError  # type: ignore[assignment] # the layout is the same


class HardTimeLimit(TimeoutError):
    """The job ran longer than its limit and was ended, whatever it was doing."""

    @classmethod
    def after(cls, seconds: float) -> HardTimeLimit:
        return cls(f"ran longer than its limit of {seconds:g} s and was ended")


class Run(Protocol):
    """One run of a job's code: in the loop (LoopRun), in a thread (ThreadRun) or in a process (ProcessRun)."""

    async def result(self) -> Any:
        """Run it; awaited once. A cancellation stops the code. If that returns all the same, its result stands."""
        ...

    def interrupt(self, error: BaseException) -> None:
        """Raise this inside the code. Once; no-op after the end. To be called in the loop."""
        ...

    def kill(self) -> None:
        """End it at once, where that is possible. A cancellation of `result` follows. To be called in the loop."""
        ...


class Stopwatch:
    """Counts the seconds a job runs, without those in which it was paused. To be used in the loop."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since: float | None = time.monotonic()
        self._alarms: set[_Alarm] = set()

    @property
    def elapsed(self) -> float:
        return self._spent + (time.monotonic() - self._since if self._since is not None else 0.0)

    @property
    def is_paused(self) -> bool:
        return self._since is None

    def pause(self) -> None:
        """Stop counting. No-op when paused."""
        self._spent, self._since = self.elapsed, None

    def resume(self) -> None:
        """Count on. No-op when not paused."""
        if self._since is None:
            self._since = time.monotonic()
            for alarm in self._alarms:
                alarm.set()

    def alarm(self, seconds: float, ring: Callable[[], None]) -> _Alarm:
        """Call `ring` once this has counted so many seconds more."""
        alarm = _Alarm(self, self.elapsed + seconds, ring)
        self._alarms.add(alarm)
        alarm.set()
        return alarm

    def forget(self, alarm: _Alarm) -> None:
        self._alarms.discard(alarm)


class _Alarm:
    def __init__(self, stopwatch: Stopwatch, due: float, ring: Callable[[], None]) -> None:
        self._stopwatch, self._due, self._ring = stopwatch, due, ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Wait for what is left. A pause lets the timer go off too early; it is set again then, or by `resume`."""
        self._stop()
        if not self._stopwatch.is_paused:
            self._timer = self._loop.call_later(max(0.0, self._due - self._stopwatch.elapsed), self._go_off)

    def cancel(self) -> None:
        self._stopwatch.forget(self)
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _go_off(self) -> None:
        if self._stopwatch.is_paused or self._stopwatch.elapsed < self._due:
            self.set()
        else:
            self.cancel()
            self._ring()


async def within(
    run: Run, *, soft: float | None, hard: float | None, stopwatch: Stopwatch | None = None, grace: float = GRACE
) -> Any:
    """The result of a run, which may take `soft` and `hard` seconds by the stopwatch; None for no limit.

    At the soft limit SoftTimeLimit is raised inside it. At the hard limit it is killed and cancelled, and HardTimeLimit
    is raised here; if it has not ended `grace` seconds later it is left to itself. A run that returns nevertheless
    keeps its result. A cancellation from outside goes into the run, and is what is raised when it comes together with
    the hard limit. The run has a task of its own, in a copy of the caller's context; without limits it has not.
    """
    if soft is None and hard is None:
        return await (run.plain() if isinstance(run, LoopRun) else run.result())
    return await _Limited(run, stopwatch or Stopwatch(), grace).result(soft, hard)


#: Runs that did not end. The loop holds tasks weakly, and these have no owner any more: nobody can end them.
_given_up: set[asyncio.Task[None]] = set()


class _Limited:
    """A run in a task of its own, so that what never ends can be left behind."""

    def __init__(self, run: Run, stopwatch: Stopwatch, grace: float) -> None:
        self._run, self._stopwatch, self._grace = run, stopwatch, grace
        self._loop = asyncio.get_running_loop()
        self._woken: asyncio.Future[None] = self._loop.create_future()
        self._limit: SoftTimeLimit | None = None
        self._soft: _Alarm | None = None
        self._hard: _Alarm | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._expired: HardTimeLimit | None = None
        self._is_cancelled = False

    async def result(self, soft: float | None, hard: float | None) -> Any:
        self._task = self._loop.create_task(self._perform())
        self._task.add_done_callback(self._wake)
        self._set_alarms(soft, hard)
        try:
            await self._end()
            return self._outcome()
        finally:
            self._silence()
            self._error = None

    async def _perform(self) -> None:
        """Keeps what comes of the run: a task passes on neither subclasses of CancelledError nor SystemExit."""
        try:
            self._value = await self._run.result()
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by _outcome
            self._error = error

    def _set_alarms(self, soft: float | None, hard: float | None) -> None:
        if soft is not None:
            self._soft = self._stopwatch.alarm(soft, lambda: self._interrupt(soft))
        if hard is not None:
            self._hard = self._stopwatch.alarm(hard, lambda: self._expire(hard))

    async def _end(self) -> None:
        """Wait until the task is done or given up, and pass every cancellation on to it."""
        while not self._woken.done():
            try:
                await self._woken
            except asyncio.CancelledError:
                self._is_cancelled = True
                if not self._task.done() and self._task not in _given_up:
                    self._woken = self._loop.create_future()
                    self._cancel()

    def _interrupt(self, soft: float) -> None:
        self._limit = SoftTimeLimit.after(soft)
        self._run.interrupt(self._limit)

    def _cancel(self) -> None:
        """The job cleans up from here on; its soft limit must not come into that."""
        if self._soft is not None:
            self._soft.cancel()
        if self._limit is not None:
            self._limit.give_way()
        self._task.cancel()

    def _wake(self, _task: object = None) -> None:
        if not self._woken.done():
            self._woken.set_result(None)

    def _expire(self, hard: float) -> None:
        if self._task.done():
            return
        self._expired = HardTimeLimit.after(hard)
        self._waiting = self._loop.call_later(self._grace, self._give_up)
        self._run.kill()
        self._cancel()

    def _give_up(self) -> None:
        if self._task.done():
            return
        logger.warning("%s runs on %g s after its limit; it is left to itself", self._run, self._grace)
        _given_up.add(self._task)
        self._task.add_done_callback(_given_up.discard)
        self._wake()

    def _outcome(self) -> Any:
        was_stopped = not self._task.done() or self._task.cancelled()  # given up, or cancelled before it began
        error = asyncio.CancelledError() if was_stopped else self._error
        if error is None:
            return self._value
        try:
            if self._expired is not None and not self._is_cancelled:
                raise self._expired from (None if isinstance(error, asyncio.CancelledError) else error)
            raise error
        finally:
            del error  # its traceback holds this frame, which holds it

    def _silence(self) -> None:
        for alarm in (self._soft, self._hard):
            if alarm is not None:
                alarm.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
