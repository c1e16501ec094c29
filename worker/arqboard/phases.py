"""The phases of a job: parts of it with their own totals. While one is open, it is what the job's progress shows."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .live import Live

if TYPE_CHECKING:
    from types import TracebackType

    from .progress import Progress

MAX_PHASES = 50
MAX_WORD = 100
#: More than this is no number that Redis keeps exactly.
MAX_NUMBER = 10**15


def number(value: float) -> int:
    return min(MAX_NUMBER, max(0, int(value)))


def text(value: object, limit: int) -> str:
    """What a job says, cut. Lone surrogates can't be sent as UTF-8; they become question marks."""
    said = str(value)[:limit]
    return said if said.isascii() else said.encode("utf-8", "replace").decode()


@dataclass(slots=True)
class _Numbers:
    """What a progress shows. `name` is that of the phase."""

    done: int = 0
    total: int | None = None
    unit: str = ""
    name: str = ""


@dataclass(slots=True, eq=False)
class PhaseRecord(_Numbers):
    """One phase as it is kept. Times are ms since the attempt began, by a clock that never goes back."""

    state: str = "waiting"
    started: int | None = None
    ended: int | None = None

    def told(self, is_shown: bool) -> dict[str, Any]:
        """The numbers of the phase that is shown are the job's: they change often, and are not written twice."""
        said = {"name": self.name, "state": self.state, "started": self.started, "ended": self.ended}
        if is_shown:
            return {**said, "shown": 1}
        return {**said, "done": self.done, "total": self.total, "unit": self.unit}


class PhaseBook:
    """All phases of one attempt. Every thread of the job may open, report and close."""

    def __init__(self, live: Live, began: float) -> None:
        self._live, self._began = live, began
        self._records: list[PhaseRecord] = []
        self._open: list[PhaseRecord] = []
        self._own = _Numbers()
        self._left = _Numbers()
        self._lock = threading.Lock()

    def plan(self, names: tuple[str, ...]) -> None:
        """These are the phases to come, instead of those announced before."""
        with self._lock:
            self._records = [r for r in self._records if r.state != "waiting"]
            self._records += [PhaseRecord(name=text(name, MAX_WORD)) for name in names]
            self._write()

    def open(self, name: str, total: float | None, unit: str) -> PhaseRecord:
        with self._lock:
            record = self._record(text(name, MAX_WORD))
            record.total = None if total is None else number(total)
            record.unit = text(unit, MAX_WORD)
            record.state, record.started = "running", self._now()
            self._put_aside()
            self._open.append(record)
            self._show(record)
            self._write()
            return record

    def close(self, record: PhaseRecord, state: str) -> None:
        with self._lock:
            self._put_aside()
            record.state, record.ended = state, self._now()
            if record in self._open:
                self._open.remove(record)
            if self._open:
                self._show(self._open[-1])
            elif self._own.done or self._own.total is not None:
                self._show(self._own)
            else:  # the job counts in phases only: the last one stays in view
                self._left = self._numbers()
            self._write()

    def report(self, record: PhaseRecord, done: float | None, total: float | None, unit: str | None) -> None:
        with self._lock:
            into = self._live if self.shown is record else record
            if done is not None:
                into.done = number(done)
            if total is not None:
                into.total = number(total)
            if unit is not None:
                into.unit = text(unit, MAX_WORD)

    def add(self, record: PhaseRecord | None, count: int) -> None:
        """Count on, in a phase or (None) in the job's own progress, whichever is in view."""
        with self._lock:
            if self.shown is record:
                self._live.done += count
            else:
                into = self._own if record is None else record
                into.done += count

    @property
    def shown(self) -> PhaseRecord | None:
        """The phase whose numbers are the job's: of those that are open the one opened last."""
        return self._open[-1] if self._open else None

    def numbers(self, record: PhaseRecord) -> tuple[int, int | None]:
        source = self._live if self.shown is record else record
        return source.done, source.total

    def _record(self, name: str) -> PhaseRecord:
        """The one that was announced under this name, else a new one before those to come."""
        coming = [r for r in self._records if r.state == "waiting"]
        for record in coming:
            if record.name == name:
                return record
        record = PhaseRecord(name=name)
        self._records.insert(self._records.index(coming[0]) if coming else len(self._records), record)
        return record

    def _numbers(self) -> _Numbers:
        return _Numbers(self._live.done, self._live.total, self._live.unit, self._live.phase)

    def _put_aside(self) -> None:
        """Keep what is in view with whom it belongs to."""
        shown, now = self.shown, self._numbers()
        if shown is not None:
            shown.done, shown.total, shown.unit = now.done, now.total, now.unit
        elif now != self._left:
            self._own = now

    def _show(self, numbers: _Numbers) -> None:
        live = self._live
        live.done, live.total, live.unit, live.phase = numbers.done, numbers.total, numbers.unit, numbers.name

    def _now(self) -> int:
        return max(0, round((time.monotonic() - self._began) * 1000))

    def _write(self) -> None:
        ended = [r for r in self._records if r.state in ("done", "failed")]
        for record in ended[: max(0, len(self._records) - MAX_PHASES)]:
            self._records.remove(record)
        shown = self.shown
        self._live.phases = json.dumps([r.told(r is shown) for r in self._records[:MAX_PHASES]])


class Phase:
    """An open part of a job: `await phase(done, total, note=…)`, and `phase.report(…)` from synchronous code."""

    def __init__(self, progress: Progress, name: str, total: float | None, unit: str) -> None:
        self._progress, self._book = progress, progress.book
        self._name, self._total, self._unit = name, total, unit
        self._record: PhaseRecord | None = None

    async def __aenter__(self) -> Phase:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __enter__(self) -> Phase:
        self._record = self._book.open(self._name, self._total, self._unit)
        self._progress.touched()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close(self._opened, "done" if error is None else "failed")
        self._progress.touched()

    async def __call__(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
    ) -> None:
        """Say how far this phase is. What is left out keeps its value."""
        self._set(done, total, note, unit)
        await self._progress(note=note)

    def report(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        note: str | None = None,
        unit: str | None = None,
    ) -> None:
        """The same from synchronous code, also from a thread."""
        self._set(done, total, note, unit)
        self._progress.report(note=note)

    def _set(self, done: float | None, total: float | None, note: str | None, unit: str | None) -> None:
        self._book.report(self._opened, done, total, unit)

    @property
    def _opened(self) -> PhaseRecord:
        if self._record is None:
            raise RuntimeError(f'The phase "{self._name}" is not open: `async with progress.phase(…)` opens it')
        return self._record

    @property
    def done(self) -> int:
        return self._book.numbers(self._opened)[0]

    @property
    def total(self) -> int | None:
        return self._book.numbers(self._opened)[1]
