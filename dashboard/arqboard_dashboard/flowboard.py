"""A workflow as its page shows it: made twice a second at most, however many look and at however many parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from arqboard.protocol import Job
from arqboard.protocol.shape import functions_in, read_shape
from arqboard.protocol.standing import Standing, Standings, Tally, tally
from arqboard.protocol.workflows import WorkflowInfo

from .dag import Box, Drawing, Edge, draw
from .flow_times import Averages, Critical, Step, critical_path, ready_at
from .fresh import Fresh
from .overview import Overview
from .templating import shown_state
from .views import Look
from .workflow_views import EdgesView, HeroView, StepView, flow_tally

#: How long a board is good, and how many are kept.
BOARD_SECONDS, MAX_BOARDS = 0.5, 100
#: Names of steps that a card waits for, at most.
MAX_NAMED = 3
#: What came to nothing, so that nothing can follow.
_BAD = ("failed", "aborted", "skipped")


@dataclass(frozen=True, slots=True)
class Board:
    """One moment of a workflow. Without a drawing there are no steps."""

    standing: Standing
    drawing: Drawing | None
    hero: HeroView
    steps: dict[int, StepView]
    edges: EdgesView | None

    @property
    def info(self) -> WorkflowInfo:
        return self.standing.info

    def box(self, key: int) -> Box | None:
        boxes = self.drawing.boxes if self.drawing else ()
        return next((box for box in boxes if box.key == key), None)


class Boards:
    """Of the workflows that somebody looks at."""

    def __init__(self, standings: Standings, averages: Averages, overview: Overview) -> None:
        self._standings, self._averages, self._overview = standings, averages, overview
        self._boards: dict[str, Fresh[Board]] = {}

    async def get(self, workflow_id: str) -> Board:
        """As it was half a second ago at most. Raises WorkflowNotFound, or ValueError where it can't be read."""
        fresh = self._boards.pop(workflow_id, None) or Fresh(lambda: self._read(workflow_id), BOARD_SECONDS)
        self._boards[workflow_id] = fresh
        if len(self._boards) > MAX_BOARDS:
            del self._boards[next(iter(self._boards))]
        return await fresh.get()

    async def again(self, workflow_id: str) -> Board:
        """As it is now, after something was done to it."""
        self._boards.pop(workflow_id, None)
        return await self.get(workflow_id)

    async def _read(self, workflow_id: str) -> Board:
        look = await self._overview.look()
        drawing, functions = _drawn(await self._standings.shape(workflow_id))
        boxes = drawing.boxes if drawing else ()
        singles = [box.key for box in boxes if len(box.numbers) == 1]
        standing = await self._standings.get(workflow_id, functions, singles)
        steps = [_step(box, standing) for box in boxes]
        averages = await self._averages.of([box.function for box in boxes])
        critical = critical_path(steps, averages)
        slots = await self._slots({step.box.function for step in steps if step.tally.left})
        is_on = not standing.info.state.is_terminal and not standing.info.paused
        ready = ready_at(steps, averages, slots, look.now) if is_on and steps else None
        views = _views(steps, standing.info, critical, {name: a.ms for name, a in averages.items()}, look)
        edges = edges_of(standing.info, drawing, views) if drawing else None
        hero = _hero(standing, steps, ready, slots, critical)
        return Board(standing, drawing, hero, {view.key: view for view in views}, edges)

    async def _slots(self, functions: set[str]) -> int:
        """Of living workers that take any of these functions."""
        workers = await self._overview.workers.get()
        return sum(w.slots for w in workers if w.alive and not w.draining and functions.intersection(w.functions))


@lru_cache(maxsize=MAX_BOARDS)
def _drawn(text: str) -> tuple[Drawing | None, tuple[str, ...]]:
    """The picture of a shape, and the functions in it."""
    shape = read_shape(text)
    if shape is None:
        return None, ()
    return draw(shape), tuple(dict.fromkeys(functions_in(shape)))


def _step(box: Box, standing: Standing) -> Step:
    job = standing.jobs.get(box.key) if len(box.numbers) == 1 else None
    return Step(box, tally(box.numbers.picked(standing.marks)), job)


def _views(
    steps: Sequence[Step], info: WorkflowInfo, critical: Critical | None, means: dict[str, float], look: Look
) -> list[StepView]:
    states = [state_of(step.tally, step.job, look) for step in steps]
    branches = len({step.box.row for step in steps}) > 1  # where there is one way only, nothing is more critical
    path = critical.boxes if critical and branches else frozenset[int]()
    views = list[StepView]()
    for n, step in enumerate(steps):
        box, before = step.box, step.box.before
        waits = [steps[b].box.function for b in before if not steps[b].tally.is_over] if states[n] == "waiting" else []
        is_stopped = states[n] == "skipped" or (states[n] == "waiting" and info.state.is_terminal)
        blocked = [steps[b].box.function for b in before if is_stopped and is_bad(steps[b].tally)]
        views.append(StepView(
            flow=info.id, version=info.version, key=box.key, column=box.column, row=box.row, function=box.function,
            state=states[n], tally=step.tally, job=step.job, waits_for=tuple(waits[:MAX_NAMED]),
            more=max(0, len(waits) - MAX_NAMED), blocked_by=tuple(blocked[:MAX_NAMED]),
            mean_ms=_plain(means.get(box.function)), is_critical=n in path,
        ))  # fmt: skip
    return views


def state_of(found: Tally, job: Job | None, look: Look) -> str:
    """How a card is shown: as its job, or as what its members come to."""
    if job is not None and found.total == 1:
        return shown_state(job, look)
    if found.running or found.started:
        return "running" if found.running else "queued"
    if found.waiting:
        return "waiting"
    worst = (name for name, count in zip(_BAD, (found.failed, found.aborted, found.skipped), strict=True) if count)
    return next(worst, "succeeded")


def is_bad(found: Tally) -> bool:
    return found.failed + found.aborted + found.skipped > 0


def edges_of(info: WorkflowInfo, drawing: Drawing, views: Sequence[StepView]) -> EdgesView:
    return EdgesView(info.id, info.version, drawing, tuple(_edge_state(edge, views) for edge in drawing.edges))


def _edge_state(edge: Edge, views: Sequence[StepView]) -> str:
    sources, targets = [views[n] for n in edge.sources], [views[n] for n in edge.targets]
    begun = [view for view in targets if view.state not in ("waiting", "skipped")]
    if begun and all(view.tally.is_over for view in sources):
        return "running" if any(view.tally.left for view in begun) else "succeeded"
    return "failed" if any(view.tally.is_over and is_bad(view.tally) for view in sources) else "waiting"


def _hero(
    standing: Standing, steps: Sequence[Step], ready: int | None, slots: int, critical: Critical | None
) -> HeroView:
    info = standing.info
    running = sum(step.tally.running for step in steps) if steps else standing.marks.count(b"r")
    return HeroView(
        info=info, tally=flow_tally(info, running), steps=len(steps),
        steps_done=sum(step.tally.done == step.tally.total for step in steps), ready_at=ready, slots=slots,
        critical_ms=_plain(critical.ms) if critical else None, unknown=critical.unknown if critical else 0,
    )  # fmt: skip


def _plain(ms: float | None) -> float | None:
    """To two digits, or to seconds from a minute on: an average is no more exact, and must not change all the time."""
    if ms is None or ms <= 0:
        return ms
    return float(round(ms, -3)) if ms >= 60_000 else float(f"{ms:.2g}")
