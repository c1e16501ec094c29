"""What happened inside a job: its log, its chunks one by one, and what it made. Everything here was written by jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis.exceptions import ResponseError

from .joblog import LogLine, LogPage, LogReader, text_within

__all__ = ["Artefact", "Child", "ChunkInfo", "InsideReader", "LogLine", "LogPage"]

#: More chunks than this are not read at once.
MAX_CHUNKS = 1_000
MAX_ARTEFACTS = 50
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Child:
    """What a job submitted: another job, or a workflow."""

    id: str
    is_workflow: bool


class InsideReader(LogReader):
    """The part of the reader that looks into one job. What can't be read is left out."""

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

    async def chunks_at(self, job_id: str, indexes: Sequence[int]) -> list[ChunkInfo]:
        """These chunks, at most 1,000 of them, as far as there are such."""
        wanted = list(indexes[:MAX_CHUNKS])
        if not wanted:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for index in wanted:
            pipe.getrange(self.keys.chunks(job_id), index, index)
        pipe.hmget(self.keys.chunk_info(job_id), [str(index) for index in wanted])
        *marks, ends = await pipe.execute(raise_on_error=False)
        known = [None] * len(wanted) if isinstance(ends, Exception) else ends
        return [
            _chunk(index, mark.decode("ascii", "replace"), end)
            for index, mark, end in zip(wanted, marks, known, strict=True)
            if mark and not isinstance(mark, Exception)
        ]

    async def children(self, job_id: str, limit: int = 50) -> tuple[list[Child], int]:
        """What a job submitted, the newest first, and how many of them are known (at most about 1,000)."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.lrange(self.keys.children(job_id), -limit, -1)
        pipe.llen(self.keys.children(job_id))
        entries, count = await pipe.execute(raise_on_error=False)
        if isinstance(entries, Exception) or isinstance(count, Exception):
            return [], 0
        texts = dict.fromkeys(raw.decode(errors="replace") for raw in reversed(entries))
        return [Child(text[1:], text.startswith("w")) for text in texts if len(text) > 1], int(count)

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


def _chunk(index: int, mark: str, raw: bytes | None) -> ChunkInfo:
    if not raw:
        return ChunkInfo(index, mark)
    ms, _, rest = text_within(raw, 1_000).partition("|")
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
