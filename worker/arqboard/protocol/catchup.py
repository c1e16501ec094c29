"""What becomes of ticks that are due: which run, which are missed, and when the schedule is due next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .schedule import Every, Spec, ticks_after

#: With `skip`, a tick may be so late (ms) and still runs: a worker that restarts, not an outage.
LATE_MS = 60_000
#: With `all`, so many ticks run after an outage, the newest.
MAX_RUNS = 1000
#: Jobs enqueued by one call: a longer one would hold Redis for milliseconds. What is left is due at once.
BATCH = 100
#: Missed ticks that are named in the history; more are only counted.
NAMED = 100
#: Ticks that are walked one by one. Beyond, the missed ones are counted as at least so many.
MAX_WALK = 5000


class CatchUp(StrEnum):
    """What happens after a time in which nobody ticked."""

    ONE = "one"
    """the latest tick runs, late; the ones before are missed"""
    SKIP = "skip"
    """the latest tick runs if it is at most a minute late; others are missed"""
    ALL = "all"
    """every tick runs"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of `tick` does. `missed` are the newest of `missed_count` missed ticks."""

    run: tuple[int, ...]
    missed: tuple[int, ...]
    missed_count: int
    next: int | None


@dataclass(frozen=True, slots=True)
class _Due:
    """Ticks up to now: how many there are, and the newest of them."""

    count: int
    newest: tuple[int, ...]
    next: int | None


def plan(spec: Spec, first: int, now: int, catch_up: CatchUp) -> Plan:
    """For a schedule whose tick `first` is due at `now` (both ms)."""
    due = _due(spec, first, now)
    wanted = {CatchUp.ONE: 1, CatchUp.SKIP: 1, CatchUp.ALL: MAX_RUNS}[catch_up]
    run = due.newest[-wanted:]
    if catch_up is CatchUp.SKIP and now - run[-1] > LATE_MS:
        run = ()
    missed = due.newest[: len(due.newest) - len(run)]
    batch, later = run[:BATCH], run[BATCH:]
    return Plan(batch, missed[-NAMED:], due.count - len(run), later[0] if later else due.next)


def _due(spec: Spec, first: int, now: int) -> _Due:
    keep = MAX_RUNS + NAMED
    ticks = [first]
    following: int | None = None
    for tick in ticks_after(spec, first):
        if tick > now:
            following = tick
            break
        if len(ticks) == MAX_WALK:
            return _newest(spec, now, keep, spec.count(first, now) if isinstance(spec, Every) else MAX_WALK)
        ticks.append(tick)
    return _Due(len(ticks), tuple(ticks[-keep:]), following)


def _newest(spec: Spec, now: int, keep: int, at_least: int) -> _Due:
    """After a long outage: found from the end, a longer stretch each time until it holds enough."""
    stretch = 1000
    while True:
        ticks: list[int] = []
        following: int | None = None
        for tick in ticks_after(spec, now - stretch):
            if tick > now:
                following = tick
                break
            ticks.append(tick)
        if len(ticks) >= keep:
            return _Due(at_least, tuple(ticks[-keep:]), following)
        stretch *= 4
