"""How many jobs ran and waited over a window, as workers have looked once a minute; each minute is read once."""

from __future__ import annotations

from typing import Final

from arqboard.protocol import Reader
from arqboard.protocol.gauges import KEPT_MINUTES, Gauge

MINUTE: Final = 60_000


class GaugeHistory:
    """What has been read of the last days. A minute that is over stays as it was."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[int, Gauge] = {}
        self._read = range(0)

    def forget(self) -> None:
        """Another database has had other jobs."""
        self._known.clear()
        self._read = range(0)

    async def buckets(self, first: int, bucket_ms: int, now: int) -> list[Gauge | None]:
        """The highest in each bucket from a time (ms) on, the open one last; None where no worker lived."""
        await self._follow(first // MINUTE, now // MINUTE)
        minutes = bucket_ms // MINUTE
        starts = range(first // MINUTE, now // MINUTE + 1, minutes)
        return [Gauge.highest(self._of(range(start, start + minutes))) for start in starts]

    def _of(self, minutes: range) -> list[Gauge]:
        return [self._known[minute] for minute in minutes if minute in self._known]

    async def _follow(self, first: int, last: int) -> None:
        since = first if first < self._read.start or not self._read else max(first, self._read.stop - 2)
        if since > self._read.stop or not self._read:
            self.forget()
            self._read = range(since, since)
        self._known.update(await self._reader.gauges(since * MINUTE, last * MINUTE))
        self._read = range(min(self._read.start, since), last + 1)
        for minute in [minute for minute in self._known if minute < last - KEPT_MINUTES]:
            del self._known[minute]
