"""What happened over the last minutes, hours or days, in the buckets of a chart, and how it was before that.

A bucket that is over stays as it was, so it is read once; only the one that is still open, and the one before it, are
read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from arqboard.protocol import Counts, Deploy, Reader, StatsBucket
from arqboard.protocol.gauges import Gauge
from arqboard.protocol.stats import EMPTY, MAX_BUCKETS, STEP_SECONDS, Step

from .fresh import Fresh
from .gauges import GaugeHistory

MINUTE: Final = 60_000
#: Windows of functions that are remembered.
MAX_TRENDS = 64
#: How long a trend is good for; a chart is redrawn less often than that.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """`count` buckets of so many minutes each, read by `step`; the time before it is read by `before`."""

    name: str
    minutes: int
    count: int
    step: Step
    before: Step

    @property
    def bucket_ms(self) -> int:
        return self.minutes * MINUTE

    @property
    def length_ms(self) -> int:
        return self.count * self.bucket_ms

    @property
    def counts_queues(self) -> bool:
        """What happened in one queue is counted by the minute, and known for a day."""
        return self.step == "minute"

    def first(self, now: int) -> int:
        """When the first bucket begins; the last one is open now."""
        return (now // self.bucket_ms - self.count + 1) * self.bucket_ms


#: What can be chosen, by the name in the address.
WINDOWS: Final[Mapping[str, Window]] = MappingProxyType(
    {
        window.name: window
        for window in (
            Window("15m", 1, 15, "minute", "minute"),
            Window("1h", 1, 60, "minute", "minute"),
            Window("6h", 5, 72, "minute", "minute"),
            Window("24h", 15, 96, "minute", "hour"),
            Window("7d", 120, 84, "hour", "hour"),
        )
    }
)
DEFAULT: Final = "1h"


@dataclass(frozen=True, slots=True)
class Trend:
    """Buckets of a window, oldest first, the open one last; `before` is as long a time before them."""

    window: Window
    function: str | None
    now: int
    buckets: list[StatsBucket]
    total: Counts
    before: Counts
    deploys: list[Deploy]
    queue: str | None = None
    gauges: Sequence[Gauge | None] = ()
    """of all jobs, by bucket; None where no worker lived to look"""

    @property
    def of(self) -> str:
        """The function or the queue that it is of; "" for all."""
        return self.function or self.queue or ""

    @property
    def name(self) -> str:
        """What charts of it are watched as."""
        mark = "/" if self.function else "@" if self.queue else ""
        return f"{self.window.name}{mark}{self.of}"

    @property
    def elapsed_minutes(self) -> float:
        """How long the window has been so far. The open minute counts as half, so that this stands still within one."""
        return (self.now // MINUTE * MINUTE + MINUTE / 2 - self.buckets[0].time) / MINUTE

    @property
    def minutes_before(self) -> float:
        return self.window.length_ms / MINUTE


@dataclass(slots=True)
class _Known:
    """What has been read of one window of one function or queue."""

    closed: dict[int, Counts] = field(default_factory=dict[int, Counts])
    """by the time at which a bucket begins"""
    before_first: int = -1
    before: Counts = EMPTY


#: Of what a trend is: window, function, queue.
Of = tuple[str, str | None, str | None]


class Trends:
    """Trends by window and function or queue, each read once for all who look."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._fresh: OrderedDict[Of, Fresh[Trend]] = OrderedDict()
        self._known: dict[Of, _Known] = {}
        self._gauges = GaugeHistory(reader)
        self._epoch = ""

    async def get(self, window: Window, function: str | None = None, queue: str | None = None) -> Trend:
        """Of all jobs, of a function, or, in a window that `counts_queues`, of a queue."""
        key = (window.name, function, queue)
        fresh = self._fresh.pop(key, None)
        if fresh is None:
            fresh = Fresh(lambda: self._read(window, function, queue), FRESH_SECONDS)
        self._fresh[key] = fresh
        while len(self._fresh) > MAX_TRENDS:
            old, _ = self._fresh.popitem(last=False)
            self._known.pop(old, None)
        return await fresh.get()

    def expire(self) -> None:
        """Read anew what is asked for next."""
        for fresh in self._fresh.values():
            fresh.expire()

    async def _read(self, window: Window, function: str | None, queue: str | None) -> Trend:
        await self._follow_epoch()
        now = await self._reader.now_ms()
        first = window.first(now)
        known = self._known.setdefault((window.name, function, queue), _Known())
        buckets = await self._buckets(window, function, queue, known, first, now)
        if known.before_first != first and queue is None:
            known.before_first, known.before = first, await self._before(window, function, first)
        deploys = await self._reader.deploys(first)
        total = sum((bucket.counts for bucket in buckets if bucket.counts is not EMPTY), EMPTY)
        gauges = [] if function or queue else await self._gauges.buckets(first, window.bucket_ms, now)
        return Trend(window, function, now, buckets, total, known.before, deploys, queue, gauges)

    async def _follow_epoch(self) -> None:
        """In another database other things have happened."""
        _, epoch = await self._reader.position()
        if epoch != self._epoch:
            self._epoch = epoch
            self._known.clear()
            self._gauges.forget()

    async def _buckets(
        self, window: Window, function: str | None, queue: str | None, known: _Known, first: int, now: int
    ) -> list[StatsBucket]:
        since = max(first, max(known.closed, default=first - window.bucket_ms) + window.bucket_ms)
        counted = await (
            self._in_queue(window, queue, since, now) if queue else self._counted(window, function, since, now)
        )
        times = range(first, first + window.length_ms, window.bucket_ms)
        found = {time: known.closed.get(time) or counted.get(time, EMPTY) for time in times}
        # a verb may still count in the minute that has just ended, so the bucket before the open one is not closed yet
        known.closed = {time: found[time] for time in times[:-2]}
        return [StatsBucket(time, counts) for time, counts in found.items()]

    async def _counted(self, window: Window, function: str | None, since: int, now: int) -> dict[int, Counts]:
        """What the finer steps have counted, added up by bucket; as many reads as it takes."""
        counted: dict[int, Counts] = {}
        part = MAX_BUCKETS * STEP_SECONDS[window.step] * 1000
        for start in range(since, now + 1, part):
            until = min(start + part - 1, now)
            stats = await self._reader.stats(function, since=start, step=window.step, until=until)
            for bucket in stats.buckets:
                time = bucket.time // window.bucket_ms * window.bucket_ms
                if bucket.counts is not EMPTY:
                    counted[time] = counted.get(time, EMPTY) + bucket.counts
        return counted

    async def _in_queue(self, window: Window, queue: str, since: int, now: int) -> dict[int, Counts]:
        """The same of a queue, which is counted by the minute."""
        counted: dict[int, Counts] = {}
        for minute, counts in (await self._reader.queue_counts(queue, since, now)).items():
            time = minute * MINUTE // window.bucket_ms * window.bucket_ms
            counted[time] = counted.get(time, EMPTY) + counts
        return counted

    async def _before(self, window: Window, function: str | None, first: int) -> Counts:
        since = first - window.length_ms
        stats = await self._reader.stats(function, since=since, step=window.before, until=first - 1)
        if stats.buckets[0].time < since:  # by the hour: as long a time, ending with the last whole hour
            stats = replace(stats, buckets=stats.buckets[:-1])
        return stats.total
