"""How many jobs ran and waited, as the heartbeats of workers have looked once a minute (see lua/_gauges.lua)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from .client import Client
from .keys import Keys

MINUTE_MS, HOUR = 60_000, 60
#: So long (minutes) they are kept.
KEPT_MINUTES = 8 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class Gauge:
    """How many jobs ran and were queued, and how long (ms) the oldest of those had waited."""

    running: int
    queued: int
    waited_ms: int = 0

    @classmethod
    def highest(cls, gauges: Iterable[Gauge]) -> Self | None:
        """The most of each; None where nobody has looked."""
        found = list(gauges)
        if not found:
            return None
        return cls(*(max(getattr(gauge, name) for gauge in found) for name in ("running", "queued", "waited_ms")))

    @classmethod
    def parse(cls, raw: bytes) -> Self | None:
        """None where it can't be read."""
        try:
            running, queued, waited = map(int, raw.split(b"|"))
        except ValueError:
            return None
        return cls(running, queued, waited) if min(running, queued, waited) >= 0 else None


async def read_gauges(redis: Client, keys: Keys, since: int, until: int) -> dict[int, Gauge]:
    """By minute (since 1970), from one time (ms) to another, both included. One round trip."""
    minutes = range(max(since // MINUTE_MS, until // MINUTE_MS - KEPT_MINUTES), until // MINUTE_MS + 1)
    hours = range(minutes.start // HOUR, (minutes.stop - 1) // HOUR + 1)
    pipe = redis.pipeline(transaction=False)
    for hour in hours:
        pipe.hgetall(keys.gauges(hour))
    rows: list[Any] = await pipe.execute(raise_on_error=False)
    found: dict[int, Gauge] = {}
    for hour, row in zip(hours, rows, strict=True):
        fields: dict[bytes, bytes] = {} if isinstance(row, Exception) else row
        for field, raw in fields.items():
            minute = hour * HOUR + _minute(field)
            gauge = Gauge.parse(raw)
            if gauge is not None and minute in minutes:
                found[minute] = gauge
    return found


def _minute(field: bytes) -> int:
    """Of its hour; one that no hour has where somebody else wrote the field."""
    return int(field) if field.isdigit() and len(field) < 3 and int(field) < HOUR else -KEPT_MINUTES * HOUR
