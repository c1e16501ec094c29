"""What is known of queues beyond their depth: what went through them by the minute, and what functions have in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .client import Client
from .job import State
from .keys import Keys
from .stats import BUCKETS, NOTHING, Counts, number_of

_NUMBERS = ("submitted", "succeeded", "failed", "aborted", "retried")
_FIELDS = (*_NUMBERS, *(f"wait|{n}" for n in range(BUCKETS)))
_COUNTED = (*_FIELDS, *(f"run|{n}" for n in range(BUCKETS)))
#: States of jobs that a queue still has to do with, and of those that went wrong.
DEPTH_STATES = (State.QUEUED, State.RUNNING, State.RETRYING, State.DEFERRED, State.FAILED)
#: Functions whose depth is read at most.
MAX_FUNCTIONS = 200


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What happened in a queue. `wait` counts starts, by how long they had waited (bounds: `HISTOGRAM_MS`)."""

    submitted: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    retried: int = 0
    wait: tuple[int, ...] = NOTHING

    @property
    def started(self) -> int:
        return sum(self.wait)

    @property
    def came(self) -> int:
        """Jobs that began to wait: new ones, and those that will be tried again."""
        return self.submitted + self.retried

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.aborted

    @classmethod
    def sum(cls, parts: Iterable[QueueCounts]) -> QueueCounts:
        found = [part for part in parts if part is not NO_COUNTS]
        numbers = {name: sum(getattr(part, name) for part in found) for name in _NUMBERS}
        return cls(**numbers, wait=tuple(map(sum, zip(*(part.wait for part in found), strict=True))) or NOTHING)


NO_COUNTS: Final = QueueCounts()


@dataclass(frozen=True, slots=True)
class Limit:
    """What holds a function back over all workers: how many at once, and one start each so many ms, `burst` at once."""

    concurrency: int = 0
    interval_ms: float = 0
    burst: int = 1


@dataclass(frozen=True, slots=True)
class FunctionDepth:
    """What a queue has of one function. `parked` are held back by its limit or its pause, in all queues together."""

    name: str
    counts: Mapping[State, int]
    parked: int
    paused: int | None
    """since when (ms) none of it starts"""
    limit: Limit | None

    @property
    def has_any(self) -> bool:
        return any(self.counts.values())


async def read_queue_minutes(
    redis: Client, keys: Keys, queues: Sequence[str], minutes: Sequence[int]
) -> dict[int, dict[str, QueueCounts]]:
    """What happened in these queues in each of these minutes. One round trip."""
    fields = [f"@{what}|{queue}" for queue in queues for what in _FIELDS]
    if not fields:
        return {minute: {} for minute in minutes}
    pipe = redis.pipeline(transaction=False)
    for minute in minutes:
        pipe.hmget(keys.stats(minute), fields)
    rows: list[Any] = await pipe.execute(raise_on_error=False)
    return {minute: _by_queue(queues, row) for minute, row in zip(minutes, rows, strict=True)}


async def read_queue_counts(redis: Client, keys: Keys, queue: str, minutes: Sequence[int]) -> dict[int, Counts]:
    """The same of one queue with how long its jobs ran, for charts; minutes without anything are left out."""
    pipe = redis.pipeline(transaction=False)
    for minute in minutes:
        pipe.hmget(keys.stats(minute), [f"@{name}|{queue}" for name in _COUNTED])
    rows: list[Any] = await pipe.execute(raise_on_error=False)
    return {
        minute: Counts.parse(dict(zip(_COUNTED, row, strict=True)))
        for minute, row in zip(minutes, rows, strict=True)
        if not isinstance(row, Exception) and any(row)
    }


async def read_function_depths(redis: Client, keys: Keys, queue: str, functions: Sequence[str]) -> list[FunctionDepth]:
    """What a queue has of each of these functions, MAX_FUNCTIONS at most. One round trip."""
    names = functions[:MAX_FUNCTIONS]
    pipe = redis.pipeline(transaction=False)
    pipe.hgetall(keys.paused)
    pipe.hgetall(keys.limits)
    for name in names:
        for state in DEPTH_STATES:
            pipe.zcard(keys.jobs(state, queue, name))
        pipe.zcard(keys.parked_of(name))
    paused, limits, *flat = await pipe.execute()
    width = len(DEPTH_STATES) + 1
    return [
        FunctionDepth(
            name,
            dict(zip(DEPTH_STATES, flat[n * width :], strict=False)),
            flat[n * width + width - 1],
            number_of(paused.get(f"function:{name}".encode(errors="replace"))) or None,
            parse_limit(limits.get(name.encode(errors="replace"))),
        )
        for n, name in enumerate(names)
    ]


def parse_limit(text: bytes | None) -> Limit | None:
    """A function's limit as its worker has published it; None where there is none, or it can't be read."""
    try:
        concurrency, interval, burst = (text or b"").decode().split("|")
        return Limit(int(float(concurrency)), float(interval), int(burst))
    except ValueError:
        return None


def _by_queue(queues: Sequence[str], row: Any) -> dict[str, QueueCounts]:
    """Counts from the values of one minute; what can't be read counts as nothing."""
    if isinstance(row, Exception):
        return {}
    width = len(_FIELDS)
    parts = ((queue, row[n * width : (n + 1) * width]) for n, queue in enumerate(queues))
    return {queue: _counts(values) for queue, values in parts if any(values)}


def _counts(values: Sequence[bytes | None]) -> QueueCounts:
    submitted, succeeded, failed, aborted, retried, *wait = map(number_of, values)
    return QueueCounts(submitted, succeeded, failed, aborted, retried, tuple(wait))
