"""Which jobs a list has: its filters, its order, and which index it is read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .job import Job, State
from .keys import Keys
from .search import TIMES, Search, parse


class Sort(StrEnum):
    """By the time in the index: when jobs were enqueued, or, of one state, when they came into it."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Query:
    """Which jobs: all that match every given filter. A page begins `after` a cursor or ends `before` one."""

    state: State | None = None
    function: str | None = None
    queue: str | None = None
    limit: int = 50
    after: str | None = None
    before: str | None = None
    q: str = ""
    """a search as `search.parse` takes it; its spelling is part of the list's name, so take `str(search)`"""
    sort: Sort = Sort.NEWEST
    at: int | None = None
    """times like `since:15m` are seen from this moment (ms); None: from when it is read"""

    @property
    def search(self) -> Search:
        """Raises SearchError."""
        return parse(self.q)

    def settled(self) -> Query:
        """The same list under its one name: what an index answers is no part of the search. Raises SearchError."""
        search = self.search
        named: dict[str, Any] = {}  # two are texts and one is a state
        for term in search.terms:
            filter_ = _FILTERS.get(term.name)
            if filter_ and term.exact is not None:
                named[filter_] = State(term.exact.lower()) if filter_ == "state" else term.exact
                search = search.without(term)
        return replace(self, q=str(search), **named)

    @property
    def tag(self) -> str | None:
        """The tag whose index is walked: a few jobs have it, where all of a state can be many."""
        return next((t.exact for t in self.search.terms if t.name == "tag" and t.exact is not None), None)

    @property
    def is_scan(self) -> bool:
        """Whether no index answers it, so that records have to be looked at. Raises SearchError."""
        if self.tag is None:
            return self.search.is_scan
        others = (t for t in self.search.terms if t.name not in TIMES and (t.name, t.exact) != ("tag", self.tag))
        return bool(self.state or self.function or self.queue) or any(others)

    def index(self, keys: Keys) -> str:
        """What a page of it is read from."""
        return keys.jobs(self.state, self.queue, self.function) if self.tag is None else keys.tagged(self.tag)

    def matches(self, job: Job, now: int) -> bool:
        """Whether a job is in this list at all, times aside."""
        return (
            self.state in (None, job.state)
            and self.function in (None, job.function)
            and self.queue in (None, job.queue)
            and self.search.matches(job, now)
        )


_FILTERS = {"fn": "function", "queue": "queue", "state": "state"}
