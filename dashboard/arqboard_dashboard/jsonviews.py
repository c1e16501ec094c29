"""What the API says of each thing: plain JSON values, times as ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from arqboard.protocol import (
    Attempt,
    ChunkCounts,
    ErrorInfo,
    FunctionInfo,
    Job,
    Parameter,
    QueueInfo,
    Unreadable,
    WorkerInfo,
)
from arqboard.protocol.listing import Looked
from arqboard.protocol.phases import Phase

from .place import job_resource

Json = dict[str, Any]


def job_json(app: web.Application, job: Job | Unreadable, attempts: Sequence[Attempt] | None = None) -> Json:
    """One job. `attempts`, the newest last, are for the job's own address; in lists only their number is known."""
    if isinstance(job, Unreadable):
        return {"id": job.id, "state": "unreadable", "why": job.why, "url": job_resource(app, job.id)}
    told: Json = {
        "id": job.id,
        "function": job.function,
        "queue": job.queue,
        "state": job.state.value,
        "args": job.args,
        "kwargs": job.kwargs,
        "progress": progress_json(job),
        "tries": job.tries,
        "max_tries": job.max_tries,
        "result": job.result,
        "error": error_json(job.error, detail=attempts is not None),
        "worker": job.worker or None,
        "abort_requested": iso(job.abort_requested),
        "paused": iso(job.paused),
        "priority": job.priority,
        "tags": list(job.tags),
        "workflow": job.workflow or None,
        "parent": job.parent or None,
        "retry_of": job.retry_of or None,
        "retried_as": job.retried_as or None,
        "times": {
            "enqueued": iso(job.enqueued),
            "run_at": iso(job.run_at),
            "started": iso(job.started),
            "ended": iso(job.ended),
        },
        "url": job_resource(app, job.id),
    }
    if attempts is not None:
        told["attempts"] = [attempt_json(attempt) for attempt in attempts]
        told["phases"] = [phase_json(phase) for phase in job.phases]
        told["log_lines"] = job.log_lines
        told["artefacts"] = job.artefacts
    return told


def looked_json(looked: Looked | None) -> Json | None:
    """How far a search has looked; null for a list that an index answers."""
    if looked is None:
        return None
    return {"count": looked.count, "back_to": iso(looked.back_to), "is_over": looked.is_over}


def progress_json(job: Job) -> Json:
    """Always the same keys: zeros and nulls until the job has said how far it is."""
    p = job.progress
    c = job.chunks or ChunkCounts(0, 0, 0, 0, 0)
    return {
        "done": p.done if p else 0,
        "total": p.total if p else None,
        "unit": p.unit if p else "",
        "note": p.note if p else "",
        "phase": p.phase if p else "",
        "percent": p.percent if p else None,
        "rate": p.rate if p else None,
        "left_seconds": p.left_seconds if p else None,
        "chunks": {
            "done": c.done,
            "failed": c.failed,
            "running": c.running,
            "skipped": c.skipped,
            "waiting": c.waiting,
            "total": c.total,
        },
    }


def phase_json(phase: Phase) -> Json:
    return {
        "name": phase.name,
        "state": phase.state.value,
        "done": phase.done,
        "total": phase.total,
        "unit": phase.unit,
        "started": iso(phase.started),
        "ended": iso(phase.ended),
    }


def attempt_json(attempt: Attempt) -> Json:
    return {
        "number": attempt.number,
        "started": iso(attempt.started),
        "ended": iso(attempt.ended),
        "worker": attempt.worker,
        "outcome": attempt.outcome and attempt.outcome.value,
        "error": error_json(attempt.error, detail=True),
    }


def error_json(error: ErrorInfo | None, *, detail: bool) -> Json | None:
    """In lists the traceback is not read, so it is null; else it is text, "" where there was none."""
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback if detail else None}


def function_json(info: FunctionInfo, paused: int | None = None) -> Json:
    return {
        "name": info.name,
        "doc": info.doc,
        "signature": info.signature,
        "parameters": [parameter_json(parameter) for parameter in info.parameters],
        "queue": info.queue or None,
        "max_tries": info.max_tries,
        "timeout": info.timeout,
        "soft_timeout": info.soft_timeout,
        "priority": info.priority,
        "concurrency": info.concurrency,
        "rate": info.rate or None,
        "run_in": info.run_in,
        "expires": info.expires,
        "ignore_result": info.ignore_result,
        "tags": info.tags,
        "paused": iso(paused),
    }


def parameter_json(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "kind": parameter.kind,
        "required": parameter.required,
        "default": parameter.default,
        "schema": parameter.json_schema,
    }


def queue_json(queue: QueueInfo) -> Json:
    return {
        "name": queue.name,
        "queued": queue.queued,
        "running": queue.running,
        "deferred": queue.deferred,
        "retrying": queue.retrying,
        "oldest": iso(queue.oldest),
        "paused": iso(queue.paused),
    }


def worker_json(worker: WorkerInfo) -> Json:
    return {
        "id": worker.id,
        "pid": worker.pid,
        "host": worker.host,
        "queue": worker.queue,
        "slots": worker.slots,
        "running": worker.running,
        "busy": len(worker.running),
        "functions": worker.functions,
        "alive": worker.alive,
        "draining": worker.draining,
        "started": iso(worker.started),
        "seen": iso(worker.seen),
        "done": worker.done,
        "failed": worker.failed,
        "version": worker.version,
        "arq": worker.arq,
        "python": worker.python,
        "release": worker.release or None,
        "lag_ms": worker.lag_ms,
        "rss": worker.rss,
    }


def iso(ms: int | None) -> str | None:
    """A time in ms since 1970; None where there is none, or none that a calendar has."""
    if not ms:
        return None
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
