"""The bar of one job in somebody's own page: a frame that a signed link opens, and the script that puts it there."""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from arqboard.protocol import Job
from arqboard.protocol.widget import Grant, Show

from ..appkeys import OVERVIEW, READER, SETTINGS
from ..assets import STATIC
from ..language import gettext, spoken
from ..place import base
from ..problems import Problem
from ..views import Look
from ..widget_views import WidgetPage
from ..widgets import grant_of, looks_of
from .shell import html_response, render_part

#: The script's address stays the same over releases, so browsers ask now and then whether it does too.
_FOR_AN_HOUR = {"Cache-Control": "public, max-age=3600"}
#: What a reader, who is nobody's colleague, is told of what went wrong; anything else says that it is not there.
_NOTES = frozenset((HTTPStatus.FORBIDDEN, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY))
_MAY_COME = frozenset((HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INTERNAL_SERVER_ERROR))


async def widget(request: web.Request) -> web.Response:
    """One job, as much of it as the link says. 404 where there is none, which may still come."""
    grant, looks = grant_of(request), looks_of(request.query)
    (found,) = await request.app[READER].many([grant.job_id], detail=grant.show is not Show.BAR)
    job = found if isinstance(found, Job) else None
    view = WidgetPage(
        job, grant.show, grant.label, _socket(request, grant), max(0, int(grant.until - time.time())), looks
    )
    look = await request.app[OVERVIEW].look()
    return _page(view, look, request, HTTPStatus.OK if job else HTTPStatus.NOT_FOUND)


async def script(request: web.Request) -> web.StreamResponse:
    """`/widget.js`"""
    _check_on(request)
    return web.FileResponse(STATIC / "widget.js", headers=_FOR_AN_HOUR)


async def colours(request: web.Request) -> web.Response:
    """`/widget.css`: the colours that a link asks for, since a strict policy has no room for them in the page."""
    _check_on(request)
    return web.Response(text=looks_of(request.query).css, content_type="text/css", headers=_FOR_AN_HOUR)


def widget_note(request: web.Request, problem: Problem) -> web.Response:
    """What went wrong, in the place of the bar and without a word about what is behind it."""
    note = gettext(problem.message) if problem.status in _NOTES else gettext("There is nothing to show here.")
    retries = problem.status in _MAY_COME
    if retries:
        note = gettext("Not available right now. This comes back by itself.")
    view = WidgetPage(None, note=note, retries=retries)
    response = _page(view, request.app[OVERVIEW].last_look(), request, problem.status)
    response.headers.update(problem.headers)
    return response


def _page(view: WidgetPage, look: Look, request: web.Request, status: int) -> web.Response:
    return html_response(render_part(request, "pages/widget.html", view=view, look=look), status)


def _socket(request: web.Request, grant: Grant) -> str:
    """The same link for the socket, in the language of the page."""
    wanted = ("until", "show", "label", "sig")
    signed = {name: request.query[name] for name in wanted if name in request.query}
    place = request.rel_url.with_path(f"{base(request.app)}/ws/widget/{quote(grant.job_id, safe='')}", encoded=True)
    return str(place.with_query({**signed, "lang": spoken()}))


def _check_on(request: web.Request) -> None:
    if not request.app[SETTINGS].widget_secrets:
        raise web.HTTPNotFound
