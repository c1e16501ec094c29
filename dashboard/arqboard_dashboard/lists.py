"""Which jobs are on top of the lists that pages show, and when that has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from .fragments import LISTS, of_kinds, parse_query

if TYPE_CHECKING:
    from arqboard.protocol import Reader

    from .hub import Hub

#: The event that tells a page to fetch its list again, when it suits it.
STALE = "live:stale"


class Lists:
    """The first ids of every list that somebody watches. A list has no fragment: pages pull it."""

    def __init__(self, reader: Reader, hub: Hub) -> None:
        self._reader, self._hub = reader, hub
        self._tops: dict[str, list[str]] = {}

    async def note(self, keys: Sequence[str]) -> None:
        """Read the lists among these keys that nobody has watched until now."""
        for key, ids in (await self._read([key for key in of_kinds(keys, LISTS) if key not in self._tops])).items():
            self._tops.setdefault(key, ids)

    async def follow(self) -> None:
        """Tell browsers which lists have other first rows than at the last look."""
        for key, ids in (await self._read(of_kinds(self._hub.topics, LISTS))).items():
            before = self._tops.get(key)
            if before is not None and before != ids:
                self._hub.event(key, STALE, len(set(ids).difference(before)))
            self._tops[key] = ids
        for key in self._tops.keys() - self._hub.topics.keys():
            del self._tops[key]

    def behind(self, live: Mapping[str, int]) -> dict[str, int]:
        """Lists with new jobs on top of the rows that a page shows, and how many.

        A list with version 0 is not the first page, so nothing can be said about it.
        """
        found: dict[str, int] = {}
        for key, shown in live.items():
            if shown and (ids := self._tops.get(key)):
                new = sum(1 for _ in takewhile(lambda job_id: f"row:{job_id}" not in live, ids))
                if new:
                    found[key] = new
        return found

    async def _read(self, keys: Sequence[str]) -> dict[str, list[str]]:
        if not keys:
            return {}
        queries = [parse_query(key.partition(":")[2]) for key in keys]
        return dict(zip(keys, await self._reader.top_ids(queries), strict=True))
