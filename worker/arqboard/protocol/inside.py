"""What happened inside a job: its log, its chunks one by one, and what it made. Everything here was written by jobs."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import ResponseError

from .client import Client
from .keys import Keys

#: More lines or chunks than this are not read at once.
MAX_LINES = 1_000
MAX_CHUNKS = 1_000
MAX_ARTEFACTS = 50
_PLACE = re.compile(r"\d{1,19}(-\d{1,19})?")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?", re.ASCII)


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
    """Lines, oldest first, and the place after the last one that was looked at: the next `after`."""

    lines: list[LogLine]
    next: str


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """One chunk: its mark (see Reader.chunk_marks), and how it ended last; before that `ms` and `attempt` are None."""

    index: int
    mark: str
    ms: int | None = None
    attempt: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something a job made. It has a `url`, or bytes that `artefact_data` reads; `created` is ms since 1970.

    `type` is a media type or "". All of it is the job's word: send bytes as a download, never as a page.
    """

    number: int
    name: str
    type: str
    size: int
    url: str
    attempt: int
    created: int


class InsideReader:
    """The part of the reader that looks into one job. What can't be read is left out."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()

    async def logs(
        self, job_id: str, after: str = "0", limit: int = 500, *, min_level: int | str | None = None
    ) -> LogPage:
        """Lines after a place, "0" being the start, from a level on: 30 or "WARNING".

        Fewer than `limit` are all there are. Raises ValueError where `after` is no place or there is no such level.
        """
        if not _PLACE.fullmatch(after) or any(int(part) >= 2**64 for part in after.split("-")):
            raise ValueError(f'"{after[:60]}" is not a place in a log; it looks like 1764000000000-0')
        limit, lowest = max(1, min(limit, MAX_LINES)), _levelno(min_level)
        lines: list[LogLine] = []
        while True:
            entries = await self._entries(job_id, after, limit)
            for raw_id, fields in entries:
                after = raw_id.decode()
                line = _line(after, fields)
                if line is not None and line.levelno >= lowest:
                    lines.append(line)
                if len(lines) == limit:
                    return LogPage(lines, after)
            if len(entries) < limit:
                return LogPage(lines, after)

    async def log_tail(self, job_id: str, limit: int) -> list[LogLine]:
        """The last lines, oldest first."""
        try:
            count = max(1, min(limit, MAX_LINES))
            entries: list[Any] = await self._redis.xrevrange(self.keys.log(job_id), count=count) or []
        except ResponseError:
            return []
        found = [_line(raw_id.decode(), fields) for raw_id, fields in reversed(entries)]
        return [line for line in found if line is not None]

    async def _entries(self, job_id: str, after: str, limit: int) -> list[Any]:
        try:
            return await self._redis.xrange(self.keys.log(job_id), min=f"({after}", count=limit) or []
        except ResponseError:  # another type of value, or `after` is the last place there can be
            return []

    async def chunk_info(self, job_id: str, start: int = 0, stop: int = MAX_CHUNKS) -> list[ChunkInfo]:
        """The chunks with the indexes `start` to `stop` - 1, as far as there are any; at most 1,000."""
        start = max(0, start)
        stop = min(stop, start + MAX_CHUNKS)
        if stop <= start:
            return []
        pipe = self._redis.pipeline(transaction=False)
        pipe.getrange(self.keys.chunks(job_id), start, stop - 1)
        pipe.hmget(self.keys.chunk_info(job_id), [str(index) for index in range(start, stop)])
        marks, ends = await pipe.execute(raise_on_error=False)
        if isinstance(marks, Exception):
            return []
        letters = marks.decode("ascii", "replace")
        known = [None] * len(letters) if isinstance(ends, Exception) else ends
        return [_chunk(start + n, letter, known[n]) for n, letter in enumerate(letters)]

    async def artefacts(self, job_id: str) -> list[Artefact]:
        """What a job made, in the order in which it first made it."""
        try:
            entries = await self._redis.lrange(self.keys.artefacts(job_id), 0, MAX_ARTEFACTS - 1)
        except ResponseError:
            return []
        made = [_artefact(number, raw) for number, raw in enumerate(entries, 1)]
        return [artefact for artefact in made if artefact is not None]

    async def artefact_data(self, job_id: str, number: int) -> bytes | None:
        """The bytes of an artefact. None where there is none, or a URL only."""
        try:
            data: bytes | None = await self._redis.get(self.keys.artefact(job_id, number))
        except ResponseError:
            return None
        return data


def _levelno(level: int | str | None) -> int:
    if not isinstance(level, str):
        return level or 0
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise ValueError(f'"{level[:60]}" is not a level; there are {", ".join(sorted(known, key=known.__getitem__))}')
    return known[level.upper()]


def _line(line_id: str, raw: dict[bytes, bytes]) -> LogLine | None:
    try:
        return LogLine(
            id=line_id,
            time=int(raw[b"time"]),
            level=_text(raw.get(b"level"), 30),
            logger=_text(raw.get(b"logger"), 100),
            message=_text(raw[b"message"], 20_000),
            attempt=int(raw.get(b"attempt", 0)),
            levelno=int(raw.get(b"no", 0)),
        )
    except (KeyError, ValueError):
        return None


def _text(raw: bytes | None, limit: int) -> str:
    return (raw or b"").decode(errors="replace")[:limit]


def _chunk(index: int, mark: str, raw: bytes | None) -> ChunkInfo:
    if not raw:
        return ChunkInfo(index, mark)
    ms, _, rest = _text(raw, 1_000).partition("|")
    attempt, _, error = rest.partition("|")
    try:
        return ChunkInfo(index, mark, int(ms), int(attempt), error)
    except ValueError:
        return ChunkInfo(index, mark)


def _artefact(number: int, raw: bytes) -> Artefact | None:
    try:
        d = json.loads(raw.decode(errors="replace"))
        url, kind = str(d.get("url", "")), str(d.get("type", ""))
        if url and urlsplit(url).scheme not in ("http", "https"):
            return None
        return Artefact(
            number=number,
            name=str(d["name"])[:200],
            type=kind if not kind or _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream",
            size=int(d.get("size", 0)),
            url=url,
            attempt=int(d.get("attempt", 0)),
            created=int(d.get("created", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
