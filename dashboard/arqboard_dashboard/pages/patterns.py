"""Every component in every state, for who works on them: the same on any day, with or without a Redis."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp_jinja2
from aiohttp import web

from ..appkeys import OVERVIEW, SETTINGS
from ..guard import text_of
from ..parameters import bad_parameter
from ..patterns import SECTIONS, patterns_view
from .shell import render, shell


async def patterns(request: web.Request) -> web.Response:
    if not request.app[SETTINGS].development:
        raise web.HTTPNotFound
    chosen = text_of(request.query, "section") or ""
    if chosen not in ("", *(section.id for section in SECTIONS)):
        raise bad_parameter("section", f'"{chosen[:60]}" is no section of this page')
    overview = request.app[OVERVIEW]
    look = overview.last_look()
    view = patterns_view(aiohttp_jinja2.get_env(request.app), look, SECTIONS, chosen)
    around = shell(request, overview.last_side(), "patterns", "Patterns")
    return render(request, "pages/patterns.html", view, look=look, shell=around, status=HTTPStatus.OK)
