"""The palette's answers: a fragment for its list. Without scripts the search field over the page does its work."""

from __future__ import annotations

from aiohttp import web

from ..appkeys import PALETTE
from ..guard import text_of
from ..parameters import MAX_NAME
from .shell import html_response, render_part


async def palette(request: web.Request) -> web.Response:
    """`GET /palette?q=`"""
    wanted = (text_of(request.query, "q") or "")[:MAX_NAME]
    groups = await request.app[PALETTE].find(wanted)
    return html_response(render_part(request, "partials/palette_groups.html", groups=groups))
