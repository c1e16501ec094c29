"""The phases of a job's last attempt, as a reader needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, cast

MAX_PHASES = 50
MAX_NAME = 100
MAX_NUMBER = 10**15


class PhaseState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a job with its own total. Times are ms since 1970: the attempt's start by Redis' clock, and what the
    worker counted from there, so a duration is never negative. `total` is None where the phase has not said it."""

    name: str
    state: PhaseState
    started: int | None = None
    ended: int | None = None
    done: int = 0
    total: int | None = None
    unit: str = ""
    is_shown: bool = False
    """its numbers are those of the job's progress"""

    @property
    def duration_ms(self) -> int | None:
        if self.started is None or self.ended is None:
            return None
        return max(0, self.ended - self.started)

    @property
    def percent(self) -> float | None:
        return percent(self.done, self.total)


def percent(done: int, total: int | None) -> float | None:
    """0 to 100, or None while the total is unknown. Never 100 before everything is done."""
    if not total:
        return None
    if done >= total:
        return 100.0
    return max(0.0, int(done * 1000 / total) / 10)


def parse_phases(raw: object, *, began: int) -> list[Phase]:
    """From the parsed JSON of a job's field `phases`. What makes no sense is left out."""
    entries = cast("list[object]", raw) if isinstance(raw, list) else []
    phases = [_parse(entry, began) for entry in entries[:MAX_PHASES]]
    return [phase for phase in phases if phase is not None]


def settled(phases: list[Phase], ended: int | None) -> list[Phase]:
    """The same when the attempt is over: a phase that still ran was cut off, when its worker was killed or gave up."""
    return [
        replace(phase, state=PhaseState.FAILED, ended=max(phase.started or 0, ended or 0) or None)
        if phase.state is PhaseState.RUNNING
        else phase
        for phase in phases
    ]


def _parse(entry: object, began: int) -> Phase | None:
    if not isinstance(entry, Mapping):
        return None
    d = cast("Mapping[str, Any]", entry)
    try:
        started, ended, total = _number(d.get("started")), _number(d.get("ended")), _number(d.get("total"))
        return Phase(
            name=str(d["name"])[:MAX_NAME],
            state=PhaseState(d["state"]),
            started=None if started is None else began + started,
            ended=None if ended is None else began + max(ended, started or 0),
            done=_number(d.get("done")) or 0,
            total=total,
            unit=str(d.get("unit", ""))[:MAX_NAME],
            is_shown=bool(d.get("shown")),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _number(value: Any) -> int | None:
    if value is None:
        return None
    number = int(value)
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError("out of range")
    return number
