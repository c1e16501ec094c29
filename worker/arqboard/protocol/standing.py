"""Where each job of a workflow stands: two round trips, and a byte per job, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from .client import Client
from .errors import WorkflowNotFound
from .job import Job, Unreadable
from .keys import Keys
from .reader import Reader
from .workflows import FIELDS, WorkflowInfo, info_of, jobs_of, unreadable

#: Of running jobs no more ids than this are read. So many slots a fleet has to have before a count is too low.
MAX_RUNNING = 5000
#: Up to so many functions are asked for their own running jobs, more for those of all.
MAX_FUNCTIONS = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """Jobs of a workflow, or some of them, by how they stand. `started` wait for a slot, a time or another try."""

    total: int
    done: int = 0
    running: int = 0
    started: int = 0
    failed: int = 0
    aborted: int = 0
    skipped: int = 0

    @property
    def waiting(self) -> int:
        """Those whose turn has not come."""
        return self.total - self.done - self.running - self.started - self.failed - self.aborted - self.skipped

    @property
    def left(self) -> int:
        """Those that have not ended and still may run."""
        return self.running + self.started + self.waiting

    @property
    def is_over(self) -> bool:
        return self.left == 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A workflow at one moment. `marks` has a byte per node: those of Keys.marks, and `r` where a worker has the job.
    `jobs` are those that were asked for and are there."""

    info: WorkflowInfo
    marks: bytes
    jobs: Mapping[int, Job]


def tally(marks: bytes) -> Tally:
    """Of the jobs that have these marks."""
    of = marks.count
    return Tally(
        total=len(marks), done=of(b"d"), running=of(b"r"), started=of(b"q"), failed=of(b"f") + of(b"F"),
        aborted=of(b"a") + of(b"A"), skipped=of(b"s"),
    )  # fmt: skip


class Standings:
    """Over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._reader = Reader(redis, self.keys)

    async def shape(self, workflow_id: str) -> str:
        """How it looks (see shape.py), which never changes; "" where that is not known."""
        return ((await self._redis.hget(self.keys.workflow(workflow_id), "shape")) or b"").decode(errors="replace")

    async def get(self, workflow_id: str, functions: Collection[str] = (), singles: Collection[int] = ()) -> Standing:
        """As it stands now. `functions` are those of its jobs, `singles` the numbers whose jobs are wanted.

        Raises WorkflowNotFound, or ValueError where the record can't be read.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.hmget(self.keys.workflow(workflow_id), FIELDS)
        pipe.get(self.keys.marks(workflow_id))
        for key in self._running_keys(functions):
            pipe.zrange(key, 0, MAX_RUNNING - 1, desc=True)
        replies: list[Any] = await pipe.execute(raise_on_error=False)
        values, marks, *found = replies
        running: list[list[bytes]] = [ids for ids in found if not isinstance(ids, Exception)]
        info = _readable(workflow_id, values)
        told = _with_running(workflow_id, marks if isinstance(marks, bytes) else b"", running)
        started = [n for n in singles if told[n : n + 1] not in (b".", b"s", b"")]
        return Standing(info, told, await jobs_of(self._reader, workflow_id, started))

    async def running_by_workflow(self) -> Counter[str]:
        """How many jobs of each workflow run now."""
        ids = await self._redis.zrange(self.keys.jobs("running"), 0, MAX_RUNNING - 1, desc=True)
        return Counter(raw.decode(errors="replace").rpartition(".")[0] for raw in ids)

    def _running_keys(self, functions: Collection[str]) -> list[str]:
        if len(functions) > MAX_FUNCTIONS or not functions:
            return [self.keys.jobs("running")]
        return [self.keys.jobs("running", None, function) for function in functions]


def _readable(workflow_id: str, values: Any) -> WorkflowInfo:
    match info_of(workflow_id, values):
        case None:
            raise WorkflowNotFound(workflow_id)
        case Unreadable(why=why):
            raise ValueError(unreadable(workflow_id, why))
        case info:
            return info


def _with_running(workflow_id: str, marks: bytes, running: Iterable[list[bytes]]) -> bytes:
    """The marks, and `r` for those of the ids that are of its started jobs. Anybody may call a job anything."""
    start, told = f"{workflow_id}.".encode(errors="replace"), bytearray(marks)
    for raw in chain.from_iterable(running):
        text = raw[len(start) :] if raw.startswith(start) else b""
        if text.isdigit() and len(text) < 7 and marks[int(text) : int(text) + 1] == b"q":
            told[int(text)] = ord("r")
    return bytes(told)
