"""Reads workflows: their state, their nodes, and what a step gets of the one before."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .client import Client
from .errors import WorkflowNotFound
from .job import ErrorInfo, Job, Unreadable
from .keys import Keys
from .reader import MAX_PAGE, Reader
from .said import Said

#: Results or records that are read in one command.
BATCH = 500
#: Joins that are looked into at once.
MAX_JOINS = 10_000
FIELDS = (
    "state", "name", "created", "ended", "size", "total", "done", "failed", "aborted", "skipped", "exit", "on_error",
    "source", "parent", "error_type", "error", "error_at", "version", "live", "paused",
)  # fmt: skip
MARKS = {
    ".": "waiting", "q": "queued", "d": "succeeded", "f": "failed", "F": "failed", "a": "aborted", "A": "aborted",
    "s": "skipped",
}  # fmt: skip


class FlowState(StrEnum):
    """Where a workflow stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"

    @property
    def is_terminal(self) -> bool:
        return self is not FlowState.RUNNING


@dataclass(frozen=True, slots=True)
class WorkflowInfo:
    """A workflow. Times are ms since 1970; `done` of `total` jobs have succeeded."""

    id: str
    name: str
    state: FlowState
    created: int
    ended: int | None
    total: int
    done: int
    failed: int
    aborted: int
    skipped: int
    size: int
    exit: int
    on_error: str
    source: str
    parent: str
    error: ErrorInfo | None
    failed_job: str | None
    version: int
    paused: int | None = None
    """since when nothing of it starts"""
    live: int = 0
    """jobs that have started and not ended; those that wait for a slot too"""

    @property
    def can_retry(self) -> bool:
        """Whether there is something to run again that would carry it on."""
        if self.state in (FlowState.FAILED, FlowState.ABORTED):
            return True
        return self.state is FlowState.RUNNING and self.failed + self.aborted > 0


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A job of a workflow, or a join (`kind`). `needs` are the nodes that have to end before it starts."""

    number: int
    id: str
    kind: str
    function: str
    state: str
    needs: list[int]
    members: int
    job: Job | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A member of a group that has no result, since it did not succeed."""

    job_id: str
    state: str
    error: ErrorInfo | None


#: What a step is fed with: the stored result of a job, or a list of such.
Fed = bytes | Missing | list["Fed"]


class Workflows:
    """Over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._reader = Reader(redis, self.keys)

    async def get(self, workflow_id: str) -> WorkflowInfo:
        """Raises WorkflowNotFound, or ValueError where the record can't be read."""
        match (await self.many([workflow_id]))[0]:
            case None:
                raise WorkflowNotFound(workflow_id)
            case Unreadable(why=why):
                raise ValueError(unreadable(workflow_id, why))
            case info:
                return info

    async def page(
        self, state: FlowState | None = None, *, limit: int = 50, after: str | None = None
    ) -> tuple[list[WorkflowInfo | Unreadable], str | None, int]:
        """The newest first; the cursor of the next page, and how many there are. Raises ValueError for a bad cursor."""
        limit = max(1, min(limit, MAX_PAGE))
        ids, cursor, total = await self._reader.ids(self.keys.workflows(state), limit, after)
        found = await self.many(ids)
        return [w for w in found if w is not None], (str(cursor) if cursor else None), total

    async def many(self, ids: Sequence[str]) -> list[WorkflowInfo | Unreadable | None]:
        """In the order asked for; None where there is none."""
        pipe = self._redis.pipeline(transaction=False)
        for workflow_id in ids:
            pipe.hmget(self.keys.workflow(workflow_id), FIELDS)
        raw: list[Any] = await pipe.execute(raise_on_error=False) if ids else []
        return [info_of(i, values) for i, values in zip(ids, raw, strict=True)]

    async def marks(self, workflow_id: str) -> str:
        """One letter per node, see Keys.marks."""
        return ((await self._redis.get(self.keys.marks(workflow_id))) or b"").decode("ascii", "replace")

    async def nodes(self, workflow_id: str, *, start: int = 0, limit: int = 1000) -> list[NodeInfo]:
        """Nodes by number from `start` on, jobs and joins, each with its job once that exists."""
        return await self.some(workflow_id, range(start, start + max(0, limit)))

    async def some(self, workflow_id: str, numbers: Sequence[int]) -> list[NodeInfo]:
        """The nodes of these numbers, as far as there are any."""
        marks, read = await self.marks(workflow_id), await self._read(workflow_id, numbers)
        started = [n for n in read if marks[n : n + 1] != "." and "members" not in read[n]]
        jobs = await jobs_of(self._reader, workflow_id, started)
        return [_node(workflow_id, n, record, marks[n : n + 1], jobs.get(n)) for n, record in read.items()]

    async def joins(self, workflow_id: str, numbers: Collection[int]) -> dict[int, list[int]]:
        """The members of those of these nodes that are joins, and of the joins among their members in turn."""
        found: dict[int, list[int]] = {}
        wanted = list(numbers)
        while wanted and len(found) < MAX_JOINS:
            read = await self._read(workflow_id, wanted[:MAX_JOINS])
            joins = {n: record for n, record in read.items() if "members" in record}
            found |= {n: record["members"] for n, record in joins.items()}
            nested = (record["members"] for record in joins.values() if record.get("is_nested"))
            wanted = [member for members in nested for member in members if member not in found]
        return found

    async def _read(self, workflow_id: str, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
        pipe = self._redis.pipeline(transaction=False)
        for first in range(0, len(numbers), BATCH):
            pipe.hmget(self.keys.nodes(workflow_id), numbers[first : first + BATCH])
        batches: list[list[bytes | None]] = await pipe.execute() if numbers else []
        raw = [record for batch in batches for record in batch]
        return {n: _record(record) for n, record in zip(numbers, raw, strict=True) if record}

    async def fed(self, workflow_id: str, number: int) -> Fed | None:
        """What the node of this number gets from the one before; None where it gets nothing.

        Raises WorkflowNotFound where that is gone.
        """
        [record] = await self._records(workflow_id, [number])
        source = record.get("fed_by")
        return None if source is None else await self.result(workflow_id, int(source))

    async def result(self, workflow_id: str, number: int) -> Fed:
        """The stored result of a node: bytes of a job, a list of a join. Raises WorkflowNotFound where it is gone."""
        [record] = await self._records(workflow_id, [number])
        if "members" not in record:
            return (await self._results(workflow_id, [number]))[0]
        members = [int(n) for n in record["members"]]
        if record.get("is_nested"):
            return await self._nested(workflow_id, members)
        return [*await self._results(workflow_id, members)]

    async def _nested(self, workflow_id: str, members: list[int]) -> Fed:
        return [await self.result(workflow_id, n) for n in members]

    async def _records(self, workflow_id: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
        raw = await self._redis.hmget(self.keys.nodes(workflow_id), numbers)
        if any(r is None for r in raw):
            raise WorkflowNotFound(workflow_id)
        return [_record(r) for r in raw]

    async def _results(self, workflow_id: str, numbers: Sequence[int]) -> list[bytes | Missing]:
        pipe = self._redis.pipeline(transaction=False)
        for first in range(0, len(numbers), BATCH):
            pipe.hmget(self.keys.results(workflow_id), numbers[first : first + BATCH])
        raw = [blob for batch in await pipe.execute() for blob in batch]
        missing = [n for n, blob in zip(numbers, raw, strict=True) if blob is None]
        why = await self._missing(workflow_id, missing) if missing else {}
        return [why[n] if blob is None else blob for n, blob in zip(numbers, raw, strict=True)]

    async def _missing(self, workflow_id: str, numbers: Sequence[int]) -> dict[int, Missing]:
        marks, jobs = await self.marks(workflow_id), await jobs_of(self._reader, workflow_id, numbers)
        return {
            n: Missing(
                job_id(workflow_id, n), MARKS.get(marks[n : n + 1], "gone"), jobs[n].error if n in jobs else None
            )
            for n in numbers
        }


def job_id(workflow_id: str, number: int) -> str:
    """The id of the job of a node."""
    return f"{workflow_id}.{number}"


def _record(raw: bytes) -> dict[str, Any]:
    """A node as begin.lua was told it; {} where it can't be read."""
    try:
        found = json.loads(raw)
        numbers = [found.get("before") or 0, *found.get("members", ())]
    except (ValueError, AttributeError, TypeError):
        return {}
    return found if all(isinstance(number, int) for number in numbers) else {}


async def jobs_of(reader: Reader, workflow_id: str, numbers: Sequence[int]) -> dict[int, Job]:
    """The jobs of nodes by their numbers, as far as they are there and can be read."""
    found: dict[int, Job] = {}
    for first in range(0, len(numbers), MAX_PAGE):
        batch = numbers[first : first + MAX_PAGE]
        rows = await reader.many([job_id(workflow_id, n) for n in batch])
        found |= {n: row for n, row in zip(batch, rows, strict=True) if isinstance(row, Job)}
    return found


def unreadable(workflow_id: str, why: str) -> Said:
    return Said('The record of workflow "%(id)s" can\'t be read: %(why)s.', id=workflow_id, why=why)


def info_of(workflow_id: str, values: Any) -> WorkflowInfo | Unreadable | None:
    """A workflow from the values of FIELDS, or from what Redis said instead."""
    if isinstance(values, Exception):
        return Unreadable(workflow_id, Said("its key holds another type of value"))
    if values[0] is None:
        return None
    f = dict(zip(FIELDS, (v.decode(errors="replace") if v is not None else "" for v in values), strict=True))
    if f["state"] not in set(FlowState):
        return Unreadable(workflow_id, Said("it has no state like %(state)s", state=repr(f["state"][:60])))
    number = {name: int(f[name]) for name in FIELDS if re.fullmatch(r"-?\d{1,15}", f[name], re.ASCII)}
    return WorkflowInfo(
        id=workflow_id, name=f["name"], state=FlowState(f["state"]), created=number.get("created", 0),
        ended=number.get("ended") or None, total=number.get("total", 0), done=number.get("done", 0),
        failed=number.get("failed", 0), aborted=number.get("aborted", 0), skipped=number.get("skipped", 0),
        size=number.get("size", 0), exit=number.get("exit", 0), on_error=f["on_error"], source=f["source"],
        parent=f["parent"], error=ErrorInfo(f["error_type"], f["error"]) if f["error_type"] else None,
        failed_job=job_id(workflow_id, number["error_at"]) if "error_at" in number else None,
        version=number.get("version", 0), paused=number.get("paused") or None, live=number.get("live", 0),
    )  # fmt: skip


def _node(workflow_id: str, number: int, record: dict[str, Any], mark: str, job: Job | None) -> NodeInfo:
    is_join = "members" in record
    before = record.get("before")
    return NodeInfo(
        number=number,
        id=job_id(workflow_id, number),
        kind="join" if is_join else "job",
        function="" if is_join else str(record.get("function", "")),
        state=job.state.value if job else MARKS.get(mark, "waiting"),
        needs=[int(n) for n in record["members"]] if is_join else ([int(before)] if before is not None else []),
        members=len(record["members"]) if is_join else 0,
        job=job,
    )
