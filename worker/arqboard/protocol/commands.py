"""The verbs, typed: one async function per Lua file, its number turned into an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from .acting import Acting, Answer
from .client import Client
from .errors import JobExists, JobNotFound, KeyReused, PayloadGone, WorkerNotFound, WrongState
from .flowing import Flowing
from .job import State
from .keys import Keys
from .messages import (
    MAX_SUBMITTED,
    Adoption,
    ArtefactReport,
    ChunkReport,
    Claim,
    Claimed,
    Ended,
    Later,
    LogReport,
    Renewal,
    Report,
    Submission,
    Submitted,
    seconds_text,
)
from .said import Said
from .scripts import Verbs
from .steering import Steering
from .tags import written

__all__ = [
    "MAX_ARTEFACTS",
    "MAX_BATCH",
    "Adoption",
    "ArtefactReport",
    "ChunkReport",
    "Claim",
    "Claimed",
    "Commands",
    "Ended",
    "Later",
    "LogReport",
    "Renewal",
    "Report",
    "Submission",
    "Submitted",
    "parse_renewal",
    "renew_args",
]  # fmt: skip

#: Jobs in one call of progress or mark: a longer one would hold Redis for milliseconds.
MAX_BATCH = 100
#: Artefacts that one job may have.
MAX_ARTEFACTS = 50


class Commands(Steering, Flowing, Acting):
    """All verbs over one client that it does not own. Every method is one atomic call."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._verbs = Verbs(redis, self.keys.prefix)
        self._claims = 0

    async def _call(self, verb: str, *args: Any) -> Any:
        return await self._verbs(verb, *args)

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
            args += [j.max_tries, seconds_text(j.timeout), int(j.unique), written(j.tags)]
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
