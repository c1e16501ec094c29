"""The log of a job: the lines that it wrote, read from either end, by level and by what they say."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from .client import Client
from .keys import Keys
from .said import Said

#: More lines than this are not given at once, and no more entries are looked through for them.
MAX_LINES, MAX_LOOKED = 1_000, 20_000
_PLACE = re.compile(r"\d{1,19}(-\d{1,19})?")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `time` is ms since 1970 by Redis' clock, `level` its name and `levelno` its rank (INFO is 20)."""

    id: str
    time: int
    level: str
    logger: str
    message: str
    attempt: int
    levelno: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, oldest first, and the place after the last one that was looked at: the next `after`.

    `before` is the place before which older ones may be; None at the start of the log.
    """

    lines: list[LogLine]
    next: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines: from a level on, and with a text in the message or the logger's name."""

    min_level: int = 0
    text: str = ""

    def takes(self, line: LogLine) -> bool:
        if line.levelno < self.min_level:
            return False
        return not self.text or self.text.casefold() in f"{line.logger} {line.message}".casefold()


ALL = LogFilter()


class LogReader:
    """The part of the reader that reads logs. What can't be read is left out."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()

    async def logs(
        self, job_id: str, after: str = "0", limit: int = 500, *, min_level: int | str | None = None, text: str = ""
    ) -> LogPage:
        """Lines after a place, "0" being the start, from a level on: 30 or "WARNING"; and with a text in them.

        Fewer than `limit` are all there are. Raises ValueError where `after` is no place or there is no such level.
        """
        place_of(after)
        limit, wanted = max(1, min(limit, MAX_LINES)), LogFilter(levelno_of(min_level), text)
        lines: list[LogLine] = []
        while True:
            entries = await self._log_entries(job_id, after, limit)
            for line_id, line in _lines(entries):
                after = line_id
                if line is not None and wanted.takes(line):
                    lines.append(line)
                if len(lines) == limit:
                    return LogPage(lines, after)
            if len(entries) < limit:
                return LogPage(lines, after)

    async def log_before(self, job_id: str, before: str = "+", limit: int = 200, wanted: LogFilter = ALL) -> LogPage:
        """The last lines before a place, "+" being the end, oldest first; at most 20,000 are looked through.

        Raises ValueError where `before` is no place.
        """
        if before != "+":
            place_of(before)
        limit, lines, looked, newest = max(1, min(limit, MAX_LINES)), list[LogLine](), 0, ""
        while looked < MAX_LOOKED:
            entries = await self._log_entries_back(job_id, before, limit)
            looked += len(entries)
            for line_id, line in _lines(entries):
                before, newest = line_id, newest or line_id
                if line is not None and wanted.takes(line):
                    lines.append(line)
                if len(lines) == limit:
                    return LogPage(lines[::-1], newest, before)
            if len(entries) < limit:
                return LogPage(lines[::-1], newest or "0")
        return LogPage(lines[::-1], newest, before)

    async def log_tail(self, job_id: str, limit: int) -> list[LogLine]:
        """The last lines, oldest first."""
        return (await self.log_before(job_id, limit=limit)).lines

    async def _log_entries(self, job_id: str, after: str, count: int) -> list[Any]:
        try:
            return await self._redis.xrange(self.keys.log(job_id), min=f"({after}", count=count) or []
        except ResponseError:  # another type of value, or `after` is the last place there can be
            return []

    async def _log_entries_back(self, job_id: str, before: str, count: int) -> list[Any]:
        upper = before if before == "+" else f"({before}"
        try:
            return await self._redis.xrevrange(self.keys.log(job_id), max=upper, count=count) or []
        except ResponseError:  # another type of value, or `before` is the first place there can be
            return []


def place_of(text: str) -> str:
    """A place in a log. Raises ValueError for anything else."""
    if not _PLACE.fullmatch(text) or any(int(part) >= 2**64 for part in text.split("-")):
        raise ValueError(Said('"%(text)s" is not a place in a log; it looks like 1764000000000-0', text=text[:60]))
    return text


def levelno_of(level: int | str | None) -> int:
    """A level by its name or rank; 0 for none. Raises ValueError where there is no such level."""
    if not isinstance(level, str):
        return level or 0
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        names = ", ".join(sorted(known, key=known.__getitem__))
        raise ValueError(Said('"%(text)s" is not a level; there are %(names)s', text=level[:60], names=names))
    return known[level.upper()]


def _lines(entries: list[Any]) -> Iterator[tuple[str, LogLine | None]]:
    for raw_id, fields in entries:
        line_id = raw_id.decode()
        yield line_id, _line(line_id, fields)


def _line(line_id: str, raw: dict[bytes, bytes]) -> LogLine | None:
    try:
        return LogLine(
            id=line_id,
            time=int(raw[b"time"]),
            level=text_within(raw.get(b"level"), 30),
            logger=text_within(raw.get(b"logger"), 100),
            message=text_within(raw[b"message"], 20_000),
            attempt=int(raw.get(b"attempt", 0)),
            levelno=int(raw.get(b"no", 0)),
        )
    except (KeyError, ValueError):
        return None


def text_within(raw: bytes | None, limit: int) -> str:
    return (raw or b"").decode(errors="replace")[:limit]
