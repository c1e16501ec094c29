"""Workflows: their list, each with its picture and its steps, and what people do to one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol import WorkflowNotFound
from arqboard.protocol.flowlists import FlowQuery
from arqboard.protocol.said import said_by
from arqboard.protocol.workflows import FlowState

from ..appkeys import COMMANDS, FLOWS, OVERVIEW
from ..errors import Unreadable as UnreadableRecord
from ..flowboard import Board
from ..flowkeys import MAX_ID, members_of, show_of, zoom_of
from ..parameters import choice_of, cursor_of, limit_of, name_of
from ..place import base, workflow_page
from ..strictjson import is_text
from ..workflow_views import PICTURE_FIRST, FlowView, Show
from .shell import html_response, is_htmx, page, render_part, see_other


async def workflows(request: web.Request) -> web.Response:
    """The list under the filters in the URL."""
    view = await request.app[FLOWS].view(query_of(request.query))
    return await page(request, "pages/workflows.html", view, active="workflows", title="Workflows")


async def workflow(request: web.Request) -> web.Response:
    """One workflow: how far it is, its picture, its steps, and the jobs of one of them."""
    chosen = members_of(request.query)
    board = await board_of(request)
    show = show_of(request.query)
    members = await request.app[FLOWS].members(board, chosen) if chosen else None
    if chosen and members is None:
        raise web.HTTPNotFound
    view = FlowView(
        hero=board.hero, steps=list(board.steps.values()), edges=board.edges, show=show,
        zoom=zoom_of(request.query, board.drawing), members=members,
        list_first=show is Show.BOTH and len(board.steps) > PICTURE_FIRST,
    )  # fmt: skip
    return await page(request, "pages/workflow.html", view, active="workflows", title=board.info.name or board.info.id)


def query_of(query: MultiMapping[str]) -> FlowQuery:
    """Raises BadInput, which names the parameter."""
    return FlowQuery(
        state=choice_of(query, "state", FlowState), name=name_of(query, "name") or "", limit=limit_of(query),
        after=cursor_of(query),
    )  # fmt: skip


def id_of(request: web.Request) -> str:
    """What no workflow can be called is not found, without asking Redis."""
    workflow_id = request.match_info["id"]
    if len(workflow_id) > MAX_ID or not is_text(workflow_id):
        raise WorkflowNotFound(workflow_id[:60].encode(errors="replace").decode())
    return workflow_id


async def board_of(request: web.Request) -> Board:
    """As it is now. Raises WorkflowNotFound, or says that the record can't be read."""
    try:
        return await request.app[FLOWS].boards.again(id_of(request))
    except ValueError as error:
        raise UnreadableRecord(said_by(error)) from None


# What people do


async def retry(request: web.Request) -> web.Response:
    """Run its failed and aborted jobs again."""
    return await _act(request, request.app[COMMANDS].retry_workflow, "flow_retried")


async def abort(request: web.Request) -> web.Response:
    async def ask(workflow_id: str) -> None:
        await request.app[COMMANDS].abort_workflow(workflow_id, by=request.remote or "")

    return await _act(request, ask, "flow_aborted")


async def pause(request: web.Request) -> web.Response:
    return await _act(request, request.app[COMMANDS].pause_workflow, "flow_paused")


async def resume(request: web.Request) -> web.Response:
    return await _act(request, request.app[COMMANDS].resume_workflow, "flow_resumed")


async def delete(request: web.Request) -> web.Response:
    """From the page of what is gone there is only the list to go to."""
    await request.app[COMMANDS].forget_workflow(id_of(request))
    return see_other(request, f"{base(request.app)}/workflows", "flow_deleted")


async def _act(request: web.Request, verb: Callable[[str], Awaitable[object]], flash: str) -> web.Response:
    """Do it, and show the top of the page as it is then."""
    workflow_id = id_of(request)
    await verb(workflow_id)
    if not is_htmx(request):
        return see_other(request, workflow_page(request.app, workflow_id), flash)
    look, board = await request.app[OVERVIEW].look(), await board_of(request)
    return html_response(render_part(request, "partials/flow_hero.html", view=board.hero, look=look, oob=False))
