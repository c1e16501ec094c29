"""What the templates of one job's page receive, and the parts of it that are fetched when somebody wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from arqboard.protocol import Attempt, ChunkCounts, Job, Unreadable
from arqboard.protocol.inside import Artefact, ChunkInfo
from arqboard.protocol.joblog import LogLine
from arqboard.protocol.records import RawKey
from arqboard.protocol.stacks import Stack, StackFrame
from arqboard.protocol.workflows import WorkflowInfo

from .language import gettext
from .traces import is_own

#: Lines of a log, failed chunks and children that a page shows at once.
LOG_SHOWN, FAILED_SHOWN, CHILDREN_SHOWN = 200, 50, 20


class Level(StrEnum):
    """From which level on log lines are shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Shown(StrEnum):
    """Which chunks stand out on the map; the others are dimmed."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    SKIPPED = "skipped"
    WAITING = "waiting"


MARKS = {".": Shown.WAITING, "r": Shown.RUNNING, "d": Shown.DONE, "f": Shown.FAILED, "s": Shown.SKIPPED}
#: The look of each kind of chunk is that of a job's state.
LOOKS = {
    Shown.DONE: "succeeded", Shown.RUNNING: "running", Shown.FAILED: "failed", Shown.SKIPPED: "aborted",
    Shown.WAITING: "queued",
}  # fmt: skip


def chunk_legend(counts: ChunkCounts) -> list[tuple[Shown, str, str, int]]:
    """What there is of each kind of chunk: the kind, its word, its look, how many. Those done always."""
    amounts = {
        Shown.DONE: counts.done, Shown.RUNNING: counts.running, Shown.FAILED: counts.failed,
        Shown.SKIPPED: counts.skipped, Shown.WAITING: counts.waiting,
    }  # fmt: skip
    return [(kind, gettext(kind), LOOKS[kind], n) for kind, n in amounts.items() if n or kind is Shown.DONE]


def log_version(job: Job) -> int:
    """Of how long its log is. It grows with every line, and further with every job of this id: by the µs between
    them, which is faster than anybody logs. JavaScript counts no further than 2**53."""
    return min(job.enqueued * 1000 + job.log_lines, 2**53 - 1)


@dataclass(frozen=True, slots=True)
class LogView:
    """Lines of a log, oldest first. `older` is where those before begin, None where these are the first.

    `next` is the place of the newest line that was looked at; `level` and `text` are what was asked for.
    """

    lines: list[LogLine]
    older: str | None
    next: str
    level: Level | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChunkView:
    """One chunk, and which of the job's items it has (counted from 1, both included)."""

    info: ChunkInfo
    first: int
    last: int

    @classmethod
    def of(cls, job: Job, info: ChunkInfo) -> ChunkView:
        size = max(1, job.chunk_size)
        first = info.index * size + 1
        return cls(info, first, min(first + size - 1, job.chunk_items or first + size - 1))

    @property
    def number(self) -> int:
        return self.info.index + 1

    @property
    def kind(self) -> Shown:
        return MARKS.get(self.info.mark, Shown.WAITING)

    @property
    def look(self) -> str:
        return LOOKS[self.kind]

    @property
    def can_skip(self) -> bool:
        return self.kind in (Shown.FAILED, Shown.WAITING)


@dataclass(frozen=True, slots=True)
class FailedChunks:
    """The failed chunks of a job with their errors: the first of them, and how many there are."""

    rows: list[ChunkView]
    total: int


@dataclass(frozen=True, slots=True)
class Children:
    """What a job submitted, the newest first. `total` counts those that are known; a deleted one is left out."""

    jobs: list[Job | Unreadable]
    workflows: list[WorkflowInfo]
    total: int


@dataclass(frozen=True, slots=True)
class StackView:
    """Where a job stands. `stack` is None where no worker answered."""

    stack: Stack | None
    seconds: float
    """how long was waited for an answer"""

    def is_own(self, frame: StackFrame) -> bool:
        return is_own(frame.file)


@dataclass(frozen=True, slots=True)
class RawView:
    """Every key that there is of a job."""

    keys: list[RawKey]

    @property
    def bytes(self) -> int:
        return sum(key.bytes or 0 for key in self.keys)


@dataclass(frozen=True, slots=True)
class JobPage:
    """`pages/job.html`"""

    job: Job
    marks: str
    attempts: list[Attempt]
    result_until: int | None
    artefacts: list[Artefact]
    log: LogView
    failed: FailedChunks
    children: Children
    show: Shown | None = None
    chunk: ChunkView | None = None


@dataclass(frozen=True, slots=True)
class PartView:
    """`pages/job_part.html`: one part of a job's page by itself. `partial` is its template, which receives `part`."""

    job: Job
    title: str
    partial: str
    part: Any
    more: dict[str, str] = field(default_factory=dict[str, str])
    """links to other forms of it: word → address"""
