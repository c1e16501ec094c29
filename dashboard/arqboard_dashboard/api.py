"""The JSON API, version 1: the same reader and the same verbs as the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arqboard.protocol import State
from arqboard.protocol.signature import MAX_DEPTH
from arqboard.submitting import submit as submit_job

from . import strictjson
from .appkeys import COMMANDS, OVERVIEW, READER
from .errors import BadInput
from .guard import MAX_BODY, read_body
from .jsonviews import function_json, job_json, looked_json, queue_json, worker_json
from .listquery import query_of
from .pages.job import id_of, readable
from .place import job_resource
from .submission import MAX_DEFER, Options, known_function

#: Levels around the arguments in the body of a submission: the object, and `args` or `kwargs` in it.
_AROUND = 2


Body = TypeVar("Body", bound=BaseModel)


class NewJob(BaseModel):
    """The body of `POST /api/v1/jobs`. `defer_by` is in seconds; a higher `priority` (0 to 9) starts first; one job at
    a time has a `unique_key`; `retry_of` links a job to the failed one that it stands in for; `timeout` is in seconds;
    `tags` come beside those of the function.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    function: Annotated[str, Field(min_length=1, max_length=500)]
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    queue: str | None = None
    job_id: str | None = None
    defer_by: float | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None
    unique_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    retry_of: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    max_tries: Annotated[int, Field(ge=1, le=1000)] | None = None
    timeout: Annotated[float, Field(gt=0, le=MAX_DEFER)] | None = None
    tags: list[str] = []


async def submit(request: web.Request) -> web.Response:
    """Queue a job. With an `Idempotency-Key` a repeated request is answered with the first one's job."""
    wanted = await _new_job(request)
    info = await known_function(request.app, wanted.function)
    options = await Options.of(
        request.app, info, queue=wanted.queue, job_id=wanted.job_id, defer_by=wanted.defer_by, tags=wanted.tags
    )
    done = await submit_job(
        request.app[COMMANDS], info, wanted.args, wanted.kwargs, queue=options.queue, job_id=options.job_id,
        defer_by=options.defer_by, once=idempotency_key(request), source="api", priority=wanted.priority,
        unique_key=wanted.unique_key, retry_of=wanted.retry_of, max_tries=wanted.max_tries, timeout=wanted.timeout,
        tags=options.tags,
    )  # fmt: skip
    state = State.DEFERRED if options.defer_by else State.QUEUED
    if not done.is_new:
        state = (await readable(request.app[READER], done.job_id)).state
    return _accepted(request, done.job_id, state, repeated=not done.is_new)


async def jobs(request: web.Request) -> web.Response:
    """A page of the list. `next` goes into `after` of the next request, `previous` into `before`; null at the ends."""
    found = await request.app[READER].page(query_of(request.query))
    jobs = [job_json(request.app, job) for job in found.jobs]
    told = {"jobs": jobs, "next": found.next, "previous": found.previous, "total": found.total}
    return json_answer({**told, "looked": looked_json(found.looked)})


async def job(request: web.Request) -> web.Response:
    """One job. Who asks about a running one looks at it, so its worker reports at full rate from now on."""
    reader = request.app[READER]
    found = await readable(reader, id_of(request))
    if found.state is State.RUNNING:
        await request.app[OVERVIEW].looking.get()
    return json_answer(job_json(request.app, found, await reader.attempts(found)))


async def retry(request: web.Request) -> web.Response:
    job_id = id_of(request)
    await request.app[COMMANDS].retry(job_id)
    return _accepted(request, job_id, State.QUEUED)


async def abort(request: web.Request) -> web.Response:
    """State `aborted` when the job was waiting, `running` when its worker has been asked to cancel it."""
    job_id = id_of(request)
    return _accepted(request, job_id, await request.app[COMMANDS].abort(job_id, by=request.remote or ""))


async def delete(request: web.Request) -> web.Response:
    await request.app[COMMANDS].discard(id_of(request))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def functions(request: web.Request) -> web.Response:
    reader = request.app[READER]
    found, paused = await asyncio.gather(reader.functions(), reader.paused("function"))
    return json_answer({"functions": [function_json(info, paused.get(name)) for name, info in found.items()]})


async def queues(request: web.Request) -> web.Response:
    return json_answer({"queues": [queue_json(queue) for queue in await request.app[READER].queues()]})


async def workers(request: web.Request) -> web.Response:
    return json_answer({"workers": [worker_json(worker) for worker in await request.app[READER].workers()]})


async def healthz(request: web.Request) -> web.Response:
    """Whether the dashboard can do its work; open to all, so nothing more is said."""
    async with asyncio.timeout(2):
        await request.app[OVERVIEW].ping()
    return json_answer({"status": "ok"})


async def _new_job(request: web.Request) -> NewJob:
    return await body_of(request, NewJob, '{"function": "resize", "kwargs": {"width": 200}}')


async def body_of(request: web.Request, model: type[Body], example: str) -> Body:
    """The body as the model wants it. Raises BadInput, which names the key that is wrong."""
    body = await json_body(request)
    if not isinstance(body, Mapping):
        raise BadInput(f"The body has to be a JSON object like {example}.", status=422)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:100]
        raise BadInput(f"{name}: {_said(first, model)}", code="bad_request", field=name, status=422) from None


def _said(problem: Any, model: type[BaseModel]) -> str:
    if problem["type"] == "extra_forbidden":
        return f"there is no such key; there are {', '.join(model.model_fields)}"
    return "is required" if problem["type"] == "missing" else str(problem["msg"])


async def json_body(request: web.Request, *, max_depth: int = MAX_DEPTH + _AROUND, most: int = MAX_BODY) -> Any:
    """The body as JSON. Raises BadInput, which says what is wrong with it and where."""
    body = await read_body(request, most=most)
    try:
        if len(body) <= MAX_BODY:
            return strictjson.parse(body, max_depth=max_depth)
        return await asyncio.to_thread(strictjson.parse, body, max_depth=max_depth)
    except strictjson.BadJson as error:
        raise BadInput(f"The body is not JSON that is taken here: {error}.", code="bad_json") from None


def idempotency_key(request: web.Request) -> str | None:
    """The idempotency key, if there is one."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 200 or not key.isascii() or not key.isprintable():
        raise BadInput("An Idempotency-Key has at most 200 printable ASCII characters.", field="Idempotency-Key")
    return key or None


def _accepted(request: web.Request, job_id: str, state: State, **more: Any) -> web.Response:
    url = job_resource(request.app, job_id)
    return json_answer({"id": job_id, "state": state.value, "url": url, **more}, HTTPStatus.ACCEPTED, {"Location": url})


def json_answer(value: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=strictjson.shown(value), status=status, content_type="application/json", headers=headers)
