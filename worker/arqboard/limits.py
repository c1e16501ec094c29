"""Time limits of a job: the soft one is raised inside it, so it can clean up; the hard one ends it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
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
        self.on_resume: set[Callable[[], object]] = set()
        """called after each pause"""

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
            for listener in list(self.on_resume):
                listener()


async def within(
    run: Run,
    *,
    soft: float | None,
    hard: float | None,
    stopwatch: Stopwatch | None = None,
    grace: float = GRACE,
    give_up: Callable[[HardTimeLimit], object] | None = None,
) -> Any:
    """The result of a run, which may take `soft` and `hard` seconds by the stopwatch; None for no limit.

    At the soft limit SoftTimeLimit is raised inside it. At the hard limit it is killed and cancelled, and HardTimeLimit
    is raised here; if it has not ended `grace` seconds later it is left to itself. A run that returns nevertheless
    keeps its result. A cancellation from outside goes into the run, and is what is raised when it comes together with
    the hard limit. The run has a task of its own, in a copy of the caller's context; without limits it has not.

    Nor has a coroutine with a hard limit only, where the caller says with `give_up` what becomes of one that does not
    end: it is called after `grace` seconds, and this goes on waiting. That is what nearly every job is, and a task
    would cost more than all else here.
    """
    if soft is None and hard is None:
        return await _uninterrupted(run)
    if soft is None and hard is not None and give_up is not None and isinstance(run, LoopRun):
        return await _Deadline(run, hard, stopwatch or Stopwatch(), grace, give_up).result()
    return await _Limited(run, soft, hard, stopwatch, grace).result()


def _uninterrupted(run: Run) -> Awaitable[Any]:
    """What nobody will interrupt need not be driven by hand."""
    return run.plain() if isinstance(run, LoopRun) else run.result()


class _Deadline:
    """A hard limit for a coroutine in the task of the caller."""

    __slots__ = ("_alarm", "_expired", "_give_up", "_grace", "_hard", "_loop", "_run", "_stopwatch", "_task")

    def __init__(
        self, run: LoopRun, hard: float, stopwatch: Stopwatch, grace: float, give_up: Callable[[HardTimeLimit], object]
    ) -> None:
        self._run, self._hard, self._stopwatch = run, hard, stopwatch
        self._grace, self._give_up = grace, give_up
        self._loop = asyncio.get_running_loop()
        self._expired: HardTimeLimit | None = None

    async def result(self) -> Any:
        self._task = asyncio.current_task()
        self._alarm = self._loop.call_later(self._hard, self._ring)
        self._stopwatch.on_resume.add(self._ring)
        try:
            return await self._run.plain()
        except (Exception, asyncio.CancelledError) as error:
            if self._expired is None or self._is_cancelled_too():
                raise
            raise self._expired from (None if isinstance(error, asyncio.CancelledError) else error)
        finally:
            self._alarm.cancel()
            self._stopwatch.on_resume.discard(self._ring)

    def _is_cancelled_too(self) -> bool:
        """Takes back the cancellation of the limit; whether there is another."""
        assert self._task is not None
        return self._task.uncancel() > 0

    def _ring(self) -> None:
        """The time may be over. In a pause it goes off too early, and again after it."""
        if self._expired is not None:
            return  # the alarm is that of the grace
        self._alarm.cancel()
        left = self._hard - self._stopwatch.elapsed
        if self._stopwatch.is_paused:
            return
        if left > 0:
            self._alarm = self._loop.call_later(left, self._ring)
            return
        assert self._task is not None
        self._expired = HardTimeLimit.after(self._hard)
        self._alarm = self._loop.call_later(self._grace, self._leave)
        self._task.cancel()

    def _leave(self) -> None:
        assert self._expired is not None
        logger.warning("%s runs on %g s after its limit; it is left to itself", self._run, self._grace)
        self._give_up(self._expired)


#: Runs that did not end. The loop holds tasks weakly, and these have no owner any more: nobody can end them.
_given_up: set[asyncio.Task[None]] = set()


class _Limited:
    """A run in a task of its own, so that what never ends can be left behind. One timer serves both limits."""

    __slots__ = (
        "_alarm", "_began", "_error", "_expired", "_grace", "_hard", "_interrupted", "_is_cancelled", "_loop", "_run",
        "_soft", "_stopwatch", "_task", "_value", "_woken",
    )  # fmt: skip

    def __init__(
        self, run: Run, soft: float | None, hard: float | None, stopwatch: Stopwatch | None, grace: float
    ) -> None:
        self._run, self._stopwatch, self._grace = run, stopwatch, grace
        self._soft, self._hard = soft, hard
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._interrupted: SoftTimeLimit | None = None
        self._expired: HardTimeLimit | None = None
        self._is_cancelled = False

    async def result(self) -> Any:
        self._began = self._clock()
        self._woken: asyncio.Future[None] = self._loop.create_future()
        self._task = self._loop.create_task(self._perform())
        self._task.add_done_callback(self._wake)
        self._set_alarm()
        if self._stopwatch is not None:
            self._stopwatch.on_resume.add(self._set_alarm)
        try:
            await self._end()
            return self._outcome()
        finally:
            self._stop_alarm()
            if self._stopwatch is not None:
                self._stopwatch.on_resume.discard(self._set_alarm)
            self._error = None

    async def _perform(self) -> None:
        """Keeps what comes of the run: a task passes on neither subclasses of CancelledError nor SystemExit."""
        try:
            self._value = await (_uninterrupted(self._run) if self._soft is None else self._run.result())
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by _outcome
            self._error = error

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

    def _wake(self, _task: object = None) -> None:
        if not self._woken.done():
            self._woken.set_result(None)

    def _cancel(self) -> None:
        """The job cleans up from here on; its soft limit must not come into that."""
        self._soft = None
        if self._interrupted is not None:
            self._interrupted.give_way()
        self._task.cancel()

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

    # The alarm

    def _clock(self) -> float:
        return self._loop.time() if self._stopwatch is None else self._stopwatch.elapsed

    def _set_alarm(self) -> None:
        """For what is left until the next limit. In a pause it goes off too early, and is set again after it."""
        due = self._soft if self._soft is not None else self._hard
        if due is not None and self._expired is None:
            self._stop_alarm()
            self._alarm = self._loop.call_later(max(0.0, self._began + due - self._clock()), self._ring)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _ring(self) -> None:
        if self._task.done() or (self._stopwatch is not None and self._stopwatch.is_paused):
            return None
        spent = self._clock() - self._began
        if self._hard is not None and spent >= self._hard:
            return self._expire(self._hard)
        if self._soft is not None and spent >= self._soft:
            self._interrupt(self._soft)
        return self._set_alarm()

    def _interrupt(self, soft: float) -> None:
        self._soft = None
        self._interrupted = SoftTimeLimit.after(soft)
        self._run.interrupt(self._interrupted)

    def _expire(self, hard: float) -> None:
        self._expired = HardTimeLimit.after(hard)
        self._alarm = self._loop.call_later(self._grace, self._give_up)
        self._run.kill()
        self._cancel()

    def _give_up(self) -> None:
        if self._task.done():
            return
        logger.warning("%s runs on %g s after its limit; it is left to itself", self._run, self._grace)
        _given_up.add(self._task)
        self._task.add_done_callback(_given_up.discard)
        self._wake()
