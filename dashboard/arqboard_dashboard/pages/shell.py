"""What every page has around it, and how a page is rendered."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any, Literal

import aiohttp_jinja2
from aiohttp import web

from .. import flashes
from ..appkeys import ADMITTED, ALERTS, GATE, OVERVIEW, SETTINGS
from ..auth import cookie_path
from ..directions import visible
from ..language import gettext
from ..preferences import Preferences
from ..views import Look, Shell, Side, Told

FLASH = "arqboard_flash"
#: What the last action did, by the code in a short-lived cookie: no text of a request is ever shown.
FLASHES = {
    "submitted": "The job has been submitted.",
    "repeated": "This job had been submitted before.",
    "retried": "The job will run again.",
    "aborted": "The job has been aborted.",
    "aborting": "The worker has been asked to abort the job.",
    "deleted": "The job has been deleted.",
    "paused": "The job stops before its next chunk.",
    "resumed": "The job goes on.",
    "skipped": "The chunks have been skipped.",
    "rescheduled": "The job has another time.",
    "due": "The job is due already.",
    "retried_group": "The failed jobs run again, as far as their calls are still stored.",
    "deleted_group": "The failed jobs have been deleted.",
    "queue_paused": "Nothing of the queue starts until it is resumed.",
    "queue_resumed": "The queue goes on.",
    "function_paused": "No job of the function starts until it is resumed.",
    "function_resumed": "The function goes on.",
    "worker_drained": "The worker finishes what it runs and takes no more.",
    "worker_resumed": "The worker takes jobs again.",
    "schedule_run": "The schedule runs now, beside its times.",
    "schedule_paused": "Nothing of the schedule runs until it is resumed.",
    "schedule_resumed": "The schedule goes on from now.",
    "schedule_deleted": "The schedule has been deleted.",
    "flow_retried": "What failed or was aborted runs again.",
    "flow_aborted": "The workflow has been aborted.",
    "flow_paused": "Nothing more of the workflow starts; what runs goes on.",
    "flow_resumed": "The workflow goes on.",
    "flow_deleted": "The workflow has been deleted. Its jobs are still there.",
    "view_saved": "This list is kept under its name.",
    "view_deleted": "The saved view has been deleted.",
    "chosen": "Your choice is kept in this browser.",
    "bulk_started": "It runs as a job, and can be stopped. This is its page.",
}
Active = Literal["jobs", "workflows", "queues", "workers", "schedules", "failures", "system", "new", "patterns", ""]


async def page(
    request: web.Request, template: str, view: Any, *, active: Active, title: str, status: int = HTTPStatus.OK
) -> web.Response:
    """A whole page with fresh surroundings."""
    overview = request.app[OVERVIEW]
    look, side, alerts = await overview.look(), await overview.side.get(), await request.app[ALERTS].get()
    surroundings = replace(shell(request, side, active, title), alerts=alerts)
    return render(request, template, view, look=look, shell=surroundings, status=status)


def bare_page(request: web.Request, template: str, view: Any, look: Look, *, title: str, status: int) -> web.Response:
    """A page that asks Redis nothing. Who has not been let in sees no counts either."""
    overview = request.app[OVERVIEW]
    side = overview.last_side() if request.get(ADMITTED) else overview.empty_side
    return render(request, template, view, look=look, shell=shell(request, side, "", title), status=status)


def render(request: web.Request, template: str, view: Any, *, look: Look, shell: Shell, status: int) -> web.Response:
    env = aiohttp_jinja2.get_env(request.app)
    html = env.get_template(template).render(shell=shell, look=look, view=view)
    response = html_response(html, status)
    if FLASH in request.cookies:
        response.del_cookie(FLASH, path=cookie_path(request))
    return response


def render_part(request: web.Request, template: str, **values: Any) -> str:
    return aiohttp_jinja2.get_env(request.app).get_template(template).render(**values)


def html_response(html: str, status: int = HTTPStatus.OK) -> web.Response:
    """Half surrogate pairs, which a record can hold, can't be sent; they become question marks."""
    return web.Response(body=html.encode(errors="replace"), status=status, content_type="text/html", charset="utf-8")


def shell(request: web.Request, side: Side, active: Active, title: str) -> Shell:
    settings = request.app[SETTINGS]
    return Shell(
        active=active,
        title=visible(gettext(title)),
        redis_label=settings.redis_label if request.get(ADMITTED) else "",
        side=side,
        preferences=Preferences.of(request),
        can_log_out=settings.is_protected and bool(request.get(ADMITTED)),
        flash=flash(request),
        is_development=settings.development,
    )


def flash(request: web.Request) -> Told | None:
    """What the action before this page did."""
    return flashes.read(request.cookies.get(FLASH, ""), FLASHES)


def see_other(request: web.Request, to: str, flash: str = "") -> web.Response:
    """Go and look there. htmx follows a plain 303 inside its own request, so it is told by a header."""
    if is_htmx(request):
        response = web.Response(headers={"HX-Redirect": to})
    else:
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": to})
    if flash:
        response.set_cookie(FLASH, flash, max_age=20, path=cookie_path(request), httponly=True, samesite="Lax")
    return response


def is_htmx(request: web.Request) -> bool:
    """Changes how an answer looks, never what is allowed."""
    return request.headers.get("HX-Request") == "true"


def login_look(request: web.Request) -> Look:
    """Strangers get a form token that is good for signing in only."""
    import dataclasses

    return dataclasses.replace(request.app[OVERVIEW].last_look(), form_token=request.app[GATE].login_token)
