"""Lists of jobs: a page of an index, forwards and backwards, and what no index answers by a bounded look at records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .client import Client, now_ms
from .inside import InsideReader
from .job import ROW_FIELDS, Job, State, Unreadable
from .keys import Keys
from .query import Query, Sort
from .said import Said, said_by
from .scripts import register

#: More rows than this are never read for one page.
MAX_PAGE = 200
#: So many records are looked at for one page of a search, and so many in one call of Redis.
MAX_LOOKED, BATCH = 5000, 250
#: Jobs with one tag are counted by state up to here: no index has these numbers, so the records are looked at.
MAX_COUNTED = 1000
FOREVER = (float("-inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a search has looked: records seen for this page, the time (ms) of the last, whether that was the end."""

    count: int
    back_to: int | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Page:
    """`total` is the size of the index in the time asked for, which is more than what matches where it was `looked`."""

    jobs: list[Job | Unreadable]
    next: str | None
    total: int
    previous: str | None = None
    """goes into `before`; None on the first page"""
    looked: Looked | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: a score and the id that had it. Written into URLs as `score~id`."""

    score: float
    job_id: str

    @classmethod
    def parse(cls, text: str) -> Cursor:
        score, sep, job_id = text.partition("~")
        if not sep or not job_id:
            raise ValueError(f'"{text[:60]}" is not a place in the list; it looks like 1764000000000~jobid')
        return cls(float(int(score)), job_id)

    def __str__(self) -> str:
        return f"{int(self.score)}~{self.job_id}"


@dataclass(frozen=True, slots=True)
class Walk:
    """Along an index from a place on, in one direction, within a span of scores."""

    index: str
    is_down: bool = True
    """from the highest score to the lowest"""
    cursor: Cursor | None = None
    span: tuple[float, float] = FOREVER

    def contains(self, cursor: Cursor) -> bool:
        return self.span[0] <= cursor.score <= self.span[1]

    def is_past(self, cursor: Cursor) -> bool:
        """Whether an entry comes after the cursor in this direction."""
        if self.cursor is None:
            return True
        here, there = (self.cursor.score, self.cursor.job_id.encode()), (cursor.score, cursor.job_id.encode())
        return there < here if self.is_down else there > here

    @property
    def start(self) -> float:
        """The score to begin at."""
        low, high = self.span
        if self.cursor is None:
            return high if self.is_down else low
        return min(high, self.cursor.score) if self.is_down else max(low, self.cursor.score)


class ListReader(InsideReader):
    """Reads pages of jobs. O(rows shown) of what indexes answer, at most MAX_LOOKED records of what they don't."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        super().__init__(redis, keys)
        self._read_rows = register(redis, "rows")

    async def page(self, query: Query) -> Page:
        """One page of the list and how many there are. Raises ValueError for a bad cursor or search."""
        now = await self._moment(query)
        is_back = query.before is not None and query.after is None
        walk = self._walk(query, now, is_back=is_back)
        limit = max(1, min(query.limit, MAX_PAGE))
        if query.is_scan:
            found = await self._look(walk, limit, query, now)
        else:
            found = await self._take(walk, limit)
        if not is_back:
            return _forwards(found, query)
        if found.more is None:  # the top was reached: show the whole first page instead of the rest above the cursor
            return await self.page(replace(query, before=None))
        return _backwards(found)

    async def _moment(self, query: Query) -> int:
        if query.at is not None:
            return query.at
        return await self.now_ms() if query.search.needs_clock else 0

    async def now_ms(self) -> int:
        """Redis' clock."""
        return await now_ms(self._redis)

    async def tops(self, queries: Sequence[Query]) -> list[tuple[list[str], int]]:
        """The ids on the first page of each query, and how many there are: so the feed sees that a list has changed."""
        now = await self.now_ms() if any(query.search.needs_clock for query in queries) else 0
        pipe = self._redis.pipeline(transaction=False)
        for query in queries:
            walk = self._walk(query, now)
            self._range(pipe, walk, min(query.limit, MAX_PAGE), scores=False)
            _count(pipe, walk.index, walk.span)
        answers = await pipe.execute()
        return [
            ([raw.decode(errors="replace") for raw in ids], int(total))
            for ids, total in zip(answers[::2], answers[1::2], strict=True)
        ]

    async def scores(self, query: Query, job_ids: Sequence[str]) -> list[float | None]:
        """Where jobs are in the index of a query; None for those that are not in it."""
        return list(await self._redis.zmscore(query.index(self.keys), list(job_ids))) if job_ids else []

    async def ids(
        self, index: str, limit: int, after: str | None, span: tuple[float, float] = FOREVER
    ) -> tuple[list[str], Cursor | None, int]:
        """A page of an index, the highest score first: ids, where the next page begins, and how many there are.

        With a `span` only entries with a score in it.
        """
        walk = Walk(index, cursor=Cursor.parse(after) if after else None, span=span)
        entries, total = await self._entries_of(walk, limit + 1)
        shown = entries[:limit]
        return [c.job_id for c in shown], (shown[-1] if len(entries) > limit else None), total

    async def tagged(self, tag: str, span: tuple[float, float] = FOREVER) -> int:
        """How many jobs have a tag, enqueued in this span."""
        pipe = self._redis.pipeline(transaction=False)
        _count(pipe, self.keys.tagged(tag), span)
        [found] = await pipe.execute()
        return int(found)

    async def tags(self, limit: int = 500) -> list[str]:
        """Tags that jobs have, those given last first."""
        found = await self._redis.zrange(self.keys.tags, 0, limit - 1, desc=True)
        return [raw.decode(errors="replace") for raw in found]

    async def counts(
        self, queue: str | None = None, function: str | None = None, span: tuple[float, float] = FOREVER
    ) -> dict[State, int]:
        """How many jobs are in each state, under the given filters. One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for state in State:
            _count(pipe, self.keys.jobs(state, queue, function), span)
        return dict(zip(State, await pipe.execute(), strict=True))

    async def tag_counts(self, query: Query) -> dict[State, int] | None:
        """The same of the jobs with its tag, under all its filters but the state. None where more than MAX_COUNTED
        have the tag."""
        wanted = replace(query, state=None, after=None, before=None)
        now = await self._moment(wanted)
        entries, total = await self._entries_of(self._walk(wanted, now), MAX_COUNTED)
        if total > MAX_COUNTED:
            return None
        found = dict.fromkeys(State, 0)
        for first in range(0, len(entries), BATCH):
            ids = [entry.job_id for entry in entries[first : first + BATCH]]
            for row in await self._rows(ids, wanted.search.fields):
                if isinstance(row, Job) and wanted.matches(row, now):
                    found[row.state] += 1
        return found

    def _walk(self, query: Query, now: int, *, is_back: bool = False) -> Walk:
        place = query.before if is_back else query.after
        return Walk(
            query.index(self.keys),
            is_down=(query.sort is Sort.NEWEST) != is_back,
            cursor=Cursor.parse(place) if place is not None else None,
            span=query.search.span(now),
        )

    # What an index answers

    async def _take(self, walk: Walk, limit: int) -> _Found:
        entries, total = await self._entries_of(walk, limit + 1)
        shown = entries[:limit]
        rows = await self._rows([entry.job_id for entry in shown], ROW_FIELDS)
        jobs = [
            row if row is not None else Unreadable(entry.job_id, Said("it has no record"))
            for entry, row in zip(shown, rows, strict=True)
        ]
        return _Found(shown, jobs, total, more=shown[-1] if len(entries) > limit else None)

    async def _entries_of(self, walk: Walk, want: int) -> tuple[list[Cursor], int]:
        """The next entries of a walk, and how many the index has in its span."""
        pipe = self._redis.pipeline(transaction=False)
        _count(pipe, walk.index, walk.span)
        if walk.cursor is None:
            self._range(pipe, walk, want)
            total, found = await pipe.execute()
            return _cursors(found), int(total)
        pipe.zscore(walk.index, walk.cursor.job_id)
        (pipe.zrevrank if walk.is_down else pipe.zrank)(walk.index, walk.cursor.job_id)
        total, score, rank = await pipe.execute()
        if rank is None or score != walk.cursor.score:
            return await self._from_score(walk, want), int(total)
        found = await self._redis.zrange(walk.index, rank + 1, rank + want, desc=walk.is_down, withscores=True)
        return [entry for entry in _cursors(found) if walk.contains(entry)], int(total)

    async def _from_score(self, walk: Walk, want: int) -> list[Cursor]:
        """Keyset paging: entries behind the cursor, although the one it names is gone."""
        found: list[Cursor] = []
        offset = 0
        while len(found) < want:
            pipe = self._redis.pipeline(transaction=False)
            self._range(pipe, walk, MAX_PAGE, offset=offset)
            [batch] = await pipe.execute()
            found += [entry for entry in _cursors(batch) if walk.is_past(entry)]
            offset += len(batch)
            if len(batch) < MAX_PAGE:
                break
        return found[:want]

    def _range(self, pipe: Any, walk: Walk, count: int, *, offset: int = 0, scores: bool = True) -> None:
        end = walk.span[0] if walk.is_down else walk.span[1]
        pipe.zrange(
            walk.index, walk.start, end, desc=walk.is_down, byscore=True, offset=offset, num=count, withscores=scores
        )

    # What it does not

    async def _look(self, walk: Walk, limit: int, query: Query, now: int) -> _Found:
        """Look at the records along the walk until a page is full, enough have been seen, or none are left."""
        scan, total = _Scan(walk, limit, query, now), 0
        while not scan.is_done:
            entries, total = await self._entries_of(scan.walk, BATCH)
            scan.take(entries, await self._rows([entry.job_id for entry in entries], query.search.fields))
        rows = await self._rows([entry.job_id for entry in scan.matched], ROW_FIELDS)
        found = [(entry, row) for entry, row in zip(scan.matched, rows, strict=True) if row is not None]
        more = None if scan.is_over else scan.walk.cursor
        return _Found([entry for entry, _ in found], [row for _, row in found], total, more, scan.looked)

    async def _rows(self, job_ids: Sequence[str], fields: tuple[str, ...]) -> list[Job | Unreadable | None]:
        if not job_ids:
            return []
        rows = await self._read_rows(args=[self.keys.prefix, len(job_ids), *job_ids, *fields])
        return [_parse(job_id, fields, row) for job_id, row in zip(job_ids, rows, strict=True)]


@dataclass(slots=True)
class _Scan:
    """A look at records along a walk, and what it has found so far."""

    walk: Walk
    limit: int
    query: Query
    now: int
    seen: int = 0
    is_over: bool = False
    matched: list[Cursor] = field(default_factory=list[Cursor])

    @property
    def is_done(self) -> bool:
        return self.is_over or self.seen >= MAX_LOOKED or len(self.matched) >= self.limit

    @property
    def looked(self) -> Looked:
        return Looked(self.seen, int(self.walk.cursor.score) if self.walk.cursor else None, self.is_over)

    def take(self, entries: Sequence[Cursor], rows: Sequence[Job | Unreadable | None]) -> None:
        """One batch, up to where the page is full. A record that can't be read matches nothing."""
        for entry, row in zip(entries, rows, strict=True):
            self.walk, self.seen = replace(self.walk, cursor=entry), self.seen + 1
            if isinstance(row, Job) and self.query.matches(row, self.now):
                self.matched.append(entry)
            if len(self.matched) >= self.limit:
                break
        self.is_over = len(entries) < BATCH and (not entries or self.walk.cursor == entries[-1])


@dataclass(frozen=True, slots=True)
class _Found:
    """What a walk brought, in its direction. `more` is where it can go on, None at the end."""

    entries: list[Cursor]
    jobs: list[Job | Unreadable]
    total: int
    more: Cursor | None
    looked: Looked | None = None


def _forwards(found: _Found, query: Query) -> Page:
    first = found.entries[0] if found.entries else None
    previous = str(first) if first and query.after is not None else None
    return Page(found.jobs, _text(found.more), found.total, previous, found.looked)


def _backwards(found: _Found) -> Page:
    last = found.entries[0] if found.entries else found.more
    return Page(found.jobs[::-1], _text(last), found.total, _text(found.more), found.looked)


def _text(cursor: Cursor | None) -> str | None:
    return None if cursor is None else str(cursor)


def _cursors(found: Sequence[tuple[bytes, float]]) -> list[Cursor]:
    return [Cursor(score, raw.decode(errors="replace")) for raw, score in found]


def _count(pipe: Any, index: str, span: tuple[float, float]) -> None:
    if span == FOREVER:
        pipe.zcard(index)
    else:
        pipe.zcount(index, *span)


def _parse(job_id: str, fields: tuple[str, ...], row: Any) -> Job | Unreadable | None:
    if row is None:
        return Unreadable(job_id, Said("its key holds another type of value"))
    if all(value is None for value in row):
        return None
    try:
        return Job.from_hash(job_id, dict(zip(fields, row, strict=True)))
    except ValueError as error:
        return Unreadable(job_id, said_by(error))
