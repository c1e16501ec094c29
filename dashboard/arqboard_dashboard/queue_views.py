"""What the pages of queues show: values, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from arqboard.protocol import QueueInfo, State, WorkerInfo, percentile
from arqboard.protocol.queues import FunctionDepth, QueueCounts

from .worker_views import members_of

#: Minutes that a rate is taken over: long enough to be steady, short enough to be of now.
RATE_MINUTES = 5
#: A queue whose oldest job has waited so long (ms) while nothing has started is stuck.
STUCK_MS = 60_000

Trend = Literal["paused", "alone", "empty", "stuck", "drains", "grows", "steady"]
Span = Literal["1h", "6h", "24h"]
#: What a chart covers, and how many minutes one of its buckets is.
SPANS: dict[Span, tuple[int, int]] = {"1h": (60, 1), "6h": (360, 5), "24h": (1440, 15)}
#: What is drawn of a queue, in this order.
DRAWN = (State.RUNNING, State.QUEUED, State.RETRYING, State.DEFERRED)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a queue is going. `seconds` until it is empty where it `drains`, `per_minute` more where it `grows`."""

    trend: Trend
    seconds: float = 0.0
    per_minute: float = 0.0


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue. `minutes` are its last sixty, the unfinished one last; `now` is Redis' clock (ms)."""

    info: QueueInfo
    workers: int
    """those alive that listen on it"""
    busy: int
    slots: int
    minutes: list[QueueCounts]
    now: int

    @property
    def depth(self) -> dict[State, int]:
        info = self.info
        return dict(zip(DRAWN, (info.running, info.queued, info.retrying, info.deferred), strict=True))

    @property
    def came_list(self) -> list[int]:
        """By the minute, the unfinished one last."""
        return [counts.came for counts in self.minutes]

    @property
    def started_list(self) -> list[int]:
        return [counts.started for counts in self.minutes]

    @property
    def waits(self) -> tuple[float, float] | None:
        """Median and 95th percentile (ms) of those that started in the last hour."""
        wait = self.hour.wait
        p50, p95 = percentile(wait, 0.5), percentile(wait, 0.95)
        return None if p50 is None or p95 is None else (p50, p95)

    @property
    def hour(self) -> QueueCounts:
        return QueueCounts.sum(self.minutes)

    @property
    def came_per_minute(self) -> float:
        return self._rate(self.came_list)

    @property
    def started_per_minute(self) -> float:
        return self._rate(self.started_list)

    @property
    def is_alone(self) -> bool:
        """No worker listens, which is no wonder while it is paused."""
        return self.workers == 0 and self.info.paused is None

    @property
    def outlook(self) -> Outlook:
        if self.info.paused is not None:
            return Outlook("paused")
        if self.info.backlog == 0:
            return Outlook("empty")
        if self.workers == 0:
            return Outlook("alone")
        if self._is_stuck:
            return Outlook("stuck")
        return self._movement(self.started_per_minute - self.came_per_minute)

    def _movement(self, net: float) -> Outlook:
        """`net` jobs a minute are fewer than a minute ago. What is within the noise of a rate is no movement."""
        if abs(net) <= 0.02 * max(self.started_per_minute, self.came_per_minute):
            return Outlook("steady")
        if net < 0:
            return Outlook("grows", per_minute=-net)
        return Outlook("drains", seconds=_rounded(self.info.backlog / net * 60))

    @property
    def _is_stuck(self) -> bool:
        oldest = self.info.oldest
        return self.started_per_minute == 0 and oldest is not None and self.now - oldest > STUCK_MS

    def _rate(self, counts: Sequence[int]) -> float:
        """Per minute over the last RATE_MINUTES: the unfinished minute, whole ones, and what is missing of one more."""
        if not counts:
            return 0.0
        *earlier, current = counts[-RATE_MINUTES - 1 :]
        part = self.now % 60_000 / 60_000
        if len(earlier) < RATE_MINUTES:
            return (current + sum(earlier)) / RATE_MINUTES
        oldest, *whole = earlier
        return (current + sum(whole) + oldest * (1 - part)) / RATE_MINUTES


@dataclass(frozen=True, slots=True)
class QueuesView:
    """`pages/queues.html`"""

    rows: list[QueueRow]
    version: int

    @property
    def members(self) -> str:
        """Changes when a queue comes: then the list is another one."""
        return members_of(row.info.name for row in self.rows)


@dataclass(frozen=True, slots=True)
class ChartBucket:
    """What happened in one bucket of a chart, from `time` (ms) on."""

    time: int
    counts: QueueCounts

    @property
    def wait_p50(self) -> float | None:
        return percentile(self.counts.wait, 0.5)

    @property
    def wait_p95(self) -> float | None:
        return percentile(self.counts.wait, 0.95)


@dataclass(frozen=True, slots=True)
class QueueCharts:
    """The charts of a queue's page. The last bucket is not over yet."""

    queue: str
    span: Span
    buckets: list[ChartBucket]

    @property
    def minutes_each(self) -> int:
        return SPANS[self.span][1]

    @property
    def total(self) -> QueueCounts:
        return QueueCounts.sum(bucket.counts for bucket in self.buckets)


@dataclass(frozen=True, slots=True)
class QueuePage:
    """`pages/queue.html`"""

    row: QueueRow
    functions: list[FunctionDepth]
    workers: list[WorkerInfo]
    charts: QueueCharts
    version: int


def _rounded(seconds: float) -> float:
    """As precise as a guess deserves: to 5 s, minutes, then tens of minutes."""
    step = 5 if seconds < 90 else 60 if seconds < 3600 else 600
    return max(step, round(seconds / step) * step)
