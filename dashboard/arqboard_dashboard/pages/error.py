"""The page of an error: what happened, what to do, and when to try again."""

from __future__ import annotations

import logging

from aiohttp import web
from jinja2 import TemplateError
from markupsafe import escape

from ..appkeys import ADMITTED, OVERVIEW
from ..directions import visible
from ..language import gettext, translated
from ..place import base, inner_path
from ..problems import Problem, phrase
from ..views import ErrorView
from .shell import bare_page, html_response, is_htmx, login_look, render_part

log = logging.getLogger("arqboard.dashboard")


async def error_page(request: web.Request, problem: Problem) -> web.Response:
    """A page, or a note in the corner where htmx would put the page in the place of a row."""
    if is_htmx(request) and request.method == "POST":
        return _toast(request, problem)
    view = ErrorView(
        status=problem.status,
        title=gettext(problem.title or phrase(problem.status)),
        message=visible(translated(problem.message)),
        hint=visible(translated(problem.hint)),
        retry_seconds=problem.retry_seconds,
        back=_back(request),
    )
    look = request.app[OVERVIEW].last_look() if request.get(ADMITTED) else login_look(request)
    try:
        response = bare_page(request, "pages/error.html", view, look, title=view.title, status=view.status)
    except TemplateError as error:
        log.error("the error page itself failed", exc_info=error)
        response = web.Response(status=view.status, text=f"{view.status} {view.title}\n\n{view.message}\n")
    response.headers.update(problem.headers)
    return response


def _toast(request: web.Request, problem: Problem) -> web.Response:
    try:
        note = render_part(request, "partials/toast.html", message=visible(translated(problem.message)), is_bad=True)
    except TemplateError as error:
        log.error("the note of an error failed", exc_info=error)
        note = str(escape(translated(problem.message)))
    response = html_response(note, problem.status)
    response.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", **problem.headers})
    return response


def _back(request: web.Request) -> str:
    """Where to go on: the job's page after an action on it, else the list."""
    parts = inner_path(request).split("/")
    home = f"{base(request.app)}/jobs"
    is_action = request.method == "POST" and len(parts) == 4
    return request.rel_url.raw_path.rpartition("/")[0] if is_action else home
