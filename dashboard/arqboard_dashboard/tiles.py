"""The few numbers over the list and in the sidebar, computed from what Redis counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from arqboard.protocol import Counts, percentile

from .trends import Trend
from .views import Kpis, Side

#: A change of less than this is none: 1 is one percent, or one percent point.
SMALLEST_CHANGE = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """How a number stands to what it was in the time before. `is_good` is None where neither way is better."""

    direction: Literal["up", "down", "same"]
    by: float
    is_good: bool | None = None


class Tiles:
    """What the tiles over the list show of a window, and how it was before."""

    def __init__(self, trend: Trend, kpis: Kpis) -> None:
        now, before = trend.total, trend.before
        counts = [bucket.counts for bucket in trend.buckets]
        self.ended, self.failed, self.retried = now.ended, now.failed, now.retried
        self.ended_line = [c.ended for c in counts]
        self.failed_line = [c.failed for c in counts]
        self.wait_line = [percentile(c.wait, 0.95) or 0.0 for c in counts]
        self.running_line = _gauged([g.running if g else None for g in trend.gauges], kpis.running)
        self.queued_line = _gauged([g.queued if g else None for g in trend.gauges], kpis.queued)
        self.rate, self.per = _readable(now.ended / max(trend.elapsed_minutes, 0.5))
        self.rate_change = _relative(now.ended / max(trend.elapsed_minutes, 0.5), before.ended / trend.minutes_before)
        self.failed_share, self.failed_before = _share(now), _share(before)
        self.failed_change = _points(self.failed_share, self.failed_before)
        self.wait_p95, self.wait_before = percentile(now.wait, 0.95), percentile(before.wait, 0.95)
        self.run_p95 = percentile(now.run, 0.95)


def busy_share(busy: int, slots: int) -> float:
    """How much of all slots is taken, in percent."""
    return 100 * busy / slots if slots else 0.0


def _gauged(highest: Sequence[int | None], now: int) -> list[int | None]:
    """By bucket, of which the open one knows at least what is so now. None where nobody has looked."""
    return [*highest[:-1], max(now, (highest[-1] if highest else None) or 0)]


def _readable(per_minute: float) -> tuple[float, Literal["min", "h"]]:
    """Few jobs are counted by the hour."""
    return (per_minute, "min") if per_minute >= 1 or not per_minute else (per_minute * 60, "h")


def _share(counts: Counts) -> float | None:
    return 100 * counts.failed / counts.ended if counts.ended else None


def _relative(now: float, before: float) -> Change | None:
    if not before:
        return None
    percent = 100 * (now / before - 1)
    return _change(percent)


def _points(now: float | None, before: float | None) -> Change | None:
    """Fewer failures are better."""
    if now is None or before is None:
        return None
    change = _change(round(now, 1) - round(before, 1), smallest=0.05)  # what reads the same is the same
    return Change(change.direction, change.by, None if change.direction == "same" else change.direction == "down")


def _change(by: float, *, smallest: float = SMALLEST_CHANGE) -> Change:
    if abs(by) < smallest:
        return Change("same", 0.0)
    return Change("up" if by > 0 else "down", abs(by))


def used_slots(side: Side, queue: str) -> tuple[int, int]:
    """How many slots of a queue's living workers are taken, and how many there are."""
    workers = [w for w in side.workers if w.alive and w.queue == queue]
    return sum(len(w.running) for w in workers), sum(w.slots for w in workers)
