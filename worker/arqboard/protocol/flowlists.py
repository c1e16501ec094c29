"""Lists of workflows: by state from an index, by name as far as one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .client import Client
from .job import Unreadable
from .keys import Keys
from .reader import MAX_PAGE, Cursor, Reader
from .workflows import FlowState, WorkflowInfo, Workflows

#: There is no index of names: so many workflows are looked at for one page, so many at a time.
MAX_LOOKED, BATCH = 2000, 500


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """Which workflows: all in a state whose name has a text in it, newest first."""

    state: FlowState | None = None
    name: str = ""
    limit: int = 50
    after: str | None = None

    def in_state(self, state: FlowState | None) -> FlowQuery:
        """From the first page on, as in the next one."""
        return FlowQuery(state, self.name, self.limit)

    def named(self, name: str) -> FlowQuery:
        return FlowQuery(self.state, name, self.limit)


@dataclass(frozen=True, slots=True)
class FlowPage:
    """`total` are those in the state, whatever their name. `looked` is how many names were read for this page, 0 where
    none was asked for; with `is_cut` there may be more that match among the older ones."""

    rows: list[WorkflowInfo | Unreadable]
    next: str | None
    total: int
    looked: int = 0
    is_cut: bool = False


class FlowLists:
    """Over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._reader, self._workflows = Reader(redis, self.keys), Workflows(redis, self.keys)

    async def page(self, query: FlowQuery) -> FlowPage:
        """Raises ValueError for a bad cursor."""
        limit = max(1, min(query.limit, MAX_PAGE))
        if query.name:
            return await self._named(query, limit)
        rows, cursor, total = await self._workflows.page(query.state, limit=limit, after=query.after)
        return FlowPage(rows, cursor, total)

    async def counts(self) -> dict[FlowState, int]:
        """How many there are in each state. One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for state in FlowState:
            pipe.zcard(self.keys.workflows(state))
        return dict(zip(FlowState, await pipe.execute(), strict=True))

    async def top(self, state: FlowState | None, limit: int) -> list[str]:
        """The ids of the newest: how a page sees that there are others."""
        ids = await self._redis.zrange(self.keys.workflows(state), 0, min(limit, MAX_PAGE) - 1, desc=True)
        return [raw.decode(errors="replace") for raw in ids]

    async def many(self, ids: Sequence[str]) -> list[WorkflowInfo | Unreadable | None]:
        """In the order asked for; None where there is none. One round trip."""
        return await self._workflows.many(ids)

    async def _named(self, query: FlowQuery, limit: int) -> FlowPage:
        found, after, looked, total = list[WorkflowInfo | Unreadable](), query.after, 0, 0
        index, wanted = self.keys.workflows(query.state), query.name.casefold()
        while len(found) < limit and looked < MAX_LOOKED:
            ids, cursor, total = await self._reader.ids(index, BATCH, after)
            infos = await self.many(ids)
            for workflow_id, info in zip(ids, infos, strict=True):
                looked += 1
                after = str(Cursor(info.created, workflow_id)) if isinstance(info, WorkflowInfo) else after
                if isinstance(info, WorkflowInfo) and wanted in info.name.casefold():
                    found.append(info)
                if len(found) == limit:
                    break
            if len(found) < limit and cursor is None:
                return FlowPage(found, None, total, looked)
            if len(found) < limit:
                after = str(cursor)
        return FlowPage(found, after, total, looked, is_cut=len(found) < limit)
