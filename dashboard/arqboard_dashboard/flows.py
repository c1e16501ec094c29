"""What the pages of workflows read, shared by all who look: rows of the list, boards, and HTML that has not changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from arqboard.protocol import Keys, Reader
from arqboard.protocol.client import Client
from arqboard.protocol.flowlists import FlowLists, FlowPage, FlowQuery
from arqboard.protocol.standing import Standings, Tally, tally
from arqboard.protocol.workflows import NodeInfo, Workflows

from .dag import Box
from .flow_times import Averages
from .flowboard import Board, Boards
from .fresh import Fresh
from .language import spoken
from .overview import Overview
from .render import Renderer
from .views import Look
from .workflow_views import FlowRow, FlowsView, FlowTabs, Members, MembersView, Only

#: Rows are read together, for everybody who asked in the last seconds.
ROW_SECONDS, ASKED_SECONDS = 0.5, 15.0
#: Jobs on one page of a card's members, and nodes that are looked through for them.
PAGE = 50
#: Parts whose HTML is remembered.
MAX_PARTS = 5000
#: The marks of jobs in one state. A job that failed or was aborted counts the same where the workflow went on.
LETTERS = {
    Only.DONE: b"d", Only.RUNNING: b"r", Only.STARTED: b"q", Only.FAILED: b"fF", Only.ABORTED: b"aA",
    Only.SKIPPED: b"s", Only.WAITING: b".",
}  # fmt: skip


class Flows:
    """One per application."""

    def __init__(self, redis: Client, keys: Keys, reader: Reader, overview: Overview, renderer: Renderer) -> None:
        self._lists, self._standings = FlowLists(redis, keys), Standings(redis, keys)
        self._nodes, self._renderer = Workflows(redis, keys), renderer
        self.boards = Boards(self._standings, Averages(reader), overview)
        self._asked: dict[str, float] = {}
        self._rows: Fresh[dict[str, FlowRow | None]] = Fresh(self._read_rows, ROW_SECONDS)
        self._parts: dict[tuple[str, str], tuple[object, str]] = {}

    # The list

    async def view(self, query: FlowQuery) -> FlowsView:
        """A page of the list. Raises ValueError for a bad cursor."""
        tabs = await self.tabs(query)  # first: what begins meanwhile is then fetched once more, instead of being missed
        found = await self._lists.page(query)
        return FlowsView(query, found, await self._rows_of(found), tabs)

    async def tabs(self, query: FlowQuery) -> FlowTabs:
        """Counts by state, and which rows the first page has now."""
        first = FlowQuery(query.state, query.name, query.limit)
        ids = [row.id for row in (await self._lists.page(first)).rows] if query.name else await self._top(query)
        return FlowTabs(first, await self._lists.counts(), _name_of(ids))

    async def row(self, workflow_id: str) -> FlowRow | None:
        """One line of the list, with all others that somebody looks at in one reading; None where there is none."""
        self._asked[workflow_id] = time.monotonic()
        rows = await self._rows.get()
        while workflow_id not in rows:  # it was asked for after that reading had begun
            rows = await self._rows.again()
        return rows[workflow_id]

    async def _top(self, query: FlowQuery) -> list[str]:
        return await self._lists.top(query.state, query.limit)

    async def _rows_of(self, page: FlowPage) -> list[FlowRow]:
        running = await self._standings.running_by_workflow()
        self._asked |= dict.fromkeys((row.id for row in page.rows), time.monotonic())
        return [FlowRow(row, running[row.id]) for row in page.rows]

    async def _read_rows(self) -> dict[str, FlowRow | None]:
        """Of all that were asked for lately; None for those that are gone."""
        oldest = time.monotonic() - ASKED_SECONDS
        self._asked = {workflow_id: at for workflow_id, at in self._asked.items() if at > oldest}
        ids = list(self._asked)
        infos, running = await self._lists.many(ids), await self._standings.running_by_workflow()
        return {i: FlowRow(info, running[i]) if info else None for i, info in zip(ids, infos, strict=True)}

    # The jobs of one

    async def members(self, board: Board, chosen: Members) -> MembersView | None:
        """Some of its jobs; None where the card does not exist."""
        box = board.box(chosen.of) if chosen.of is not None else None
        if chosen.of is not None and box is None:
            return None
        marks = board.standing.marks
        numbers = _numbers(board, box)
        if chosen.only is not None:
            letters = LETTERS[chosen.only]
            numbers = [n for n in numbers if marks[n] in letters]
        shown = numbers[chosen.start : chosen.start + PAGE]
        return MembersView(
            flow=board.info.id, version=board.info.version, chosen=chosen, function=box.function if box else "",
            tally=_tally(board, box), jobs=await self._jobs(board, shown), total=len(numbers), size=PAGE,
        )  # fmt: skip

    async def _jobs(self, board: Board, numbers: Sequence[int]) -> list[NodeInfo]:
        return await self._nodes.some(board.info.id, numbers)

    # HTML

    def part(self, key: str, partial: str, look: Look, view: Any) -> str:
        """A live part, rendered anew only when its view is another one than the last time."""
        place, frame = (key, spoken()), (view, look.base, look.form_token, look.now // 86_400_000, look.alive)
        known = self._parts.pop(place, None)
        html = known[1] if known and known[0] == frame else self._renderer.part(partial, look, oob=True, view=view)
        self._parts[place] = (frame, html)
        if len(self._parts) > MAX_PARTS:
            del self._parts[next(iter(self._parts))]
        return html


def _name_of(ids: Sequence[str]) -> str:
    """The same for the same ids in every process: a page may come from one dashboard and its socket lead to another."""
    text = "\n".join(ids).encode(errors="replace")
    return f"{len(ids)}-{crc32(text):08x}"


def _numbers(board: Board, box: Box | None) -> list[int]:
    """Of the jobs of a card, or of all; groups are nodes too and have no job."""
    if box is not None:
        return [n for n in box.numbers if n < len(board.standing.marks)]
    boxes = board.drawing.boxes if board.drawing else ()
    if not boxes:
        return list(range(len(board.standing.marks)))
    return sorted(n for one in boxes for n in one.numbers if n < len(board.standing.marks))


def _tally(board: Board, box: Box | None) -> Tally:
    return tally(box.numbers.picked(board.standing.marks)) if box else board.hero.tally
