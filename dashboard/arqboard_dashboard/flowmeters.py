"""The live parts of the pages of workflows. All parts of one workflow are of one reading, twice a second at most."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import WorkflowNotFound

from .appkeys import FLOWS, OVERVIEW
from .flowboard import Board
from .flowkeys import check_id, parse_flow_query, parse_members, parse_step
from .links import root_id
from .meters import Meter


async def read_tabs(app: web.Application, name: str) -> str:
    tabs = await app[FLOWS].tabs(parse_flow_query(name))
    return app[FLOWS].part(f"tabs:{name}", "flow_tabs", await app[OVERVIEW].look(), tabs)


async def read_top(app: web.Application, name: str) -> str:
    tabs = await app[FLOWS].tabs(parse_flow_query(name))
    return app[FLOWS].part(f"top:{name}", "flow_top", await app[OVERVIEW].look(), tabs)


async def read_row(app: web.Application, name: str) -> str:
    """A workflow that was deleted leaves the list."""
    row = await app[FLOWS].row(name)
    if row is None:
        return f'<div id="{root_id("flow", name)}" hx-swap-oob="delete"></div>'
    return app[FLOWS].part(f"row:{name}", "flow_row", await app[OVERVIEW].look(), row)


async def read_hero(app: web.Application, name: str) -> str:
    """The only part that says when a workflow was deleted; what is below stays as it was."""
    look, board = await app[OVERVIEW].look(), await _board(app, name)
    if board is None:
        return app[FLOWS].part(f"gone:{name}", "flow_gone", look, name)
    return app[FLOWS].part(f"hero:{name}", "flow_hero", look, board.hero)


async def read_edges(app: web.Application, name: str) -> str:
    board = await _board(app, name)
    if board is None or board.edges is None:
        return ""
    return app[FLOWS].part(f"edges:{name}", "flow_edges", await app[OVERVIEW].look(), board.edges)


async def read_step(app: web.Application, name: str) -> str:
    """A card and its line in the list; a page may show both."""
    flow, key = parse_step(name)
    board = await _board(app, flow)
    view = board.steps.get(key) if board else None
    if view is None:
        return ""
    return app[FLOWS].part(f"step:{name}", "flow_step", await app[OVERVIEW].look(), view)


async def read_members(app: web.Application, name: str) -> str:
    flow, chosen = parse_members(name)
    board = await _board(app, flow)
    view = await app[FLOWS].members(board, chosen) if board else None
    if view is None:
        return ""
    return app[FLOWS].part(f"jobs:{name}", "flow_jobs", await app[OVERVIEW].look(), view)


async def _board(app: web.Application, workflow_id: str) -> Board | None:
    """None where the workflow is gone, or its record can't be read any more."""
    try:
        return await app[FLOWS].boards.get(workflow_id)
    except (WorkflowNotFound, ValueError):
        return None


METERS = (
    Meter("flow-tabs", read_tabs, parse_flow_query),
    Meter("flow-top", read_top, parse_flow_query),
    Meter("flow", read_row, check_id),
    Meter("flow-hero", read_hero, check_id),
    Meter("flow-edges", read_edges, check_id),
    Meter("flow-step", read_step, parse_step),
    Meter("flow-jobs", read_members, parse_members),
)
