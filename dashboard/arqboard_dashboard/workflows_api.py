"""The JSON API of workflows: begin one, see how far it is, abort it, run what failed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from arqboard.composing import MAX_JSON_DEPTH
from arqboard.composing import begin as begin_workflow
from arqboard.protocol import BadWorkflow, QueueInfo, Unreadable, WorkflowNotFound
from arqboard.protocol.commands import Submitted
from arqboard.protocol.said import said_by
from arqboard.protocol.workflows import FlowState, NodeInfo, WorkflowInfo, Workflows

from .api import idempotency_key, json_answer, json_body
from .appkeys import COMMANDS, OVERVIEW, WORKFLOWS
from .errors import BadInput
from .errors import Unreadable as UnreadableRecord
from .jsonviews import Json, error_json, iso, progress_json
from .parameters import MAX_NAME, choice_of, cursor_of, limit_of, number_of
from .place import job_resource, workflow_resource

#: Ten thousand small steps take about 1 MB.
MAX_BODY = 4 * 1024 * 1024
#: In one answer at most: nodes, ids in all the `needs` together, results of a group's members.
MAX_NODES, MAX_NEEDS, MAX_RESULTS = 2000, 50_000, 1000


# What is asked


async def begin(request: web.Request) -> web.Response:
    """Begin a workflow. With an `Idempotency-Key` a repeated request is answered with the first one's workflow."""
    spec = await json_body(request, max_depth=MAX_JSON_DEPTH, most=MAX_BODY)
    if not isinstance(spec, Mapping):
        raise BadInput('The body has to be a JSON object like {"chain": [{"function": "resize"}, …]}.', status=422)
    done = await _begun(request, dict(spec))  # pyright: ignore[reportUnknownArgumentType] - JSON
    state = (await _readable(request.app[WORKFLOWS], done.job_id)).state
    return _accepted(request, done.job_id, state, repeated=not done.is_new)


async def workflows(request: web.Request) -> web.Response:
    """A page of the list, newest first. `next` goes into `after` of the next request; null at the end."""
    query = request.query
    state, limit, after = choice_of(query, "state", FlowState), limit_of(query), cursor_of(query)
    found, cursor, total = await request.app[WORKFLOWS].page(state, limit=limit, after=after)
    listed = [workflow_json(request.app, info) for info in found]
    return json_answer({"workflows": listed, "next": cursor, "total": total})


async def workflow(request: web.Request) -> web.Response:
    """One workflow with its jobs, 2,000 at most; what `next` says goes into `start` of the request for those after."""
    reader, start = request.app[WORKFLOWS], number_of(request.query, "start")
    limit = limit_of(request.query, default=MAX_NODES, most=MAX_NODES)
    info = await _readable(reader, _id(request))
    nodes = await reader.nodes(info.id, start=start, limit=limit)
    return json_answer({
        **workflow_json(request.app, info),
        "nodes": await _nodes_json(request.app, reader, info, nodes),
        "next": start + limit if start + limit < info.size else None,
        "result": await _result_json(reader, info),
    })  # fmt: skip


async def abort(request: web.Request) -> web.Response:
    """End a workflow: what waits is aborted, what runs is asked to stop."""
    workflow_id = _id(request)
    await request.app[COMMANDS].abort_workflow(workflow_id, by=request.remote or "")
    return _accepted(request, workflow_id, FlowState.ABORTED)


async def retry(request: web.Request) -> web.Response:
    """Run its failed and aborted jobs again."""
    workflow_id = _id(request)
    retried = await request.app[COMMANDS].retry_workflow(workflow_id)
    state = (await _readable(request.app[WORKFLOWS], workflow_id)).state
    return _accepted(request, workflow_id, state, retried=retried)


async def pause(request: web.Request) -> web.Response:
    """Start nothing more of it; what runs goes on."""
    workflow_id = _id(request)
    await request.app[COMMANDS].pause_workflow(workflow_id)
    return _accepted(request, workflow_id, FlowState.RUNNING, paused=True)


async def resume(request: web.Request) -> web.Response:
    workflow_id = _id(request)
    await request.app[COMMANDS].resume_workflow(workflow_id)
    return _accepted(request, workflow_id, FlowState.RUNNING, paused=False)


async def delete(request: web.Request) -> web.Response:
    """Forget a workflow that is over; its jobs stay."""
    workflow_id = _id(request)
    await request.app[COMMANDS].forget_workflow(workflow_id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _begun(request: web.Request, spec: dict[str, Any]) -> Submitted:
    overview, commands = request.app[OVERVIEW], request.app[COMMANDS]
    name, on_error = _named(spec.pop("name", "")), spec.pop("on_error", "stop")
    tags = spec.pop("tags", [])
    functions, queues = await overview.functions.get(), _names(await overview.queues.get())

    async def attempt() -> Submitted:
        return await begin_workflow(
            commands, functions, spec, queues=queues, name=name, on_error=on_error, source="api",
            once=idempotency_key(request) or "", tags=tags,
        )  # fmt: skip

    try:
        return await attempt()
    except BadWorkflow:  # perhaps because of what a worker has published a moment ago
        known = functions, queues
        functions, queues = await overview.functions.again(), _names(await overview.queues.again())
        if (functions, queues) == known:
            raise
        return await attempt()


def _names(queues: Iterable[QueueInfo]) -> set[str]:
    return {queue.name for queue in queues}


def _named(name: Any) -> str:
    if not isinstance(name, str) or len(name) > 200:
        raise BadWorkflow("name", "has to be a text of at most 200 characters")
    return name


def _id(request: web.Request) -> str:
    """What no workflow can be called is not found, without asking Redis."""
    workflow_id = request.match_info["id"]
    if len(workflow_id) > MAX_NAME:
        raise WorkflowNotFound(f"{workflow_id[:60]}…")
    return workflow_id


async def _readable(reader: Workflows, workflow_id: str) -> WorkflowInfo:
    try:
        return await reader.get(workflow_id)
    except ValueError as error:
        raise UnreadableRecord(said_by(error)) from None


# What is told


def _accepted(request: web.Request, workflow_id: str, state: FlowState, **more: Any) -> web.Response:
    url = workflow_resource(request.app, workflow_id)
    told = {"id": workflow_id, "state": state.value, "url": url, **more}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


def workflow_json(app: web.Application, info: WorkflowInfo | Unreadable) -> Json:
    if isinstance(info, Unreadable):
        return {"id": info.id, "state": "unreadable", "why": info.why, "url": workflow_resource(app, info.id)}
    return {
        "id": info.id,
        "name": info.name,
        "state": info.state.value,
        "paused": iso(info.paused),
        "on_error": info.on_error,
        "done": info.done,
        "total": info.total,
        "failed": info.failed,
        "aborted": info.aborted,
        "skipped": info.skipped,
        "error": error_json(info.error, detail=False),
        "failed_job": info.failed_job,
        "times": {"created": iso(info.created), "ended": iso(info.ended)},
        "url": workflow_resource(app, info.id),
    }


async def _nodes_json(app: web.Application, reader: Workflows, info: WorkflowInfo, nodes: list[NodeInfo]) -> list[Json]:
    """Jobs only: what waits for a group needs the last job of each of its members."""
    jobs = [node for node in nodes if node.kind == "job"]
    joins = await reader.joins(info.id, {number for node in jobs for number in node.needs})
    behind = {tuple(node.needs): _jobs_behind(node.needs, joins) for node in jobs}
    told, left = list[Json](), MAX_NEEDS
    for node in jobs:
        needs = behind[tuple(node.needs)]
        told.append(_node_json(app, info, node, needs[:left], more=max(0, len(needs) - left)))
        left = max(0, left - len(needs))
    return told


def _jobs_behind(numbers: list[int], joins: Mapping[int, list[int]]) -> list[int]:
    """The jobs whose results the nodes of these numbers are, in order."""
    found, left = list[int](), list(reversed(numbers))
    while left:
        number = left.pop()
        if number in joins:
            left.extend(reversed(joins[number]))
        else:
            found.append(number)
    return found


def _node_json(app: web.Application, info: WorkflowInfo, node: NodeInfo, needs: list[int], *, more: int) -> Json:
    job = node.job
    return {
        "id": node.id,
        "function": node.function,
        "state": node.state,
        "needs": [f"{info.id}.{number}" for number in needs],
        "more_needs": more,
        "progress": progress_json(job) if job else None,
        "error": error_json(job.error, detail=False) if job else None,
        "times": {"started": iso(job.started), "ended": iso(job.ended)} if job else None,
        "url": job_resource(app, node.id) if job else None,
    }


async def _result_json(reader: Workflows, info: WorkflowInfo) -> Any:
    """A preview of the result of its last job; a list of such where it ends with a group."""
    if info.state is not FlowState.SUCCEEDED:
        return None
    read, wanted = dict[int, NodeInfo](), [info.exit]
    while wanted:
        level = await reader.some(info.id, wanted)
        read |= {node.number: node for node in level}
        members = [number for node in level if node.kind == "join" for number in node.needs]
        wanted = members[: MAX_RESULTS + 1 - len(read)]
    return _preview(info.exit, read)


def _preview(number: int, read: Mapping[int, NodeInfo]) -> Any:
    node = read.get(number)
    if node is None or node.kind == "job":
        return node.job.result if node and node.job else None
    shown = [_preview(member, read) for member in node.needs if member in read]
    left_out = len(node.needs) - len(shown)
    return [*shown, f"… {left_out} more"] if left_out else shown
