"""The JSON API of what people hold and let go: schedules, queues, functions, workers, jobs; and retry by filter."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol import Query, State, Unreadable
from arqboard.protocol.reader import MAX_PAGE
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard.protocol.schedule_record import ScheduleInfo, ScheduleRun

from .api import json_answer
from .appkeys import COMMANDS, OVERVIEW, READER, SCHEDULES
from .errors import BadInput
from .jsonviews import Json, iso
from .listquery import query_of
from .pages.job import id_of
from .place import job_resource
from .queue_board import unknown_queue
from .schedule_views import value_of
from .submission import known_function

#: Jobs that one request retries at most; the answer says how many are left.
MAX_RETRIED = 10_000


# Schedules


async def schedules(request: web.Request) -> web.Response:
    found = await request.app[SCHEDULES].all()
    return json_answer({"schedules": [schedule_json(info) for info in found]})


async def schedule(request: web.Request) -> web.Response:
    """One schedule, with its next five times and what became of the last hundred."""
    store, name = request.app[SCHEDULES], request.match_info["name"]
    told = schedule_json(await store.get(name))
    told["upcoming"] = [iso(ms) for ms in await store.upcoming(name, 5)]
    told["history"] = [_run_json(request.app, run) for run in await store.runs(name)]
    return json_answer(told)


async def run_schedule(request: web.Request) -> web.Response:
    """Run it now, beside its times, also while it is paused."""
    job_id = await request.app[SCHEDULES].run(request.match_info["name"])
    url = job_resource(request.app, job_id)
    told = {"id": job_id, "state": State.QUEUED.value, "url": url}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


async def pause_schedule(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    await request.app[SCHEDULES].pause(name)
    return json_answer({"name": name, "paused": True}, HTTPStatus.ACCEPTED)


async def resume_schedule(request: web.Request) -> web.Response:
    """It goes on from now; what it left out does not run."""
    name = request.match_info["name"]
    await request.app[SCHEDULES].resume(name)
    return json_answer({"name": name, "paused": False}, HTTPStatus.ACCEPTED)


async def delete_schedule(request: web.Request) -> web.Response:
    """Refused while it is in the code of a running worker."""
    await request.app[SCHEDULES].remove(request.match_info["name"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


def schedule_json(info: ScheduleInfo | Unreadable) -> Json:
    if isinstance(info, Unreadable):
        return {"name": info.id, "state": "unreadable", "why": info.why}
    return {
        "name": info.name,
        "spec": _spec_text(info.spec),
        "description": info.description,
        "next": iso(info.next),
        "last": iso(info.last),
        "paused": info.paused,
        "function": info.function,
        "queue": info.queue,
        "args": value_of(info.args),
        "kwargs": value_of(info.kwargs),
        "last_job": info.last_job or None,
        "catch_up": info.catch_up.value,
        "runs": info.runs,
        "missed": info.missed,
        "source": info.source,
        "orphaned": info.orphaned,
    }


def _spec_text(spec: Spec) -> str:
    """As somebody would write it down."""
    match spec:
        case Every(seconds):
            return f"every {seconds:g} s"
        case Crontab(expression, tz):
            return f"{expression} {tz}"
        case At(when_ms):
            return f"at {iso(when_ms)}"
        case _:
            return spec.describe()


def _run_json(app: web.Application, run: ScheduleRun) -> Json:
    return {
        "tick": iso(run.tick),
        "at": iso(run.at),
        "outcome": run.outcome.value,
        "job": run.job or None,
        "url": job_resource(app, run.job) if run.job else None,
    }


# Queues, functions, workers


async def pause_queue(request: web.Request) -> web.Response:
    """Nothing of it starts until it is resumed; what runs goes on."""
    return await _hold_queue(request, paused=True)


async def resume_queue(request: web.Request) -> web.Response:
    return await _hold_queue(request, paused=False)


async def _hold_queue(request: web.Request, *, paused: bool) -> web.Response:
    name, queues = request.match_info["name"], request.app[OVERVIEW].queues
    if name not in {queue.name for queue in await queues.again()}:
        raise unknown_queue(name)
    commands = request.app[COMMANDS]
    await (commands.pause("queue", name) if paused else commands.resume("queue", name))
    return json_answer({"name": name, "paused": paused}, HTTPStatus.ACCEPTED)


async def pause_function(request: web.Request) -> web.Response:
    """No job of it starts until it is resumed; what runs goes on."""
    name = (await known_function(request.app, request.match_info["name"])).name
    await request.app[COMMANDS].pause("function", name)
    return json_answer({"name": name, "paused": True}, HTTPStatus.ACCEPTED)


async def resume_function(request: web.Request) -> web.Response:
    """Also of a function that no worker offers any more."""
    name = request.match_info["name"]
    await request.app[COMMANDS].resume("function", name)
    return json_answer({"name": name, "paused": False}, HTTPStatus.ACCEPTED)


async def drain_worker(request: web.Request) -> web.Response:
    """It finishes what it runs and claims no more."""
    worker = request.match_info["id"]
    await request.app[COMMANDS].drain(worker)
    return json_answer({"id": worker, "draining": True}, HTTPStatus.ACCEPTED)


async def resume_worker(request: web.Request) -> web.Response:
    worker = request.match_info["id"]
    await request.app[COMMANDS].undrain(worker)
    return json_answer({"id": worker, "draining": False}, HTTPStatus.ACCEPTED)


# Jobs


async def pause_job(request: web.Request) -> web.Response:
    """It stops before its next chunk, and keeps its worker and its slot."""
    job_id = id_of(request)
    await request.app[COMMANDS].pause_job(job_id)
    return _held(request, job_id, paused=True)


async def resume_job(request: web.Request) -> web.Response:
    job_id = id_of(request)
    await request.app[COMMANDS].resume_job(job_id)
    return _held(request, job_id, paused=False)


def _held(request: web.Request, job_id: str, *, paused: bool) -> web.Response:
    url = job_resource(request.app, job_id)
    told = {"id": job_id, "state": State.RUNNING.value, "paused": paused, "url": url}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


async def retry_jobs(request: web.Request) -> web.Response:
    """Run what failed and matches the filter again, the newest first: `function`, `queue`, `state` (or aborted)."""
    wanted = query_of(request.query)
    if wanted.q:  # not ignored: more would be retried than was asked for
        raise BadInput("q: jobs are retried by function, queue and state only", field="q", status=422)
    state = wanted.state or State.FAILED
    if state not in (State.FAILED, State.ABORTED):
        raise BadInput("state: only failed or aborted jobs can be retried", field="state", status=422)
    reader, commands, retried = request.app[READER], request.app[COMMANDS], 0
    query = Query(state=state, function=wanted.function, queue=wanted.queue, limit=MAX_PAGE)
    while retried < MAX_RETRIED:
        page = await reader.page(query)
        now = await commands.retry_many([job.id for job in page.jobs])
        retried += now
        if page.next is None:
            break
        query = replace(query, after=page.next)
    left = (await reader.counts(query.queue, query.function))[state]
    return json_answer({"retried": retried, "left": left}, HTTPStatus.ACCEPTED)
