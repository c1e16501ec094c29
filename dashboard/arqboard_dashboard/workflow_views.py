"""What the templates of workflows receive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from arqboard.protocol import ChunkCounts, Job, Unreadable
from arqboard.protocol.flowlists import FlowPage, FlowQuery
from arqboard.protocol.standing import Tally
from arqboard.protocol.workflows import FlowState, NodeInfo, WorkflowInfo

from .dag import Drawing
from .links import url_part
from .views import Look

#: Cards that are shown as a picture first; of more than this the list comes first.
PICTURE_FIRST = 60
#: How far the picture is zoomed out, in percent.
ZOOMS = (100, 90, 80, 65, 50, 35, 25)


class Show(StrEnum):
    """What of a workflow's steps is shown."""

    BOTH = "both"
    GRAPH = "graph"
    LIST = "list"


class Only(StrEnum):
    """Which of many jobs are listed."""

    DONE = "done"
    RUNNING = "running"
    STARTED = "started"
    FAILED = "failed"
    ABORTED = "aborted"
    SKIPPED = "skipped"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One line of the list: key `flow:<id>`."""

    info: WorkflowInfo | Unreadable
    running: int

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def version(self) -> int:
        return 0 if isinstance(self.info, Unreadable) else self.info.version

    @property
    def state(self) -> str:
        return "unreadable" if isinstance(self.info, Unreadable) else shown_flow(self.info)


@dataclass(frozen=True, slots=True)
class FlowTabs:
    """State tabs with counts. `top` names the rows that the first page has now. Key `flow-tabs:<query string>`."""

    query: FlowQuery
    counts: Mapping[FlowState, int]
    top: str

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class FlowsView:
    """`pages/workflows.html`"""

    query: FlowQuery
    page: FlowPage
    rows: list[FlowRow]
    tabs: FlowTabs

    @property
    def is_first_run(self) -> bool:
        return not self.tabs.total and self.query == FlowQuery(limit=self.query.limit)


@dataclass(frozen=True, slots=True)
class HeroView:
    """Title, actions and the big bar of a workflow. Key `flow-hero:<id>`."""

    info: WorkflowInfo
    tally: Tally
    steps: int
    steps_done: int
    ready_at: int | None
    slots: int
    critical_ms: float | None
    unknown: int
    parent: str = ""

    @property
    def state(self) -> str:
        return shown_flow(self.info)

    @property
    def percent(self) -> int:
        return self.tally.done * 100 // self.tally.total if self.tally.total else 0


@dataclass(frozen=True, slots=True)
class StepView:
    """A card of the picture, and the same as a line of the list. Key `flow-step:<id>/<key>`."""

    flow: str
    version: int
    key: int
    column: int
    row: int
    function: str
    state: str
    tally: Tally
    job: Job | None
    waits_for: tuple[str, ...]
    """functions of the steps before it that have not ended"""
    more: int
    """how many of them are not named"""
    blocked_by: tuple[str, ...]
    """those before it that have failed or were aborted or skipped"""
    mean_ms: float | None
    is_critical: bool

    @property
    def is_many(self) -> bool:
        return self.tally.total > 1

    @property
    def job_id(self) -> str:
        """Of the job that it is, once that exists."""
        is_there = not self.is_many and self.state not in ("waiting", "skipped")
        return f"{self.flow}.{self.key}" if is_there else ""


@dataclass(frozen=True, slots=True)
class EdgesView:
    """The lines of the picture, each with the state that colours it. Key `flow-edges:<id>`."""

    flow: str
    version: int
    drawing: Drawing
    states: tuple[str, ...]

    def of(self, state: str) -> str:
        """All lines of one state as one path."""
        edges = zip(self.drawing.edges, self.states, strict=True)
        return "".join(edge.path for edge, its in edges if its == state)


@dataclass(frozen=True, slots=True)
class Members:
    """Which jobs are listed: those of one card (`of`), or all; those in one state; from the n-th on."""

    of: int | None = None
    only: Only | None = None
    start: int = 0

    def only_those(self, only: Only | None) -> Members:
        return Members(self.of, only)

    def from_the(self, start: int) -> Members:
        return Members(self.of, self.only, start)

    def query(self) -> str:
        pairs = {"open": "all" if self.of is None else self.of, "only": self.only, "start": self.start or None}
        return urlencode({name: str(value) for name, value in pairs.items() if value is not None})


@dataclass(frozen=True, slots=True)
class MembersView:
    """Some of the jobs of a workflow. Key `flow-jobs:<id>/<query>`."""

    flow: str
    version: int
    chosen: Members
    function: str
    tally: Tally
    jobs: list[NodeInfo]
    total: int
    size: int
    """how many a page has"""

    @property
    def next(self) -> int | None:
        upto = self.chosen.start + self.size
        return upto if upto < self.total else None

    @property
    def before(self) -> int | None:
        return max(0, self.chosen.start - self.size) if self.chosen.start else None


@dataclass(frozen=True, slots=True)
class FlowView:
    """`pages/workflow.html`"""

    hero: HeroView
    steps: Sequence[StepView]
    edges: EdgesView | None
    """None where it is no picture"""
    show: Show
    zoom: int
    members: MembersView | None
    list_first: bool = False
    """there are more cards than anybody looks at"""


def shown_flow(info: WorkflowInfo) -> str:
    """A workflow's state as it is shown: one that runs may be paused."""
    return "paused" if info.paused and info.state is FlowState.RUNNING else info.state.value


def segments(tally: Tally) -> ChunkCounts:
    """What a segmented bar shows of jobs: those that were aborted or skipped in one colour."""
    return ChunkCounts(
        total=max(1, tally.total), done=tally.done, failed=tally.failed, running=tally.running,
        skipped=tally.aborted + tally.skipped,
    )  # fmt: skip


def flow_tally(info: WorkflowInfo, running: int) -> Tally:
    """The same from the counts that the workflow keeps."""
    running = min(running, info.live)
    return Tally(info.total, info.done, running, info.live - running, info.failed, info.aborted, info.skipped)


def flow_query_string(query: FlowQuery) -> str:
    """The filters that are set, without the place in the list."""
    limit = None if query.limit == FlowQuery().limit else query.limit
    pairs = {"limit": limit, "name": query.name, "state": query.state}
    return urlencode({name: str(value) for name, value in pairs.items() if value}, errors="replace")


def flows_url(look: Look, query: FlowQuery, *, after: str | None = None) -> str:
    """The list under a query."""
    text = flow_query_string(query)
    if after:
        text += ("&" if text else "") + urlencode({"after": after}, errors="replace")
    return f"{look.base}/workflows" + (f"?{text}" if text else "")


def flow_url(look: Look, flow: str, show: Show = Show.BOTH, zoom: int = 0, members: Members | None = None) -> str:
    """A workflow's page in one of its looks."""
    parts = [] if show is Show.BOTH else [f"show={show}"]
    parts += [f"zoom={zoom}"] if zoom else []
    parts += [members.query()] if members else []
    address = f"{look.base}/workflows/{url_part(flow)}" + (f"?{'&'.join(parts)}" if parts else "")
    return f"{address}#jobs" if members else address


#: What templates ask with.
WORKFLOW_VIEWS = {
    "FlowState": FlowState, "Show": Show, "Only": Only, "ZOOMS": ZOOMS, "Members": Members, "segments": segments,
    "flow_tally": flow_tally, "flow_query_string": flow_query_string, "flows_url": flows_url, "flow_url": flow_url,
}  # fmt: skip
