"""The verbs, typed: one async function per Lua file, its number turned into an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from .acting import Acting, Answer
from .client import Client
from .errors import (
    JobExists,
    JobNotFound,
    KeyReused,
    PayloadGone,
    WorkerNotFound,
    WorkflowNotFound,
    WrongState,
)
from .graph import Graph
from .job import Outcome, State
from .keys import Keys
from .said import Said
from .scripts import Script, register
from .steering import Steering
from .tags import written

#: Nodes of a workflow or jobs of a bulk submission that go into one call.
MAX_SUBMITTED = 500
#: Jobs in one call of progress or mark: a longer one would hold Redis for milliseconds (research/perf.md).
MAX_BATCH = 100
#: Artefacts that one job may have.
MAX_ARTEFACTS = 50


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
            "timeout": _seconds(self.timeout),
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


class Commands(Steering, Acting):
    """All verbs over one client that it does not own. Every method is one atomic call."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._scripts: dict[str, Script] = {}
        self._claims = 0

    async def _call(self, verb: str, *args: Any) -> Any:
        script = self._scripts.get(verb)
        if script is None:
            script = self._scripts[verb] = register(self._redis, verb)
        return await script(args=[self.keys.prefix, *args])

    # Asked by people and programs

    async def submit(self, s: Submission) -> Submitted:
        """Queue a job. Raises JobExists, or KeyReused when the idempotency key belongs to another request."""
        [answer] = await self.submit_many([s])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def submit_many(self, submissions: Sequence[Submission]) -> list[Submitted | JobExists | KeyReused]:
        """Queue jobs, MAX_SUBMITTED in one call. Each has its own answer; one that is refused stops no other."""
        answers: list[Submitted | JobExists | KeyReused] = []
        for start in range(0, len(submissions), MAX_SUBMITTED):
            batch = submissions[start : start + MAX_SUBMITTED]
            args: list[Any] = []
            for s in batch:
                more = {"nonce": s.nonce, "fingerprint": s.fingerprint}
                args += [s.payload, json.dumps({**s.description(), **more})]
            codes = await self._call("submit", *args)
            answers += [_submitted(s, code, raw_id) for s, (code, raw_id) in zip(batch, codes, strict=True)]
        return answers

    async def retry(self, job_id: str, *, batch: str = "") -> bool:
        """Run a failed or aborted job again. Whether it can be undone: with a `batch` it starts RETRY_DELAY_MS later
        and until then it can, but for a step of a workflow. Raises JobNotFound, WrongState, PayloadGone or
        JobExists."""
        match (await self.retry_each([job_id], batch=batch))[job_id]:
            case Answer.GONE:
                raise JobNotFound(job_id)
            case Answer.LOST_CALL:
                raise PayloadGone(job_id)
            case Answer.TAKEN:
                raise JobExists(job_id)
            case answer if not answer.is_done:
                raise await self._wrong_state(job_id, "retry", Said("Only a failed or aborted job can be retried."))
            case answer:
                return answer is Answer.UNDOABLE

    async def retry_many(self, job_ids: Sequence[str]) -> int:
        """Run those of these jobs again that failed or were aborted and can be. Returns how many."""
        return sum(answer.is_done for answer in (await self.retry_each(job_ids)).values())

    async def abort(self, job_id: str, by: str = "") -> State:
        """End a job. ABORTED when it was waiting, RUNNING when its worker has been asked to cancel it.

        Raises JobNotFound, or WrongState when it has ended.
        """
        match (await self.abort_each([job_id], by=by))[job_id]:
            case Answer.DONE:
                return State.ABORTED
            case Answer.ASKED:
                return State.RUNNING
            case Answer.GONE:
                raise JobNotFound(job_id)
            case _:
                raise await self._wrong_state(job_id, "abort", Said("It has ended, there is nothing to abort."))

    async def discard(self, job_id: str, *, batch: str = "") -> bool:
        """Delete a job that does not run. Whether it can be undone: with a `batch` it can for UNDO_MS, but for a
        waiting step of a workflow. Raises JobNotFound, or WrongState when it runs."""
        match (await self.discard_each([job_id], batch=batch))[job_id]:
            case Answer.GONE:
                raise JobNotFound(job_id)
            case answer if not answer.is_done:
                raise await self._wrong_state(job_id, "delete", Said("Abort it first."))
            case answer:
                return answer is Answer.UNDOABLE

    async def pause_job(self, job_id: str) -> None:
        """Let a running job stop before its next chunk. Raises JobNotFound, or WrongState where it can't."""
        await self._hold_job(job_id, "pause", 1)

    async def resume_job(self, job_id: str) -> None:
        """Let a paused job go on. Raises JobNotFound, or WrongState when it does not run."""
        await self._hold_job(job_id, "resume", 0)

    async def _hold_job(self, job_id: str, action: str, wanted: int) -> None:
        match await self._call("pause_job", job_id, wanted):
            case -1:
                raise JobNotFound(job_id)
            case -2:
                raise await self._wrong_state(job_id, action, Said("Only a running job can be paused and resumed."))
            case -3:
                raise await self._wrong_state(
                    job_id, action, Said("It has no chunks, and a job is paused between two.")
                )
            case _:
                return

    async def pause(self, kind: Literal["queue", "function"], name: str) -> bool:
        """Start nothing of a queue or a function until it is resumed. False when it was paused already."""
        return bool(await self._call("pause", kind, name, 1))

    async def resume(self, kind: Literal["queue", "function"], name: str) -> bool:
        """Let a queue or a function go on. False when it was not paused."""
        return bool(await self._call("pause", kind, name, 0))

    async def drain(self, worker: str) -> None:
        """Let a worker finish what it runs and claim no more. Raises WorkerNotFound."""
        if await self._call("drain", worker, 1) == -1:
            raise WorkerNotFound(worker)

    async def undrain(self, worker: str) -> None:
        """Let a drained worker claim again. Raises WorkerNotFound."""
        if await self._call("drain", worker, 0) == -1:
            raise WorkerNotFound(worker)

    # Workflows

    async def begin(
        self,
        graph: Graph,
        *,
        workflow_id: str | None = None,
        once: str = "",
        fingerprint: str = "",
        keep: int = 10_000,
        keep_ms: int = 7 * 86_400_000,
    ) -> Submitted:
        """Start a workflow. One call for MAX_SUBMITTED of its nodes; nothing runs before the last.

        Raises KeyReused when the idempotency key belongs to another request.
        """
        wf = workflow_id or uuid4().hex
        for start in range(0, len(graph.nodes), MAX_SUBMITTED):
            args: list[Any] = []
            for number, node in enumerate(graph.nodes[start : start + MAX_SUBMITTED], start):
                args += [number, node.record(), node.call.payload if node.call else b""]
            await self._call("stage", wf, *args)
        told = {**graph.description(), "once": once, "fingerprint": fingerprint}
        code, raw_id = await self._call("begin", wf, json.dumps(told), keep, keep_ms)
        if code == -3:
            raise KeyReused(once)
        if code == -1:
            raise RuntimeError(f'workflow "{wf}" lost its staged nodes before it began')
        return Submitted(raw_id.decode(), is_new=code == 1)

    async def flows_under_way(self) -> tuple[int, int]:
        """How many workflows have jobs to be enqueued, and how many have ended and jobs to be ended."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.scard(self.keys.launching)
        pipe.scard(self.keys.stopping)
        launching, stopping = await pipe.execute()
        return int(launching), int(stopping)

    async def launch(self) -> int:
        """Enqueue jobs of wide workflows whose turn has come. Returns how many are left."""
        return int(await self._call("launch", MAX_SUBMITTED))

    async def sweep(self) -> int:
        """End the jobs of workflows that have ended. Returns how many workflows are not done with."""
        return int(await self._call("sweep", MAX_SUBMITTED))

    async def abort_workflow(self, workflow_id: str, by: str = "") -> None:
        """End a workflow and its jobs. Raises WorkflowNotFound, or WrongState when it has ended."""
        match await self._call("abort_workflow", workflow_id, by):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(workflow_id, "abort", Said("It has ended, there is nothing to abort."))
            case _:
                while await self.sweep():
                    pass

    async def retry_workflow(self, workflow_id: str) -> int:
        """Run the failed and aborted jobs of a workflow again. Returns how many.

        Raises WorkflowNotFound, or WrongState where nothing has failed.
        """
        at, queued = 0, 0
        while at >= 0:
            at, now, _gone = await self._call("retry_workflow", workflow_id, at, MAX_SUBMITTED)
            queued += now
        if at == -2:
            raise WorkflowNotFound(workflow_id)
        if at == -3:
            raise await self._wrong_workflow(workflow_id, "retry", Said("None of its jobs has failed or was aborted."))
        return queued

    async def pause_workflow(self, workflow_id: str) -> None:
        """Start nothing of a workflow until it is resumed; what runs goes on. Raises WorkflowNotFound, or WrongState
        when it has ended."""
        await self._hold_workflow(workflow_id, "pause", 1)

    async def resume_workflow(self, workflow_id: str) -> None:
        """Let a paused workflow go on. Raises WorkflowNotFound, or WrongState when it has ended."""
        await self._hold_workflow(workflow_id, "resume", 0)

    async def _hold_workflow(self, workflow_id: str, action: str, wanted: int) -> None:
        match await self._call("pause_workflow", workflow_id, wanted):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(
                    workflow_id, action, Said("It has ended; only a running one can be held.")
                )
            case _:
                return

    async def forget_workflow(self, workflow_id: str) -> None:
        """Delete a workflow that is over; its jobs stay. Raises WorkflowNotFound or WrongState."""
        match await self._call("forget_workflow", workflow_id):
            case -1:
                raise WorkflowNotFound(workflow_id)
            case -2:
                raise await self._wrong_workflow(workflow_id, "delete", Said("Abort it first."))
            case -3:
                raise await self._wrong_workflow(workflow_id, "delete", Said("Some of its jobs have not ended yet."))
            case _:
                return

    async def _wrong_workflow(self, workflow_id: str, action: str, hint: str) -> WrongState:
        state = await self._redis.hget(self.keys.workflow(workflow_id), "state")
        return WrongState(workflow_id, action, (state or b"gone").decode(errors="replace"), hint, kind="workflow")

    async def promote(self, limit: int = 200) -> int:
        """Call deferred jobs whose time has come queued. Returns how many there were."""
        return int(await self._call("promote", limit))

    async def _wrong_state(self, job_id: str, action: str, hint: str) -> WrongState | JobNotFound:
        state = await self._redis.hget(self.keys.job(job_id), "state")
        return WrongState(job_id, action, state.decode(errors="replace"), hint) if state else JobNotFound(job_id)

    async def deploy(self, release: str) -> tuple[bool, int]:
        """Mark that a release runs from now on. Whether it is new, and since when (ms) it runs."""
        code, time = await self._call("deploy", release)
        return code == 1, int(time)

    # Asked by workers

    async def adopt(self, queue: str, jobs: Sequence[Adoption]) -> int:
        """Make records of jobs that stock `enqueue_job` queued."""
        args: list[Any] = []
        for j in jobs:
            args += [j.job_id, j.function, j.args, j.kwargs, j.enqueued]
            args += [j.max_tries, _seconds(j.timeout), int(j.unique), written(j.tags)]
        return int(await self._call("adopt", queue, *args))

    async def claim(
        self, queue: str, worker: str, want: int, *, lease_ms: int, max_crashes: int, takes_suspect: bool = True
    ) -> Claim:
        """Start up to `want` due jobs of a queue. Tokens are unique as long as the worker's id is.

        A suspect has crashed workers as often as is just allowed; see `Claimed.crashes` and claim.lua.
        """
        self._claims += 1
        claimed, foreign = await self._call(
            "claim", queue, worker, lease_ms, want, max_crashes, self._claims, int(takes_suspect)
        )
        return Claim([_claimed(row) for row in claimed], [(i.decode(errors="replace"), blob) for i, blob in foreign])

    async def progress(self, reports: Sequence[Report]) -> list[bool]:
        """Write progress; False where the attempt does not own its job any more. At most MAX_BATCH at a time."""
        codes = await self._call("progress", *(a for r in reports for a in r.argv()))
        return [code == 1 for code in codes]

    async def mark(self, reports: Sequence[ChunkReport]) -> list[int]:
        """Write chunk marks; 0 where the attempt does not own its job any more, else 1 and how often chunks of it were
        skipped meanwhile."""
        return list(await self._call("mark", *(a for r in reports for a in r.argv())))

    async def chunk_marks(self, job_id: str) -> str:
        """One letter per chunk, as Redis has them."""
        return ((await self._redis.get(self.keys.chunks(job_id))) or b"").decode("ascii", "replace")

    async def log(self, reports: Sequence[LogReport], *, keep: int) -> list[bool]:
        """Write log lines, of each job the last `keep`; False where the attempt does not own its job any more."""
        codes = await self._call("log", keep, *(a for r in reports for a in r.argv()))
        return [code == 1 for code in codes]

    async def artefact(self, r: ArtefactReport) -> int:
        """Keep an artefact. Its number (from 1), 0 where the attempt does not own its job, -1 where it is too many."""
        return int(
            await self._call("artefact", r.job_id, r.token, r.name, r.type, r.url, len(r.data), MAX_ARTEFACTS, r.data)
        )

    async def finish(self, ended: Sequence[Ended], *, keep_jobs: int, keep_jobs_ms: int) -> list[bool]:
        """Write ends of jobs; False where another attempt owns the job and this end was discarded."""
        passed_on = [e.passed_on for e in ended if e.passed_on]
        numbers = iter(range(len(ended) + 1, len(ended) + 1 + len(passed_on)))
        told = json.dumps([e.told(next(numbers) if e.passed_on else 0) for e in ended])
        codes = await self._call("finish", keep_jobs, keep_jobs_ms, told, *(e.result for e in ended), *passed_on)
        return [code > 0 for code in codes]

    async def retry_later(self, later: Sequence[Later]) -> list[bool]:
        """End attempts whose jobs run again; False where the attempt does not own its job any more."""
        codes = await self._call("retry_later", *(a for entry in later for a in entry.argv()))
        return [code > 0 for code in codes]


def renew_args(
    keys: Keys, worker: str, queue: str, *, lease_ms: int, record: dict[str, Any], tokens: dict[str, str]
) -> list[Any]:
    """ARGV of the heartbeat, which a thread sends with its own client (see lease.py)."""
    fields = [part for pair in record.items() for part in pair]
    running = [part for pair in tokens.items() for part in pair]
    return [keys.prefix, worker, lease_ms, queue, len(record), *fields, *running]


def parse_renewal(reply: Any) -> Renewal:
    lost, abort, watched, paused, draining, asked = reply
    return Renewal(_texts(lost), _texts(abort), watched == 1, _texts(paused), draining == 1, _questions(asked))


def _questions(asked: bytes) -> list[tuple[str, str]]:
    """What can't be read was written by nobody of ours, and must not end a heartbeat."""
    try:
        return [(str(job_id), str(answer)) for job_id, answer in json.loads(asked)] if asked else []
    except (ValueError, TypeError):
        return []


def _texts(raw: list[bytes]) -> list[str]:
    return [text.decode(errors="replace") for text in raw]


def _submitted(s: Submission, code: int, raw_id: bytes) -> Submitted | JobExists | KeyReused:
    match code:
        case -1:
            return JobExists(s.job_id)
        case -3:
            return KeyReused(s.once)
        case _:
            return Submitted(raw_id.decode(errors="replace"), is_new=code == 1)


def _claimed(row: list[Any]) -> Claimed:
    raw_id, payload, token, job_try, run_at, flag, total, size, items, marks, crashes, *more = row
    options, workflow, node, source, paused, only = more
    return Claimed(
        job_id=raw_id.decode(errors="replace"), payload=payload, token=token.decode(), job_try=job_try, run_at=run_at,
        is_aborted=flag == 1, has_crashed_often=flag == 2, chunk_total=total, chunk_size=size, chunk_items=items,
        marks=marks.decode("ascii", "replace"), crashes=crashes, has_expired=flag == 3, has_no_workflow=flag == 4,
        options=options.decode(errors="replace"), workflow=workflow.decode(errors="replace"), node=int(node or -1),
        source=source.decode(errors="replace"), is_paused=paused == 1, only_failed=only == b"f",
    )  # fmt: skip


def _seconds(timeout: float | None) -> str:
    return "" if timeout is None else f"{timeout:g}"
