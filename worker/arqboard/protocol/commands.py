"""The verbs, typed: one async function per Lua file, its number turned into an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .client import Client
from .errors import JobExists, JobNotFound, KeyReused, PayloadGone, WrongState
from .job import Outcome, State
from .keys import Keys
from .scripts import Script, register

#: How long a job may wait before it expires, beyond its deferral. arq's own default.
EXPIRES_MS = 86_400_000
#: Jobs in one call of progress or mark: a longer one would hold Redis for milliseconds (research/perf.md).
MAX_BATCH = 100


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be queued. `payload` is what workers load; `args` and `kwargs` are JSON previews."""

    function: str
    queue: str
    payload: bytes
    args: str = "[]"
    kwargs: str = "{}"
    job_id: str = field(default_factory=lambda: uuid4().hex)
    defer_ms: int = 0
    expires_ms: int = EXPIRES_MS
    once: str = ""
    fingerprint: str = ""
    source: str = ""
    max_tries: int = 5
    timeout: float | None = None
    nonce: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Submitted:
    """Where a submission went. `is_new` is false when it had been accepted before under the same key."""

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

    def argv(self) -> list[Any]:
        total = "" if self.total is None else self.total
        return [self.job_id, self.token, self.done, total, self.unit, self.note, self.phase]


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """Marks of an attempt's chunks (index → letter), with the progress that follows from them."""

    report: Report
    total: int
    size: int
    items: int
    marks: dict[int, str]

    def argv(self) -> list[Any]:
        marks = ",".join(f"{index}:{letter}" for index, letter in self.marks.items())
        return [*self.report.argv(), self.total, self.size, self.items, marks]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job. `keep_result_ms`: -1 for ever, 0 not at all."""

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

    def told(self) -> list[Any]:
        return [
            self.job_id, self.token, self.outcome.value, self.keep_result_ms, self.preview, self.error_type, self.error,
            self.traceback, self.keep_lock_ms,
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


class Commands:
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
        code, raw_id = await self._call(
            "submit", s.job_id, s.function, s.queue, s.payload, s.args, s.kwargs, s.defer_ms,
            s.expires_ms + s.defer_ms, s.once, s.fingerprint, s.source, s.max_tries, _seconds(s.timeout), s.nonce,
        )  # fmt: skip
        if code == -1:
            raise JobExists(s.job_id)
        if code == -3:
            raise KeyReused(s.once)
        return Submitted(raw_id.decode(), is_new=code == 1)

    async def retry(self, job_id: str, *, expires_ms: int = EXPIRES_MS) -> None:
        """Run a failed or aborted job again. Raises JobNotFound, WrongState, PayloadGone or JobExists."""
        match await self._call("retry", job_id, expires_ms):
            case -1:
                raise JobNotFound(job_id)
            case -2:
                raise await self._wrong_state(job_id, "retry", "Only a failed or aborted job can be retried.")
            case -3:
                raise PayloadGone(job_id)
            case -4:
                raise JobExists(job_id)
            case _:
                return

    async def abort(self, job_id: str, by: str = "") -> State:
        """End a job. ABORTED when it was waiting, RUNNING when its worker has been asked to cancel it.

        Raises JobNotFound, or WrongState when it has ended.
        """
        match await self._call("abort", job_id, by):
            case 1:
                return State.ABORTED
            case 2:
                return State.RUNNING
            case -1:
                raise JobNotFound(job_id)
            case _:
                raise await self._wrong_state(job_id, "abort", "It has ended, there is nothing to abort.")

    async def discard(self, job_id: str) -> None:
        """Delete a job that does not run. Raises JobNotFound, or WrongState when it runs."""
        match await self._call("discard", job_id):
            case 1:
                return
            case -1:
                raise JobNotFound(job_id)
            case _:
                raise await self._wrong_state(job_id, "delete", "Abort it first.")

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
            args += [j.max_tries, _seconds(j.timeout), int(j.unique)]
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

    async def mark(self, reports: Sequence[ChunkReport]) -> list[bool]:
        """Write chunk marks; False where the attempt does not own its job any more."""
        codes = await self._call("mark", *(a for r in reports for a in r.argv()))
        return [code == 1 for code in codes]

    async def finish(self, ended: Sequence[Ended], *, keep_jobs: int, keep_jobs_ms: int) -> list[bool]:
        """Write ends of jobs; False where another attempt owns the job and this end was discarded."""
        told = json.dumps([e.told() for e in ended])
        codes = await self._call("finish", keep_jobs, keep_jobs_ms, told, *(e.result for e in ended))
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
    lost, abort, watched = reply
    return Renewal([i.decode() for i in lost], [i.decode() for i in abort], is_watched=watched == 1)


def _claimed(row: list[Any]) -> Claimed:
    raw_id, payload, token, job_try, run_at, flag, total, size, items, marks, crashes = row
    return Claimed(
        job_id=raw_id.decode(errors="replace"), payload=payload, token=token.decode(), job_try=job_try, run_at=run_at,
        is_aborted=flag == 1, has_crashed_often=flag == 2, chunk_total=total, chunk_size=size, chunk_items=items,
        marks=marks.decode("ascii", "replace"), crashes=crashes,
    )  # fmt: skip


def _seconds(timeout: float | None) -> str:
    return "" if timeout is None else f"{timeout:g}"
