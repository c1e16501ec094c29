"""What job code holds to say how far it is. A call costs no I/O; the reporter sends the latest values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from .protocol.commands import Report

MAX_NOTE = 500
MAX_WORD = 100
#: A loop that only reports progress still lets others run: it yields at least this often (seconds).
YIELD_EVERY = 0.005


@dataclass(slots=True)
class ChunkMap:
    """The chunks of one attempt: where each stands, and the marks that Redis has not seen yet."""

    size: int
    items: int
    marks: bytearray
    unsent: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def total(self) -> int:
        return len(self.marks)

    def set(self, index: int, letter: str) -> None:
        self.marks[index] = ord(letter)
        self.unsent[index] = letter

    def is_done(self, index: int) -> bool:
        return self.marks[index] in b"ds"


@dataclass(slots=True, eq=False)
class Live:
    """The progress of one attempt, as the job last said it."""

    job_id: str
    token: str
    done: int = 0
    total: int | None = None
    unit: str = ""
    note: str = ""
    phase: str = ""
    chunks: ChunkMap | None = None
    known_marks: str = ""
    known_size: int = 0
    known_items: int = 0

    def report(self) -> Report:
        return Report(self.job_id, self.token, self.done, self.total, self.unit, self.note, self.phase)


class Progress:
    """Call it as often as you like: `await progress(done, total, note="…")`.

    `done` and `total` count whatever `unit` says; a float is rounded down. What is left out keeps its value.
    """

    def __init__(self, live: Live, touch: Callable[[Live], None], settle: Settle | None = None) -> None:
        self._live = live
        self._touch = touch
        self._settle = settle
        self._loop = asyncio.get_running_loop() if settle else None
        self._yielded = 0.0

    async def __call__(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
        phase: str | None = None,
    ) -> None:
        """Say how far the job is. Returns at once; other coroutines get their turn now and then."""
        self._set(done, total, note, unit, phase)
        self._touch(self._live)
        if (now := time.monotonic()) - self._yielded > YIELD_EVERY:
            self._yielded = now
            await asyncio.sleep(0)

    def report(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
        phase: str | None = None,
    ) -> None:
        """The same from synchronous code, also from a thread (`asyncio.to_thread`)."""
        self._set(done, total, note, unit, phase)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._touch, self._live)

    def _set(
        self, done: float | None, total: float | None, note: str | None, unit: str | None, phase: str | None
    ) -> None:
        live = self._live
        if done is not None:
            live.done = max(0, int(done))
        if total is not None:
            live.total = max(0, int(total))
        if note is not None:
            live.note = str(note)[:MAX_NOTE]
        if unit is not None:
            live.unit = str(unit)[:MAX_WORD]
        if phase is not None:
            live.phase = str(phase)[:MAX_WORD]

    @property
    def done(self) -> int:
        return self._live.done

    @property
    def total(self) -> int | None:
        return self._live.total

    # Used by chunks

    @property
    def live(self) -> Live:
        return self._live

    def touched(self) -> None:
        """Something about the chunks changed; send it with the next flush."""
        self._touch(self._live)

    async def settled(self) -> None:
        """Wait until Redis has what was reported so far, at most a second."""
        if self._settle is not None:
            await self._settle(self._live)


Settle = Callable[[Live], "asyncio.Future[None]"]
_current: ContextVar[Progress | None] = ContextVar("arqboard_progress", default=None)


def current() -> Progress:
    """The progress of the job that this code runs in. Outside a job: one that goes nowhere, so tasks stay testable."""
    return _current.get() or Progress(Live("", ""), lambda live: None)


def set_current(progress: Progress) -> None:
    """Make a progress the current one of this task and of everything it starts."""
    _current.set(progress)
