"""Workflows: their list, and one of them as a picture, as a list, and with its jobs."""

from __future__ import annotations

from dataclasses import replace

from arqboard.protocol import ErrorInfo, Job, Unreadable
from arqboard.protocol.flowlists import FlowPage, FlowQuery
from arqboard.protocol.shape import One, Parallel, Shape
from arqboard.protocol.shape import Sequence as InTurn
from arqboard.protocol.standing import Tally
from arqboard.protocol.workflows import FlowState, NodeInfo, WorkflowInfo

from ..dag import Box, draw
from ..flowboard import edges_of
from ..workflow_views import (
    FlowRow,
    FlowsView,
    FlowTabs,
    FlowView,
    HeroView,
    Members,
    MembersView,
    Only,
    Show,
    StepView,
    flow_tally,
)
from . import made_jobs as made
from .samples import HOSTILE, LONG, MINUTE, NOW, RUSSIAN, Sample, Section

ALBUM = WorkflowInfo(
    id="f7d0a1c3", name="Album of March", state=FlowState.RUNNING, created=NOW - 6 * MINUTE, ended=None, total=128,
    done=83, failed=2, aborted=0, skipped=1, size=131, exit=130, on_error="continue", source="POST /albums", parent="",
    error=None, failed_job=None, version=1, live=6,
)  # fmt: skip
_OVER = replace(ALBUM, live=0, ended=NOW - MINUTE)
_INFOS = (
    ALBUM,
    replace(ALBUM, id="w2", name=RUSSIAN, paused=NOW - MINUTE),
    replace(_OVER, id="w3", name="", state=FlowState.SUCCEEDED, done=128, failed=0, skipped=0),
    replace(
        _OVER,
        id="w4",
        name=HOSTILE,
        state=FlowState.FAILED,
        error=ErrorInfo("ValueError", HOSTILE, ""),
        failed_job="w4.7",
    ),
    replace(_OVER, id="w5", name=LONG, state=FlowState.ABORTED, aborted=42, failed=0, done=80, error=made.TIMEOUT),
)
_BROKEN = Unreadable("w6", 'the state is "lost", which there is not')
_COUNTS = dict(zip(FlowState, (2, 1204, 3, 1), strict=True))

#: A step in every state, and one that stands for many; what has failed keeps others from starting.
_STATES: dict[str, tuple[str, Tally, Job | None]] = {
    "unpack": ("succeeded", Tally(1, done=1), made.SUCCEEDED),
    "resize_images": ("running", Tally(120, done=80, running=5, failed=2, skipped=1), None),
    "scan_faces": ("running", Tally(1, running=1), made.RUNNING),
    "index": ("stalled", Tally(1, running=1), made.STALLED),
    "ask_owner": ("queued", Tally(1, started=1), made.QUEUED),
    "remind": ("deferred", Tally(1, started=1), made.DEFERRED),
    "charge_card": ("retrying", Tally(1, started=1), made.RETRYING),
    RUSSIAN: ("failed", Tally(1, failed=1), made.FAILED),
    HOSTILE: ("aborted", Tally(1, aborted=1), made.ABORTED),
    LONG: ("skipped", Tally(1, skipped=1), None),
    "publish": ("waiting", Tally(1), None),
}


def _step(box: Box) -> StepView:
    state, tally, job = _STATES[box.function]
    is_next = box.function == "publish"
    return StepView(
        flow=ALBUM.id,
        version=1,
        key=box.key,
        column=box.column,
        row=box.row,
        function=box.function,
        state=state,
        tally=tally,
        job=job,
        waits_for=("scan_faces", "index") if is_next else (),
        more=3 if is_next else 0,
        blocked_by=(RUSSIAN,) if state == "skipped" else (),
        mean_ms=4200.0 if state in ("waiting", "running") else None,
        is_critical=box.function in ("unpack", "scan_faces", "publish"),
    )


def _view(shape: Shape, **changes: object) -> FlowView:
    drawing = draw(shape)
    if drawing is None:
        raise AssertionError("so few steps can be drawn")
    steps = [_step(box) for box in drawing.boxes]
    return FlowView(_hero(ALBUM), steps, edges_of(ALBUM, drawing, steps), Show.BOTH, 100, None)


def _hero(info: WorkflowInfo, running: int = 5) -> HeroView:
    is_on = info.ended is None and info.paused is None
    return HeroView(info, flow_tally(info, running), 11, 2, NOW + 4 * MINUTE if is_on else None, 20, 91_000.0, 0)


def _list(query: FlowQuery, rows: list[WorkflowInfo | Unreadable], **page: int | bool) -> FlowsView:
    found = FlowPage(rows, None, 1210, **page)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - its last two fields
    return FlowsView(query, found, [FlowRow(row, 5) for row in rows], FlowTabs(query, _COUNTS, ""))


def _node(number: int, state: str, job: Job | None) -> NodeInfo:
    return NodeInfo(number, f"{ALBUM.id}.{number}", "job", "resize_images", state, [], 0, job)


def _members(chosen: Members, jobs: list[NodeInfo]) -> MembersView:
    tally = Tally(120, done=80, running=5, failed=2, skipped=1)
    return MembersView(ALBUM.id, 1, chosen, "resize_images", tally, jobs, 120 if jobs else 0, 50)


_SHAPE = InTurn(
    (
        One("unpack"),
        Parallel(
            (
                (120, One("resize_images")),
                (1, One("scan_faces")),
                (1, InTurn((One("index"), One("ask_owner")))),
                (1, InTurn((One("remind"), One("charge_card")))),
                (1, InTurn((One(RUSSIAN), One(LONG)))),
                (1, One(HOSTILE)),
            )
        ),
        One("publish"),
    )
)
_CHAIN = InTurn((One("unpack"), One("scan_faces"), One("publish")))
_ALL = _view(_SHAPE)
_QUERY = FlowQuery()

HERO = Section(
    "workflow-hero",
    "The top of a workflow’s page",
    (
        *tuple(
            Sample(caption, "flow_hero", {"view": _hero(replace(info, id=f"hero-{info.id}"), info.live)})
            for caption, info in zip(
                ("Running", "Paused, Russian", "Succeeded", "Failed, hostile", "Aborted, long"), _INFOS, strict=True
            )
        ),
        Sample("Deleted", "flow_gone", {"view": "f7d0a1c3"}),
    ),
    ("workflows",),
)
GRAPH = Section(
    "workflow-graph",
    "Steps of a workflow",
    (
        Sample("A step in each state", "flow_graph", {"view": _ALL}),
        Sample("The same as a list", "flow_steps", {"view": replace(_ALL, show=Show.LIST)}),
        Sample("Can’t be drawn", "flow_no_graph", {"view": replace(_ALL, edges=None)}),
        Sample("Many jobs of one step", "flow_jobs", {"view": _members(Members(1), [
            _node(4, "running", made.RUNNING), _node(5, "failed", made.FAILED), _node(6, "succeeded", made.SUCCEEDED),
            _node(7, "waiting", None), _node(8, "skipped", None),
        ])}),
        Sample("None of them is aborted", "flow_jobs", {"view": _members(Members(1, Only.ABORTED), [])}),
    ),
    ("workflows",),
)  # fmt: skip
LIST = Section(
    "workflows",
    "List of workflows",
    (
        Sample("Tabs", "flow_tabs", {"view": _list(_QUERY, []).tabs}, "carded"),
        Sample("Search by name", "flow_filters", {"view": _list(FlowQuery(name=RUSSIAN), [])}, "carded"),
        Sample("Every state, an unreadable record", "flow_list", {"view": _list(_QUERY, [*_INFOS, _BROKEN])}, "carded"),
        Sample("None matches", "flow_list", {"view": _list(FlowQuery(FlowState.FAILED, HOSTILE), [])}, "carded"),
        Sample(
            "None among the newest",
            "flow_list",
            {"view": _list(FlowQuery(name="a"), [], looked=2000, is_cut=True)},
            "carded",
        ),
    ),
    ("workflows",),
)
NONE_YET = Sample("No workflow yet", "flow_first_run", {"view": _list(_QUERY, [])})
SECTIONS = (HERO, GRAPH, LIST)
