"""Which jobs are on top of the lists that pages show, and when that has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from arqboard.protocol import Job
from arqboard.protocol.listing import MAX_PAGE, Cursor
from arqboard.protocol.query import Sort

from .fragments import LISTS, of_kinds, parse_query

if TYPE_CHECKING:
    from arqboard.protocol import Query, Reader

    from .hub import Hub

#: The event that tells a page to fetch its list again, when it suits it.
STALE = "live:stale"
#: Jobs that have changed since the last look, of which searches are told. Of more than these the newest.
MAX_HEARD = 1000


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where the first page of a search ends: what lies behind is none of its news."""

    last: Cursor
    is_floor: bool

    def hides(self, score: float, job_id: str) -> bool:
        there, edge = (score, job_id.encode()), (self.last.score, self.last.job_id.encode())
        return there < edge if self.is_floor else there > edge


class Lists:
    """The first ids of every list that somebody watches. A list has no fragment: pages pull it.

    What an index answers is read from there. A search is not made again for every change: jobs that have changed are
    held against it, one by one.
    """

    def __init__(self, reader: Reader, hub: Hub) -> None:
        self._reader, self._hub = reader, hub
        self._tops: dict[str, list[str]] = {}
        self._totals: dict[str, int] = {}
        """of those that an index answers: a page says how many there are, also where its own rows stay the same"""
        self._edges: dict[str, _Edge | None] = {}
        """of searches; None where the first page has room"""
        self._heard: dict[str, None] = {}
        self._doubted: set[str] = set()

    async def note(self, keys: Sequence[str]) -> None:
        """Read the lists among these keys that nobody has watched until now."""
        plain, searches = _split([key for key in of_kinds(keys, LISTS) if key not in self._tops])
        for key, (ids, total) in (await self._read(plain)).items():
            self._tops.setdefault(key, ids)
            self._totals.setdefault(key, total)
        for key, query in searches.items():
            await self._search(key, query)

    def hear(self, job_ids: Iterable[str]) -> None:
        """These jobs have changed. Also where nobody searches yet: somebody's search may just be under way."""
        self._heard.update(dict.fromkeys(job_ids))
        for job_id in list(self._heard)[:-MAX_HEARD]:
            del self._heard[job_id]

    def doubt(self, keys: Iterable[str]) -> None:
        """These could not be read when a page said that it shows them, so what it shows may be old."""
        self._doubted.update(of_kinds(keys, LISTS))

    def forget(self) -> None:
        """Nobody looks, so nobody follows: what was on top is read anew for whoever comes next."""
        self._tops.clear()
        self._totals.clear()
        self._edges.clear()
        self._heard.clear()
        self._doubted.clear()

    def forget_searches(self) -> None:
        """It can't be told which jobs have changed, so searches are made again."""
        for key in self._edges:
            self._tops.pop(key, None)
        self._edges.clear()

    async def follow(self) -> None:
        """Tell browsers which lists have other first rows than at the last look."""
        plain, searches = _split(of_kinds(self._hub.topics, LISTS))
        for key, (ids, total) in (await self._read(plain)).items():
            before = self._tops.get(key, ids)
            if key in self._doubted or before != ids or self._totals.get(key, total) != total:
                self._hub.event(key, STALE, len(set(ids).difference(before)))
            self._tops[key], self._totals[key] = ids, total
        await self._follow_searches(searches)
        self._doubted.clear()
        for key in self._tops.keys() - self._hub.topics.keys():
            del self._tops[key]
            self._edges.pop(key, None)
            self._totals.pop(key, None)

    def behind(self, live: Mapping[str, int]) -> dict[str, int]:
        """Lists whose first page has other jobs than a page shows, and how many it does not show yet.

        With the newest first, those are above its rows: what has moved up from the next page is no news, and where
        jobs have only left there is none. A list with version 0 is not the first page: nothing can be said about it.
        Any other version is one more than the number of jobs that the page speaks of, if it does.
        """
        rows = {key.removeprefix("row:") for key in live if key.startswith("row:")}
        found: dict[str, int] = {}
        for key, shown in live.items():
            ids = self._tops.get(key)
            if not shown or ids is None:
                continue
            is_miscounted = shown > 1 and self._totals.get(key, shown - 1) != shown - 1
            if is_miscounted or rows.symmetric_difference(ids):
                missing = [job_id not in rows for job_id in ids]
                found[key] = sum(takewhile(bool, missing) if _query(key).sort is Sort.NEWEST else missing)
        return found

    async def _read(self, keys: Mapping[str, Query]) -> dict[str, tuple[list[str], int]]:
        if not keys:
            return {}
        return dict(zip(keys, await self._reader.tops(list(keys.values())), strict=True))

    # Searches

    async def _search(self, key: str, query: Query) -> None:
        """What is on its first page, and where that ends."""
        page = await self._reader.page(query)
        is_full = page.next is not None and len(page.jobs) >= min(query.limit, MAX_PAGE)
        end = Cursor.parse(page.next) if is_full and page.next else None
        self._tops[key] = [job.id for job in page.jobs]
        self._edges[key] = None if end is None else _Edge(end, query.sort is Sort.NEWEST)

    async def _follow_searches(self, searches: Mapping[str, Query]) -> None:
        for key in searches.keys() - self._edges.keys():
            await self._search(key, searches[key])
            self._hub.event(key, STALE, 0)
        for key in self._doubted & searches.keys():
            self._hub.event(key, STALE, 0)
        if searches and self._heard:
            await self._hold_against(searches, list(self._heard))
        self._heard.clear()  # only now: without an answer of Redis they are held against all again

    async def _hold_against(self, searches: Mapping[str, Query], heard: Sequence[str]) -> None:
        """Which of these jobs have come to match, or match no more."""
        jobs = [job for job in await self._reader.many(heard) if isinstance(job, Job)]
        now = await self._reader.now_ms()
        for key, query in searches.items():
            left = set(heard) - {job.id for job in jobs if query.matches(job, now)}
            stays = [job_id for job_id in self._tops[key] if job_id not in left]
            news = await self._news(key, query, jobs, now)
            if news or len(stays) < len(self._tops[key]):
                self._hub.event(key, STALE, len(news))
                self._tops[key] = [*news, *stays][:MAX_PAGE]

    async def _news(self, key: str, query: Query, jobs: Sequence[Job], now: int) -> list[str]:
        """Those that have come to match, and belong on the first page."""
        known, edge = set(self._tops[key]), self._edges[key]
        matching = [job.id for job in jobs if job.id not in known and query.matches(job, now)]
        low, high = query.search.span(now)
        scores = await self._reader.scores(query, matching)
        return [
            job_id
            for job_id, score in zip(matching, scores, strict=True)
            if score is not None and low <= score <= high and not (edge and edge.hides(score, job_id))
        ][::-1]


def _split(keys: Sequence[str]) -> tuple[dict[str, Query], dict[str, Query]]:
    """Lists that an index answers, and searches."""
    queries = {key: _query(key) for key in keys}
    plain = {key: query for key, query in queries.items() if not query.is_scan}
    return plain, {key: query for key, query in queries.items() if key not in plain}


def _query(key: str) -> Query:
    return parse_query(key.partition(":")[2])
