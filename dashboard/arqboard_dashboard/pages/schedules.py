"""Schedules: when each runs next, and what became of its last ticks."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import Unreadable
from arqboard.protocol.errors import BadSchedule, ScheduleNotFound
from arqboard.protocol.said import said_by

from ..appkeys import SCHEDULE_BOARD, SCHEDULES
from ..errors import Unreadable as UnreadableRecord
from ..language import gettext
from ..meters import Meter, some_name
from ..place import base, job_page
from ..schedule_views import ScheduleRow
from .acted import back, part, replaces
from .shell import html_response, is_htmx, page, see_other


async def schedules(request: web.Request) -> web.Response:
    view = await request.app[SCHEDULE_BOARD].all.get()
    return await page(request, "pages/schedules.html", view, active="schedules", title="Schedules")


async def schedule(request: web.Request) -> web.Response:
    row = await _readable(request.app, request.match_info["name"])
    return await page(
        request, "pages/schedule.html", row, active="schedules", title=f"{row.name} · {gettext('schedule')}"[:120]
    )


async def run(request: web.Request) -> web.Response:
    """Run it now, beside its times, also while it is paused. Without JavaScript the job is shown."""
    name = request.match_info["name"]
    job_id = await request.app[SCHEDULES].run(name)
    if not is_htmx(request):
        return see_other(request, job_page(request.app, job_id), "schedule_run")
    return await _shown(request, name, "schedule_run")


async def pause(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    await request.app[SCHEDULES].pause(name)
    return await _shown(request, name, "schedule_paused")


async def resume(request: web.Request) -> web.Response:
    """It goes on from now; what it left out does not run."""
    name = request.match_info["name"]
    await request.app[SCHEDULES].resume(name)
    return await _shown(request, name, "schedule_resumed")


async def delete(request: web.Request) -> web.Response:
    """Refused while it is in the code of a running worker. A row goes; from its own page there is only the list."""
    name = request.match_info["name"]
    await request.app[SCHEDULES].remove(name)
    request.app[SCHEDULE_BOARD].all.expire()
    if is_htmx(request) and not replaces(request, "schedule-page-"):
        return html_response(await part(request.app, "schedule_gone", name=name))
    return see_other(request, f"{base(request.app)}/schedules", "schedule_deleted")


async def _shown(request: web.Request, name: str, flash: str) -> web.Response:
    board = request.app[SCHEDULE_BOARD]
    board.all.expire()
    if not is_htmx(request):
        return back(request, "schedules", name, flash)
    if replaces(request, "schedule-page-"):
        return html_response(await part(request.app, "schedule_page", schedule=await _readable(request.app, name)))
    return html_response(await _row(request.app, await board.row(name)))


async def _readable(app: web.Application, name: str) -> ScheduleRow:
    """Raises ScheduleNotFound, or says that the record can't be read."""
    try:
        return await app[SCHEDULE_BOARD].page(name)
    except BadSchedule as error:
        raise UnreadableRecord(said_by(error)) from error


# Live parts


async def _row(app: web.Application, row: ScheduleRow | Unreadable | None, *, oob: bool = False) -> str:
    """Nothing where the schedule is gone: then the list is asked for anew."""
    if row is None:
        return ""
    return await part(
        app, "schedule_row" if isinstance(row, ScheduleRow) else "schedule_unreadable", oob=oob, schedule=row
    )


async def _read_summary(app: web.Application, _: str) -> str:
    return await part(app, "schedule_summary", oob=True, view=await app[SCHEDULE_BOARD].all.get())


async def _read_row(app: web.Application, name: str) -> str:
    return await _row(app, await app[SCHEDULE_BOARD].row(name), oob=True)


async def _read_page(app: web.Application, name: str) -> str:
    try:
        return await part(app, "schedule_page", oob=True, schedule=await app[SCHEDULE_BOARD].page(name))
    except ScheduleNotFound:
        return await part(app, "schedule_page_gone", oob=True, name=name)
    except BadSchedule:
        return ""


METERS = (
    Meter("schedules", _read_summary, idle_seconds=2.0),
    Meter("schedule", _read_row, some_name, idle_seconds=2.0),
    Meter("schedule-page", _read_page, some_name, idle_seconds=2.0),
)
