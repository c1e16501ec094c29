"""The few numbers over the list and in the sidebar, computed from what Redis counted."""

from __future__ import annotations

from collections.abc import Sequence

from arqboard.protocol import percentile

from .views import Kpis, Side


class Tiles:
    """What the tiles over the list show, computed from the last minutes."""

    def __init__(self, kpis: Kpis, now: int) -> None:
        self.ended = [m.succeeded + m.failed + m.aborted for m in kpis.minutes]
        self.failures = [m.failed for m in kpis.minutes]
        self.failed = sum(self.failures)
        self.retried = sum(m.retried for m in kpis.minutes)
        self.failed_share = 100 * self.failed / max(1, sum(self.ended))
        self.per_minute = self._sliding(now)
        self.waits = [_p95(m.wait) for m in kpis.minutes]
        self.wait_p95 = _sum_p95([m.wait for m in kpis.minutes])
        self.run_p95 = _sum_p95([m.run for m in kpis.minutes])
        self.busy_share = 100 * kpis.busy / kpis.slots if kpis.slots else 0.0

    def _sliding(self, now: int) -> int:
        """The last 60 seconds, from the unfinished minute and the rest of the one before."""
        if not self.ended:
            return 0
        before = self.ended[-2] if len(self.ended) > 1 else 0
        return round(self.ended[-1] + before * (1 - now % 60_000 / 60_000))


def _p95(buckets: Sequence[int]) -> float:
    return percentile(buckets, 0.95) or 0.0


def _sum_p95(histograms: Sequence[Sequence[int]]) -> float | None:
    return percentile([sum(column) for column in zip(*histograms, strict=False)], 0.95)


def used_slots(side: Side, queue: str) -> tuple[int, int]:
    """How many slots of a queue's living workers are taken, and how many there are."""
    workers = [w for w in side.workers if w.alive and w.queue == queue]
    return sum(len(w.running) for w in workers), sum(w.slots for w in workers)
