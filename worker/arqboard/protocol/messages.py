"""What the verbs are told, and what they answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .job import Outcome
from .tags import written

#: Nodes of a workflow or jobs of a bulk submission that go into one call.
MAX_SUBMITTED = 500


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be queued. `payload` is what workers load; `args` and `kwargs` are JSON previews.

    `expires_ms` is how long it may wait beyond its deferral (None: for ever), `options` JSON of what this call
    overrides, `priority` 0 to 9 (higher first), `unique` a key that one job at a time holds, or, with `window_ms`, one
    job in that time, `tags` what `tags_of` returns.
    """

    function: str
    queue: str
    payload: bytes
    args: str = "[]"
    kwargs: str = "{}"
    job_id: str = field(default_factory=lambda: uuid4().hex)
    defer_ms: int = 0
    expires_ms: int | None = None
    once: str = ""
    fingerprint: str = ""
    source: str = ""
    max_tries: int = 5
    timeout: float | None = None
    nonce: str = field(default_factory=lambda: uuid4().hex)
    options: str = ""
    priority: int = 0
    unique: str = ""
    window_ms: int = 0
    parent: str = ""
    retry_of: str = ""
    tags: tuple[str, ...] = ()

    def description(self) -> dict[str, Any]:
        """What the verbs are told beside the payload (see submit.lua and _workflow.lua)."""
        told: dict[str, Any] = {
            "id": self.job_id, "function": self.function, "queue": self.queue, "args": self.args,
            "kwargs": self.kwargs, "defer": self.defer_ms, "source": self.source, "max_tries": self.max_tries,
            "timeout": seconds_text(self.timeout),
        }  # fmt: skip
        given = {
            "expires": self.expires_ms, "once": self.once, "options": self.options, "priority": self.priority,
            "unique": self.unique, "window": self.window_ms, "parent": self.parent, "retry_of": self.retry_of,
            "tags": written(self.tags),
        }  # fmt: skip
        told.update({name: value for name, value in given.items() if value})
        return told


@dataclass(frozen=True, slots=True)
class Submitted:
    """Where a submission went. `is_new` is false when the job of that id had been accepted before, under the same
    idempotency key, or holds the same unique key."""

    job_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Adoption:
    """A job found in the queue without a record. `unique`: its id names this one run (cron)."""

    job_id: str
    function: str
    args: str
    kwargs: str
    enqueued: int
    max_tries: int = 5
    timeout: float | None = None
    unique: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that a worker now owns, by its token. Times in ms."""

    job_id: str
    payload: bytes
    token: str
    job_try: int
    run_at: int
    is_aborted: bool
    has_crashed_often: bool
    chunk_total: int
    chunk_size: int
    chunk_items: int
    marks: str
    crashes: int
    has_expired: bool = False
    has_no_workflow: bool = False
    options: str = ""
    workflow: str = ""
    node: int = -1
    source: str = ""
    is_paused: bool = False
    only_failed: bool = False
    """of its chunks those only that failed are to be run"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim brought: attempts to run, and jobs (id, payload) that must be adopted first."""

    jobs: list[Claimed]
    foreign: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Report:
    """Progress of one attempt."""

    job_id: str
    token: str
    done: int
    total: int | None
    unit: str
    note: str
    phase: str
    phases: str = ""
    """JSON of all phases where they changed; see Phase in job.py"""

    def argv(self) -> list[Any]:
        total = "" if self.total is None else self.total
        return [self.job_id, self.token, self.done, total, self.unit, self.note, self.phase, self.phases]


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """Marks of an attempt's chunks (index → letter), with the progress that follows from them.

    `ends` are duration in ms and error, or "", of chunks that ended.
    """

    report: Report
    total: int
    size: int
    items: int
    marks: dict[int, str]
    ends: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])

    def argv(self) -> list[Any]:
        marks = ",".join(f"{index}:{letter}" for index, letter in self.marks.items())
        ends = json.dumps([(index, *end) for index, end in self.ends.items()]) if self.ends else ""
        return [*self.report.argv(), self.total, self.size, self.items, marks, ends]


@dataclass(frozen=True, slots=True)
class LogReport:
    """Lines of one attempt: age in ms, level as number and name, logger, message. `sent` counts those before."""

    job_id: str
    token: str
    sent: int
    lines: list[tuple[int, int, str, str, str]]

    def argv(self) -> list[Any]:
        return [self.job_id, self.token, self.sent, json.dumps(self.lines)]


@dataclass(frozen=True, slots=True)
class ArtefactReport:
    """Something an attempt made: `data`, or a `url` where it is."""

    job_id: str
    token: str
    name: str
    type: str
    url: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job. `keep_result_ms`: -1 for ever, 0 not at all. `passed_on` is what its workflow goes on with."""

    job_id: str
    token: str
    outcome: Outcome
    result: bytes = b""
    keep_result_ms: int = 0
    preview: str = ""
    error_type: str = ""
    error: str = ""
    traceback: str = ""
    keep_lock_ms: int = 0
    passed_on: bytes = b""
    frame: str = ""
    """the innermost of the user's own code, as `module:function`, where the job has failed"""

    def told(self, passed_on: int) -> list[Any]:
        return [
            self.job_id, self.token, self.outcome.value, self.keep_result_ms, self.preview, self.error_type, self.error,
            self.traceback, self.keep_lock_ms, passed_on, self.frame,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Later:
    """An attempt that ended while its job goes on. A handed over one burns no try."""

    job_id: str
    token: str
    defer_ms: int
    outcome: Outcome
    error_type: str = ""
    error: str = ""
    traceback: str = ""

    def argv(self) -> list[Any]:
        burns = 1 if self.outcome is Outcome.RETRY else 0
        return [
            self.job_id, self.token, self.defer_ms, self.outcome.value, burns, self.error_type, self.error,
            self.traceback,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a heartbeat brought back."""

    lost: list[str]
    abort: list[str]
    is_watched: bool
    paused: list[str] = field(default_factory=list[str])
    is_draining: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """jobs whose stack somebody wants to see, and where the answer goes"""


def seconds_text(timeout: float | None) -> str:
    return "" if timeout is None else f"{timeout:g}"
