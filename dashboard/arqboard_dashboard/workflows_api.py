"""The JSON API of workflows: begin one, see how far it is, abort it, run what failed again."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from arqboard.composing import MAX_DEPTH as MAX_NESTING
from arqboard.composing import begin as begin_workflow
from arqboard.protocol import BadWorkflow
from arqboard.protocol.signature import MAX_DEPTH
from arqboard.protocol.workflows import FlowState, NodeInfo, WorkflowInfo, Workflows

from .api import idempotency_key, json_answer, json_body
from .appkeys import COMMANDS, OVERVIEW, WORKFLOWS
from .errors import BadInput
from .jsonviews import Json, error_json, iso, progress_json
from .place import job_resource, workflow_resource

#: Nodes in one answer at most, and ids in `needs` of one node.
MAX_NODES, MAX_NEEDS = 2000, 1000
_PARTS = ("function", "chain", "group", "chord")
_OPTIONS = ("name", "on_error")


async def begin(request: web.Request) -> web.Response:
    """Begin a workflow. With an `Idempotency-Key` a repeated request is answered with the first one's workflow."""
    body = await json_body(request, max_depth=2 * MAX_NESTING + MAX_DEPTH)
    if not isinstance(body, Mapping):
        raise BadInput('The body has to be a JSON object like {"chain": [{"function": "resize"}, …]}.', status=422)
    spec: dict[str, Any] = {str(k): v for k, v in body.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    name, on_error = _text(spec.pop("name", ""), "name"), spec.pop("on_error", "stop")
    if on_error not in ("stop", "continue"):
        raise BadInput('on_error: has to be "stop" or "continue"', code="bad_workflow", field="on_error", status=422)
    functions = request.app[OVERVIEW].functions
    once = idempotency_key(request) or ""
    options: dict[str, Any] = {"name": name, "on_error": on_error, "once": once, "source": "api"}
    try:
        done = await begin_workflow(request.app[COMMANDS], await functions.get(), spec, **options)
    except BadWorkflow:  # perhaps of a function that a worker has offered a moment ago
        done = await begin_workflow(request.app[COMMANDS], await functions.again(), spec, **options)
    state = (await request.app[WORKFLOWS].get(done.job_id)).state
    return _accepted(request, done.job_id, state, repeated=not done.is_new)


async def workflows(request: web.Request) -> web.Response:
    """A page of the list, newest first. `next` goes into `after` of the next request; null at the end."""
    query = request.query
    try:
        state = FlowState(query["state"]) if query.get("state") else None
        limit = int(query.get("limit") or 50)
        found, cursor, total = await request.app[WORKFLOWS].page(state, limit=limit, after=query.get("after") or None)
    except ValueError as error:
        raise BadInput(str(error), status=422) from None
    listed = [workflow_json(request.app, info) for info in found]
    return json_answer({"workflows": listed, "next": cursor, "total": total})


async def workflow(request: web.Request) -> web.Response:
    """One workflow with its jobs, the first 2,000 of them; `nodes_after` brings those that follow."""
    reader, workflow_id = request.app[WORKFLOWS], request.match_info["id"]
    start = _number(request.query.get("nodes_after", "-1"), "nodes_after") + 1
    info = await reader.get(workflow_id)
    nodes = await reader.nodes(workflow_id, start=start, limit=MAX_NODES)
    told = workflow_json(request.app, info)
    told["nodes"] = await _nodes_json(request.app, reader, info, nodes)
    told["nodes_next"] = start + MAX_NODES - 1 if start + MAX_NODES < info.size else None
    told["result"] = await _result_json(reader, info)
    return json_answer(told)


async def abort(request: web.Request) -> web.Response:
    """End a workflow: what waits is aborted, what runs is asked to stop."""
    workflow_id = request.match_info["id"]
    await request.app[COMMANDS].abort_workflow(workflow_id, by=request.remote or "")
    return _accepted(request, workflow_id, FlowState.ABORTED)


async def retry(request: web.Request) -> web.Response:
    """Run its failed and aborted jobs again."""
    workflow_id = request.match_info["id"]
    retried = await request.app[COMMANDS].retry_workflow(workflow_id)
    return _accepted(request, workflow_id, (await request.app[WORKFLOWS].get(workflow_id)).state, retried=retried)


def workflow_json(app: web.Application, info: WorkflowInfo) -> Json:
    return {
        "id": info.id,
        "name": info.name,
        "state": info.state.value,
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
    """Jobs only: what waits for a group needs each of its last jobs."""
    joins = {node.number: node for node in nodes if node.kind == "join"}
    wanted = {need for node in nodes for need in node.needs if node.kind == "job"} - {node.number for node in nodes}
    for number in wanted:
        joins |= {n.number: n for n in await reader.nodes(info.id, start=number, limit=1) if n.kind == "join"}
    return [_node_json(app, info, node, joins) for node in nodes if node.kind == "job"]


def _node_json(app: web.Application, info: WorkflowInfo, node: NodeInfo, joins: Mapping[int, NodeInfo]) -> Json:
    job = node.job
    return {
        "id": node.id,
        "function": node.function,
        "state": node.state,
        "needs": [f"{info.id}.{number}" for number in _needs(node.needs, joins)],
        "progress": progress_json(job) if job else None,
        "error": error_json(job.error, detail=False) if job else None,
        "times": {"started": iso(job.started), "ended": iso(job.ended)} if job else None,
        "url": job_resource(app, node.id) if job else None,
    }


def _needs(numbers: list[int], joins: Mapping[int, NodeInfo]) -> list[int]:
    """The jobs behind joins, in order, as far as they are known."""
    found, left = list[int](), list(reversed(numbers))
    while left and len(found) < MAX_NEEDS:
        number = left.pop()
        if number in joins:
            left.extend(reversed(joins[number].needs))
        else:
            found.append(number)
    return found


async def _result_json(reader: Workflows, info: WorkflowInfo) -> Any:
    """Previews of the results of its last jobs; a list where it ends with a group."""
    if info.state is not FlowState.SUCCEEDED:
        return None
    return await _preview(reader, info.id, info.exit)


async def _preview(reader: Workflows, workflow_id: str, number: int) -> Any:
    for node in await reader.nodes(workflow_id, start=number, limit=1):
        if node.kind == "job":
            return node.job.result if node.job else None
        return [await _preview(reader, workflow_id, member) for member in node.needs[:MAX_NEEDS]]
    return None


def _accepted(request: web.Request, workflow_id: str, state: FlowState, **more: Any) -> web.Response:
    url = workflow_resource(request.app, workflow_id)
    told = {"id": workflow_id, "state": state.value, "url": url, **more}
    return json_answer(told, HTTPStatus.ACCEPTED, {"Location": url})


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise BadInput(f"{field}: has to be a text of at most 200 characters", field=field, status=422)
    return value


def _number(text: str, field: str) -> int:
    try:
        return int(text) if len(text) < 10 else -1
    except ValueError:
        raise BadInput(f"{field}: has to be a number", field=field, status=422) from None
