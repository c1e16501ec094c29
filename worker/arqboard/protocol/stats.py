"""Reads what the verbs counted: by minute, hour and day for charts, and since ever for Prometheus.

The verbs count in the open minute and add it to its hour, its day and the totals once it is over (see
lua/_counts.lua), so what is asked for is always a coarser hash plus the open minute.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from .client import Client, now_ms
from .keys import Keys

Step = Literal["minute", "hour", "day"]

#: Buckets (upper bounds in ms) of the run and wait histograms, doubling from 1 ms to about 17 minutes; one more above.
HISTOGRAM_MS: tuple[int, ...] = tuple(2**n for n in range(21))
BUCKETS = len(HISTOGRAM_MS) + 1
STEP_SECONDS: dict[Step, int] = {"minute": 60, "hour": 3600, "day": 86_400}
#: For so many seconds each is kept.
KEPT_SECONDS: dict[Step, int] = {"minute": 26 * 3600, "hour": 90 * 86_400, "day": 730 * 86_400}
#: More than two years of days are never read at once.
MAX_BUCKETS = 732
#: The finest step that shows a time in no more than so many points is taken by itself.
MAX_POINTS = 400
#: What lua/_counts.lua keeps apart in the totals; beyond, functions and exception types are added up as "other".
MAX_FUNCTIONS, MAX_ERRORS = 500, 20
OTHER: Final = "other"

NOTHING: tuple[int, ...] = (0,) * BUCKETS
_NUMBERS = ("submitted", "started", "succeeded", "failed", "aborted", "retried", "lost", "run_ms", "wait_ms")
_FIELDS = (*_NUMBERS, *(f"{kind}|{n}" for kind in ("run", "wait") for n in range(BUCKETS)), "errors")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened. Histograms count by the bounds of `HISTOGRAM_MS`; `run_ms` and `wait_ms` are their sums.

    `started` counts attempts, `retried` those that will be followed by another, `lost` those whose worker died.
    `run` has one entry per ended job, `wait` one per start. `errors` are the exception types of failed jobs.
    """

    submitted: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    retried: int = 0
    lost: int = 0
    run_ms: int = 0
    wait_ms: int = 0
    run: tuple[int, ...] = NOTHING
    wait: tuple[int, ...] = NOTHING
    errors: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.aborted

    def __add__(self, other: Counts) -> Counts:
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return Counts(
            **numbers,
            run=tuple(a + b for a, b in zip(self.run, other.run, strict=True)),
            wait=tuple(a + b for a, b in zip(self.wait, other.wait, strict=True)),
            errors=Counter(self.errors) + Counter(other.errors),
        )

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Counts:
        """From the fields of a hash of counters. What is missing or damaged counts as nothing."""
        return cls(
            **{name: number_of(fields.get(name)) for name in _NUMBERS},
            run=tuple(number_of(fields.get(f"run|{n}")) for n in range(BUCKETS)),
            wait=tuple(number_of(fields.get(f"wait|{n}")) for n in range(BUCKETS)),
            errors=_errors(fields.get("errors")),
        )


EMPTY: Final = Counts()


@dataclass(frozen=True, slots=True)
class StatsBucket:
    """What happened in one minute, hour or day from `time` (ms since 1970) on."""

    time: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Stats:
    """Buckets without gaps, oldest first, the unfinished one last. `since` (ms) is where the first one begins."""

    step: Step
    since: int
    buckets: list[StatsBucket]

    @property
    def total(self) -> Counts:
        return sum((bucket.counts for bucket in self.buckets if bucket.counts is not EMPTY), EMPTY)


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything counted since the database is there, in all and by function."""

    all: Counts
    functions: dict[str, Counts]


@dataclass(frozen=True, slots=True)
class Deploy:
    """A release and when (ms) it was first seen."""

    release: str
    time: int


def percentile(buckets: Sequence[int], share: float) -> float | None:
    """The `share` (0 to 1) percentile in ms of a histogram over `HISTOGRAM_MS`: its bucket's upper bound."""
    total = sum(buckets)
    if not total:
        return None
    seen = 0
    for n, count in enumerate(buckets):
        seen += count
        if seen >= share * total:
            return float(HISTOGRAM_MS[min(n, len(HISTOGRAM_MS) - 1)])
    return float(HISTOGRAM_MS[-1])


def step_for(since: int, now: int) -> Step:
    """The finest step that is still kept from `since` (ms) on and shows it in few points."""
    for step in ("minute", "hour"):
        seconds = (now - since) / 1000
        if seconds <= KEPT_SECONDS[step] and seconds / STEP_SECONDS[step] <= MAX_POINTS:
            return step
    return "day"


async def read_stats(
    redis: Client, keys: Keys, function: str | None, since: int, step: Step | None, until: int | None = None
) -> Stats:
    """Raises ValueError where the step makes too many buckets of the time."""
    now = await now_ms(redis)
    since = max(min(since, now), now - KEPT_SECONDS["day"] * 1000)
    step = step or step_for(since, now)
    numbers = _numbers(since, now if until is None else max(since, min(until, now)), step)
    fields = [name if function is None else f"{name}|{function}" for name in _FIELDS]
    open_minute, rows = await _read_with_open_minute(redis, keys, _hashes(keys, step, numbers), fields)
    per, counts = STEP_SECONDS[step], [_row(row) for row in rows[1:]]
    if step != "minute" and (place := open_minute * 60 // per - numbers.start) in range(len(counts)):
        counts[place] += _row(rows[0])
    buckets = [StatsBucket(n * per * 1000, counted) for n, counted in zip(numbers, counts, strict=True)]
    return Stats(step, buckets[0].time, buckets)


async def read_totals(redis: Client, keys: Keys) -> Totals:
    _, rows = await _read_with_open_minute(redis, keys, [keys.stats_totals], None)
    fresh, old = (_by_function(row) for row in rows)
    totals = Totals(old.pop(None, Counts()), {name or "": counts for name, counts in old.items()})
    full = len(totals.functions) >= MAX_FUNCTIONS
    for name, counts in fresh.items():
        if name is None:
            continue
        shown = OTHER if full and name not in totals.functions else name
        totals.functions[shown] = _closed(totals.functions.get(shown, Counts()), counts)
    return Totals(_closed(totals.all, fresh.get(None, Counts())), totals.functions)


async def read_deploys(redis: Client, keys: Keys, since: int) -> list[Deploy]:
    rows = await redis.zrange(keys.deploys, since, "+inf", byscore=True, withscores=True)
    return [Deploy(raw.decode(errors="replace"), int(time)) for raw, time in rows]


async def _read_with_open_minute(
    redis: Client, keys: Keys, hashes: Sequence[str], fields: list[str] | None
) -> tuple[int, list[Any]]:
    """Fields (None: all) of the open minute and then of the hashes, as they were while that minute was open.

    A verb may close it in between: then it would count twice or not at all, so it is read again.
    """
    open_minute = number_of(await redis.get(keys.stats_open))
    rows: list[Any] = []
    for _ in range(_TRIES):
        pipe = redis.pipeline(transaction=False)
        pipe.get(keys.stats_open)
        for name in (keys.stats(open_minute), *hashes):
            pipe.hgetall(name) if fields is None else pipe.hmget(name, fields)
        pipe.get(keys.stats_open)
        before, *rows, after = await pipe.execute(raise_on_error=False)
        if number_of(before) == number_of(after) == open_minute:
            break
        open_minute = number_of(after)
    return open_minute, rows


def _numbers(since: int, now: int, step: Step) -> range:
    per = STEP_SECONDS[step] * 1000
    numbers = range(since // per, now // per + 1)
    if len(numbers) > MAX_BUCKETS:
        raise ValueError(f"that would be {len(numbers)} buckets of a {step}; {MAX_BUCKETS} are the most")
    return numbers


def _hashes(keys: Keys, step: Step, numbers: range) -> list[str]:
    make = {"minute": keys.stats, "hour": keys.stats_hour, "day": keys.stats_day}[step]
    return [make(n) for n in numbers]


def _row(values: Any) -> Counts:
    """Counts from the values of `_FIELDS`; none where the key holds something else. Most rows are empty."""
    if isinstance(values, Exception) or not any(values):
        return EMPTY
    return Counts.parse(dict(zip(_FIELDS, values, strict=True)))


def _by_function(row: Any) -> dict[str | None, Counts]:
    """Counts by function, None for all, from a whole hash."""
    values: dict[bytes, bytes] = {} if isinstance(row, Exception) else row
    fields: dict[str | None, dict[str, Any]] = {}
    for raw, value in values.items():
        what, function = _parsed(raw.decode(errors="replace"))
        if what in _FIELDS:
            fields.setdefault(function, {})[what] = value
    return {function: Counts.parse(found) for function, found in fields.items()}


def _parsed(name: str) -> tuple[str, str | None]:
    """What a field counts, and of which function. The function is last: its name can be any text."""
    what, bar, rest = name.partition("|")
    if not bar:
        return name, None
    if what not in ("run", "wait"):
        return what, rest
    bucket, bar, function = rest.partition("|")
    return f"{what}|{bucket}", function if bar else None


def number_of(value: Any) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return 0


def _errors(value: bytes | None) -> dict[str, int]:
    try:
        found = json.loads((value or b"{}").decode(errors="replace"))
        return {str(kind): int(count) for kind, count in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _closed(old: Counts, fresh: Counts) -> Counts:
    """Both, as the verbs will add them up: errors that the totals have no room for are "other" already now."""
    errors = dict(old.errors)
    for kind, count in fresh.errors.items():
        has_room = len(errors.keys() - {OTHER}) < MAX_ERRORS
        shown = kind if kind in errors or has_room else OTHER
        errors[shown] = errors.get(shown, 0) + count
    return replace(old + fresh, errors=errors)
