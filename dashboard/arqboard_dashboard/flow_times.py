"""How long a workflow's steps take: measured where they have run, else the average of their function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arqboard.protocol import Job, Reader, State
from arqboard.protocol.standing import Tally

from .dag import Box
from .fresh import Fresh

#: Averages are of the last day, and read again after half a minute.
SINCE_MS, KEPT_SECONDS = 86_400_000, 30.0
#: What is known of fewer runs than this says nothing about those to come.
MIN_RUNS = 3
#: Functions whose averages are known at once.
MAX_FUNCTIONS = 200


@dataclass(frozen=True, slots=True)
class Average:
    """Of a function's runs in the last day."""

    ms: float
    runs: int


class Averages:
    """Of functions that somebody looks at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, Fresh[Average | None]] = {}

    async def of(self, functions: Sequence[str]) -> dict[str, Average]:
        """Those of these functions that have run."""
        found: dict[str, Average] = {}
        for function in dict.fromkeys(functions):
            average = await self._fresh(function).get()
            if average is not None:
                found[function] = average
        return found

    def _fresh(self, function: str) -> Fresh[Average | None]:
        fresh = self._known.pop(function, None) or Fresh(lambda: self._read(function), KEPT_SECONDS)
        self._known[function] = fresh
        while len(self._known) > MAX_FUNCTIONS:
            del self._known[next(iter(self._known))]
        return fresh

    async def _read(self, function: str) -> Average | None:
        now = await self._reader.now_ms()
        counts = (await self._reader.stats(function, since=now - SINCE_MS, step="hour")).total
        runs = sum(counts.run)
        return Average(counts.run_ms / runs, runs) if runs else None


@dataclass(frozen=True, slots=True)
class Step:
    """A card with how it stands. `job` is that of a card that is one job."""

    box: Box
    tally: Tally
    job: Job | None


@dataclass(frozen=True, slots=True)
class Critical:
    """The longest chain of run times. `unknown` steps on no chain could be measured and count as nothing."""

    ms: float
    boxes: frozenset[int]
    unknown: int


def critical_path(steps: Sequence[Step], averages: Mapping[str, Average]) -> Critical | None:
    """None where nothing is known of any step. Of a fan-out one member counts: others can run beside it."""
    takes = [_takes(step, averages) for step in steps]
    known = [ms or 0.0 for ms in takes]
    upto = _longest(steps, known)
    if not any(known):
        return None
    path = [max(range(len(steps)), key=upto.__getitem__)]
    while before := steps[path[-1]].box.before:
        path.append(max(before, key=upto.__getitem__))
    return Critical(upto[path[0]], frozenset(path), sum(ms is None for ms in takes))


def ready_at(steps: Sequence[Step], averages: Mapping[str, Average], slots: int, now: int) -> int | None:
    """When it ends at the earliest (ms): after the longest chain that is left, and no sooner than all the work that is
    left takes on all slots. None where that would be a guess."""
    remaining = [_remaining(step, averages, now) for step in steps]
    if not slots or None in remaining:
        return None
    path = max(_longest(steps, [one for one, _ in filter(None, remaining)]), default=0.0)
    work = sum(all_ for _, all_ in filter(None, remaining))
    return _rounded(now, max(path, work / slots))


def _takes(step: Step, averages: Mapping[str, Average]) -> float | None:
    job = step.job
    if job and job.started and job.ended and job.state.is_terminal:
        return max(0, job.ended - job.started)
    average = averages.get(step.box.function)
    return average.ms if average else None


def _remaining(step: Step, averages: Mapping[str, Average], now: int) -> tuple[float, float] | None:
    """Of one member, and of all, in ms. None where too few runs are known."""
    if not step.tally.left:
        return (0.0, 0.0)
    job = step.job
    if job and job.state is State.RUNNING and job.progress and job.progress.left_seconds and job.progress.reported:
        left = max(0.0, job.progress.reported + job.progress.left_seconds * 1000 - now)
        return (left, left)
    average = averages.get(step.box.function)
    if average is None or average.runs < MIN_RUNS:
        return None
    gone = now - job.started if job and job.state is State.RUNNING and job.started else 0
    return (max(0.0, average.ms - gone), max(0.0, average.ms * step.tally.left - gone))


def _longest(steps: Sequence[Step], takes: Sequence[float]) -> list[float]:
    """For each card how long the longest chain takes that ends with it. Cards come after those they wait for."""
    upto = list[float]()
    for step, ms in zip(steps, takes, strict=True):
        upto.append(ms + max((upto[n] for n in step.box.before), default=0.0))
    return upto


def _rounded(now: int, left: float) -> int:
    """To a moment that stays the same while nothing new is known, so that pages are not told of each second."""
    step = 1000 if left < 20_000 else 5000 if left < 300_000 else 30_000
    return round((now + left) / step) * step
