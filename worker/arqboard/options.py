"""What can be said of a task, once for all its jobs, and of one call."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypedDict

from .backoff import Backoff
from .protocol.tags import tags_of

Hook = Callable[..., Awaitable[None]]
RunIn = Literal["loop", "thread", "process"]
MAX_PRIORITY = 9

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d*)\s*(s|sec|second|m|min|minute|h|hour|d|day)s?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many jobs may start in a time, over all workers. `burst` of them may start at once."""

    interval: float
    """seconds between two starts"""
    burst: int = 1

    @classmethod
    def parse(cls, text: str, burst: int = 1) -> Self:
        """From "100/m", "5/s", "1000/h" or "10/30s". Raises ValueError."""
        found = _RATE.fullmatch(text.strip())
        if not found or not float(found[1]) or not int(found[2] or 1) or burst < 1:
            raise ValueError(f'a rate looks like "100/m", "5/s" or "10/30s", with a burst of 1 or more; not {text!r}')
        return cls(int(found[2] or 1) * _SECONDS[found[3][0]] / float(found[1]), burst)


class TaskKeywords(TypedDict, total=False):
    """The options of TaskOptions as keywords, so that they are checked where they are written."""

    max_tries: int
    retry_on: tuple[type[BaseException], ...]
    backoff: Backoff
    timeout: float | timedelta | None
    soft_timeout: float | timedelta | None
    priority: int
    concurrency: int | None
    unique: bool
    unique_for: float | timedelta | None
    expires: float | timedelta | None
    ignore_result: bool
    keep_result: float | timedelta | None
    keep_result_forever: bool | None
    queue: str | None
    tags: Sequence[str]
    on_success: Hook | None
    on_failure: Hook | None
    on_retry: Hook | None
    on_progress: Hook | None


class CallKeywords(TypedDict, total=False):
    """The options of CallOptions as keywords."""

    job_id: str | None
    queue: str | None
    defer_by: float | timedelta | None
    defer_until: datetime | None
    priority: int | None
    expires: float | timedelta | None
    unique_key: str | None
    unique_for: float | timedelta | None
    timeout: float | timedelta | None
    soft_timeout: float | timedelta | None
    max_tries: int | None
    ignore_result: bool | None
    retry_of: str | None
    once: str | None
    tags: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Options of a task. Times are in seconds, or a timedelta; None leaves a thing to the worker's settings.

    `max_tries`: how often it runs at most. `retry_on`: exceptions after which it runs again by itself, after
    `backoff`. `timeout` ends a job, `soft_timeout` raises SoftTimeLimit inside it. `run_in`: "loop" for coroutines,
    "thread" for functions that block, "process" for those that need a processor. `priority`: 0 to 9, higher first.
    `concurrency`: so many at once over all workers. `rate`: so many starts in a time, `burst` of them at once.
    `unique`: no second job of the same arguments while one waits or runs, or, with `unique_for`, within that time.
    `expires`: a job that has waited so long fails. `ignore_result` and `keep_result` say how long arq's result lives.
    `tags`: words by which its jobs are found, at most 10.
    The hooks are coroutines: `on_success(ctx, result)`, `on_failure(ctx, error)`, `on_retry(ctx, error, defer)`,
    `on_progress(ctx, progress)`.
    """

    max_tries: int | None = None
    retry_on: tuple[type[BaseException], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    timeout: float | None = None
    soft_timeout: float | None = None
    run_in: RunIn = "loop"
    priority: int = 0
    concurrency: int | None = None
    rate: Rate | None = None
    unique: bool = False
    unique_for: float | None = None
    expires: float | None = None
    ignore_result: bool = False
    keep_result: float | None = None
    keep_result_forever: bool | None = None
    queue: str | None = None
    tags: Sequence[str] = ()
    on_success: Hook | None = None
    on_failure: Hook | None = None
    on_retry: Hook | None = None
    on_progress: Hook | None = None

    def __post_init__(self) -> None:
        _as_seconds(self, "timeout", "soft_timeout", "unique_for", "expires", "keep_result")
        for name in ("timeout", "soft_timeout", "unique_for", "expires"):
            _refuse(name, getattr(self, name), "more than 0 seconds", lambda value: value > 0)
        _refuse("max_tries", self.max_tries, "1 or more", lambda value: value >= 1)
        _refuse("concurrency", self.concurrency, "1 or more", lambda value: value >= 1)
        _refuse("priority", self.priority, f"from 0 to {MAX_PRIORITY}", lambda value: 0 <= value <= MAX_PRIORITY)
        _refuse("run_in", self.run_in, '"loop", "thread" or "process"', lambda v: v in ("loop", "thread", "process"))
        object.__setattr__(self, "tags", tags_of(self.tags))
        if self.timeout and self.soft_timeout and self.soft_timeout >= self.timeout:
            raise ValueError(
                f"soft_timeout is {self.soft_timeout:g} s and timeout {self.timeout:g} s: the soft limit comes first"
            )

    @property
    def limits(self) -> str:
        """As the claim reads them (see _gate.lua); "" where there are none."""
        if not self.concurrency and not self.rate:
            return ""
        interval, burst = (self.rate.interval * 1000, self.rate.burst) if self.rate else (0, 1)
        return f"{self.concurrency or 0}|{interval:.3f}|{burst}"


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call says for itself. Times are in seconds, or a timedelta; what is None is as the task has it.

    `defer_by` and `defer_until` (a datetime) delay the start. `unique_key` is a name that one job at a time may
    have. `once` is an idempotency key, `retry_of` the job that this one stands in for. `tags` come after those of the
    task.
    """

    job_id: str | None = None
    queue: str | None = None
    defer_by: float | None = None
    defer_until: datetime | None = None
    priority: int | None = None
    expires: float | None = None
    unique_key: str | None = None
    unique_for: float | None = None
    timeout: float | None = None
    soft_timeout: float | None = None
    max_tries: int | None = None
    ignore_result: bool | None = None
    retry_of: str | None = None
    once: str | None = None
    tags: Sequence[str] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Raises TypeError that names an option there is not."""
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                raise TypeError(f"there is no option {name!r} for a call; there are {', '.join(known)}")
        return cls(**given)

    def merged(self, given: Mapping[str, Any]) -> Self:
        CallOptions.of(given)
        return replace(self, **given)

    def __post_init__(self) -> None:
        _as_seconds(self, "timeout", "soft_timeout", "unique_for", "expires", "defer_by")
        for name in ("timeout", "soft_timeout", "unique_for", "expires"):
            _refuse(name, getattr(self, name), "more than 0 seconds", lambda value: value > 0)
        _refuse("max_tries", self.max_tries, "1 or more", lambda value: value >= 1)
        _refuse("priority", self.priority, f"from 0 to {MAX_PRIORITY}", lambda value: 0 <= value <= MAX_PRIORITY)
        _refuse("defer_by", self.defer_by, "0 seconds or more", lambda value: value >= 0)
        object.__setattr__(self, "tags", tags_of(self.tags) or None)

    @property
    def carried(self) -> str:
        """JSON of what the worker has to know; "" where there is nothing."""
        carried = {name: getattr(self, name) for name in CARRIED if getattr(self, name) is not None}
        return json.dumps(carried) if carried else ""


#: Options that travel with the job.
CARRIED = ("timeout", "soft_timeout", "max_tries", "ignore_result")


def carried(text: str) -> dict[str, Any]:
    """What a job brings along. Unknown or wrong things are passed over: another release may have written them."""
    try:
        found: Any = json.loads(text) if text else {}
        return {n: v for n, v in found.items() if n in CARRIED and isinstance(v, (int, float, bool))}
    except (ValueError, AttributeError):
        return {}


def _as_seconds(options: Any, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if isinstance(value, timedelta):
            object.__setattr__(options, name, value.total_seconds())


def _refuse(name: str, value: Any, allowed: str, is_fine: Callable[[Any], bool]) -> None:
    if value is not None and not is_fine(value):
        raise ValueError(f"{name} has to be {allowed}, not {value!r}")
