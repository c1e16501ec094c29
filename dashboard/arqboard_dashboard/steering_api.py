"""The JSON API of what people do to one job: its chunks, its time, where it stands, and what it submitted."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from arqboard.protocol import State, Unreadable
from arqboard.protocol.stacks import WITHIN, StackFrame, stack_of
from arqboard.protocol.steering import MAX_DELAY_MS, Which

from .api import body_of, json_answer
from .appkeys import COMMANDS, PATIENT_REDIS, READER
from .errors import BadInput
from .inside_parts import children_of
from .jsonviews import Json, iso, job_json
from .pages.job import id_of, readable
from .parameters import time_of
from .place import job_resource, workflow_resource

_STRICT = ConfigDict(strict=True, extra="forbid")


class RetryChunks(BaseModel):
    """The body of `POST /api/v1/jobs/{id}/chunks/retry`."""

    model_config = _STRICT

    only_failed: bool = False


class SkipChunks(BaseModel):
    """The body of `POST /api/v1/jobs/{id}/chunks/skip`: chunks by their numbers (from 1), or all of a kind."""

    model_config = _STRICT

    which: Which | None = None
    numbers: Annotated[list[Annotated[int, Field(ge=1, le=10**9)]], Field(min_length=1, max_length=10_000)] | None = (
        None
    )


class Reschedule(BaseModel):
    """The body of `POST /api/v1/jobs/{id}/reschedule`: a time (ISO 8601), or a delay in seconds; 0 is now."""

    model_config = _STRICT

    at: str | None = None
    delay: Annotated[float, Field(ge=0, le=MAX_DELAY_MS / 1000)] | None = None


async def retry_chunks(request: web.Request) -> web.Response:
    """Run a job that has ended again for the chunks that are left, or those only that failed."""
    job_id = id_of(request)
    wanted = await _body(request, RetryChunks, '{"only_failed": true}')
    await request.app[COMMANDS].retry_chunks(job_id, only_failed=wanted.only_failed)
    url = job_resource(request.app, job_id)
    told = {"id": job_id, "state": State.QUEUED.value, "url": url}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


async def skip_chunks(request: web.Request) -> web.Response:
    """Let chunks that failed or wait never run."""
    job_id = id_of(request)
    wanted = await body_of(request, SkipChunks, '{"which": "failed"} or {"numbers": [3, 4]}')
    one_of("which", wanted.which, "numbers", wanted.numbers)
    skipped = await request.app[COMMANDS].skip_chunks(job_id, wanted.which or "open", wanted.numbers)
    return json_answer({"id": job_id, "skipped": skipped, "url": job_resource(request.app, job_id)})


async def reschedule(request: web.Request) -> web.Response:
    """Another time for a job that waits."""
    job_id = id_of(request)
    wanted = await body_of(request, Reschedule, '{"delay": 600} or {"at": "2026-12-01T08:00:00Z"}')
    one_of("at", wanted.at, "delay", wanted.delay)
    at_ms = None if wanted.at is None else time_of(wanted.at)
    await request.app[COMMANDS].reschedule(job_id, at_ms=at_ms, delay_ms=round((wanted.delay or 0) * 1000))
    job = await readable(request.app[READER], job_id)
    url = job_resource(request.app, job_id)
    told = {"id": job_id, "state": job.state.value, "run_at": iso(job.run_at), "url": url}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


async def stack(request: web.Request) -> web.Response:
    """Where a running job stands, as its worker says; 504 where none answers."""
    job_id = id_of(request)
    found = await stack_of(request.app[COMMANDS], request.app[PATIENT_REDIS], job_id)
    if found is None:
        raise BadInput(f'No worker answered for job "{job_id}" within {WITHIN:g} s.', code="no_answer", status=504)
    beside = [{"name": name, "frames": _frames(frames)} for name, frames in found.beside]
    told = {"kind": found.kind, "frames": _frames(found.frames), "beside": beside, "blocked": _frames(found.blocked)}
    return json_answer(told)


async def children(request: web.Request) -> web.Response:
    """Jobs and workflows that a job submitted, the newest first; at most 20 are told, `total` counts all known."""
    job_id = id_of(request)
    await readable(request.app[READER], job_id)
    found = await children_of(request.app, job_id)
    flows = [
        {"id": flow.id, "name": flow.name, "state": flow.state.value, "url": workflow_resource(request.app, flow.id)}
        for flow in found.workflows
    ]
    jobs = [job_json(request.app, job) for job in found.jobs if not isinstance(job, Unreadable)]
    return json_answer({"jobs": jobs, "workflows": flows, "total": found.total})


def one_of(name: str, value: object, other: str, other_value: object) -> None:
    """Raise BadInput unless exactly one of two keys of a body is there: nothing is done to chunks nobody named."""
    if (value is None) == (other_value is None):
        raise BadInput(f"{name} or {other}: give one of them", field=name, status=422)


async def _body(request: web.Request, model: type[RetryChunks], example: str) -> RetryChunks:
    """The body, or what an empty one stands for."""
    return await body_of(request, model, example) if request.can_read_body else model()


def _frames(frames: list[StackFrame]) -> list[Json]:
    return [{"file": f.file, "line": f.line, "function": f.function, "source": f.source} for f in frames]
