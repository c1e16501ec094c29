"""Failed jobs in groups: by fingerprint, exception type or function. Reads only; _failures.lua keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from .client import Client
from .keys import Keys
from .scripts import register

#: The times (ms) in which the jobs of a group are counted, up to now.
HOUR_MS = 3_600_000
TIMES_MS: tuple[int, ...] = (HOUR_MS, 3 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS, 168 * HOUR_MS)
#: A curve has so many parts.
PARTS = 28
#: More groups than this are never read for one page.
MAX_GROUPS = 200
MAX_TEXT = 500

Order = Literal["last", "count"]


class By(StrEnum):
    """What the jobs of a group have in common."""

    FINGERPRINT = "fingerprint"
    FUNCTION = "function"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Group:
    """Failed jobs that were not retried since, and what is known of all that ever failed like them.

    Times are ms since 1970. `type`, `message`, `frame` and `function` are of the newest failure.
    """

    by: By
    name: str
    type: str
    message: str
    frame: str
    """where in the user's own code, as `module:function`; "" where that is not known"""
    function: str
    job: str
    """the newest that failed, whatever became of it"""
    first: int | None
    last: int | None
    """of all that ever failed"""
    ever: int
    functions: dict[str, int]
    """how often each failed, the most often first"""
    counts: tuple[int, ...]
    """jobs in each of TIMES_MS"""
    jobs: int
    newest: int | None
    """when the newest of its jobs failed; None where it has none"""
    oldest: int | None
    curve: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroupPage:
    groups: list[Group]
    total: int
    now: int
    """ms since 1970 by Redis' clock: where the times that are counted end"""


class Failures:
    """Groups of failed jobs, from one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()
        self._read = register(redis, "failures")

    async def page(
        self, by: By, *, within_ms: int = 0, order: Order = "last", offset: int = 0, limit: int = 50
    ) -> GroupPage:
        """Groups with a failure in the last `within_ms` (0: ever); first those that failed last, or have most jobs."""
        limit = max(1, min(limit, MAX_GROUPS))
        return await self._ask(by, "", within_ms, order, offset, limit)

    async def get(self, by: By, name: str, *, within_ms: int = 0) -> Group | None:
        """One group; None where nothing is known of it."""
        [group] = (await self._ask(by, name, within_ms, "last", 0, 1)).groups
        return group if group.jobs or group.ever else None

    def index(self, by: By, name: str) -> str:
        """The key of a group's jobs, by when they failed; `Reader.ids` pages through it."""
        return self.keys.failed(by.value, name)

    async def _ask(self, by: By, name: str, within_ms: int, order: Order, offset: int, limit: int) -> GroupPage:
        step = (within_ms or TIMES_MS[-1]) // PARTS
        asked = [by.value, name, within_ms, order, offset, limit, PARTS, step, *TIMES_MS]
        total, now, rows = await self._read(args=[self.keys.prefix, *asked])
        return GroupPage([_group(by, row) for row in rows], int(total), int(now))


def _group(by: By, row: Sequence[Any]) -> Group:
    """Never raises: a record that can't be read leaves its own fields empty."""
    raw_name, newest, flat, counts, jobs, oldest, curve = row
    record = {_text(k): _text(v) for k, v in zip(flat[::2], flat[1::2], strict=False)}
    ever = {name[3:]: _number(count) or 0 for name, count in record.items() if name.startswith("fn|")}
    return Group(
        by=by, name=raw_name.decode(errors="replace"), type=record.get("type", ""), message=record.get("message", ""),
        frame=record.get("frame", ""), function=record.get("function", ""), job=record.get("job", ""),
        first=_number(record.get("first")), last=_number(record.get("last")), ever=_number(record.get("count")) or 0,
        functions=dict(sorted(ever.items(), key=lambda item: (-item[1], item[0]))), counts=tuple(counts),
        jobs=int(jobs), newest=_number(newest), oldest=_number(oldest), curve=tuple(curve),
    )  # fmt: skip


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")[:MAX_TEXT]


def _number(raw: bytes | str | None) -> int | None:
    try:
        number = int(float(raw)) if raw else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < 10**15 else None
