"""Failed jobs in groups, and the jobs of one group: what goes wrong, where, how often, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from arqboard.protocol import Job, Page, Reader, State, Unreadable
from arqboard.protocol.failing import Acted, Action
from arqboard.protocol.failures import Group
from arqboard.protocol.said import Said

from ..appkeys import FAILURE_COMMANDS, FAILURES, FEED, OVERVIEW, READER, RENDERER
from ..errors import FailureNotFound
from ..failures_views import GROUPS, FailuresQuery, FailuresView, GroupQuery, GroupView
from ..guard import read_form
from ..language import gettext, ngettext
from ..meters import Meter
from ..parameters import LIMIT
from ..place import base
from ..traces import read_trace
from .shell import html_response, is_htmx, page, render_part, see_other


async def failures(request: web.Request) -> web.Response:
    """The grid: a group in each row, a time in each column."""
    view = await _grid(request.app, FailuresQuery.of(request.query))
    return await page(request, "pages/failures.html", view, active="failures", title="Failures")


async def failure(request: web.Request) -> web.Response:
    """One group: what is known of it, the newest trace, its jobs."""
    query = GroupQuery.of(request.match_info["name"], request.query)
    view = await _with_jobs(request.app, await _head(request.app, query), query)
    return await page(request, "pages/failure.html", view, active="failures", title=_title(view.group))


async def retry(request: web.Request) -> web.Response:
    return await _act(request, "retry")


async def delete(request: web.Request) -> web.Response:
    return await _act(request, "delete")


async def _act(request: web.Request, action: Action) -> web.Response:
    """Retry or delete what was counted in the question before: the group's jobs in the time that was looked at."""
    form = await read_form(request)
    query = GroupQuery.of(request.match_info["name"], request.query)
    acted = await act_on(request.app, query, action)
    if not is_htmx(request):
        back = query.path(after=None) if acted.refused or acted.has_more else "/failures"
        return see_other(
            request, f"{base(request.app)}{back}", "retried_group" if action == "retry" else "deleted_group"
        )
    note = render_part(request, "partials/failure_note.html", message=_said(action, acted), is_bad=acted.done == 0)
    return html_response(await _part(request.app, query, form) + note)


async def act_on(app: web.Application, query: GroupQuery, action: Action) -> Acted:
    """Raises FailureNotFound where nothing is known of the group."""
    group = await _group(app, query)
    now = await app[READER].now_ms()
    since = now - query.since_ms if query.since else 0
    return await app[FAILURE_COMMANDS].act(group.by, group.name, action, since=since, until=now)


async def _part(app: web.Application, query: GroupQuery, form: Mapping[str, str]) -> str:
    """What the button stood in: a row of the grid, whose query the form carries, or the head of a group's page."""
    if "grid" in form:
        return await _render_grid(app, FailuresQuery.parse(form["grid"]), oob=False)
    return await _render_head(app, query, oob=False)


def _said(action: Action, acted: Acted) -> str:
    n = acted.done
    if action == "retry":
        said = ngettext("%(n)d job runs again.", "%(n)d jobs run again.", n) % {"n": n}
    else:
        said = ngettext("%(n)d job was deleted.", "%(n)d jobs were deleted.", n) % {"n": n}
    if acted.refused:
        refused = ngettext(
            "%(n)d could not: its call has expired.", "%(n)d could not: their calls have expired.", acted.refused
        )
        said += " " + refused % {"n": acted.refused}
    return said


# What the parts are made of


async def _grid(app: web.Application, query: FailuresQuery) -> FailuresView:
    found, counts, release = await asyncio.gather(
        app[FAILURES].page(
            query.by, within_ms=query.within_ms, order=query.order, offset=(query.page - 1) * GROUPS, limit=GROUPS
        ),
        app[OVERVIEW].counts.get(),
        deployed(app[READER]),
    )
    return FailuresView(query, found, counts[State.FAILED], release, app[FEED].position)


async def _head(app: web.Application, query: GroupQuery) -> GroupView:
    group, release = await asyncio.gather(_group(app, query), deployed(app[READER]))
    return GroupView(query, group, release, app[FEED].position)


async def _group(app: web.Application, query: GroupQuery) -> Group:
    group = await app[FAILURES].get(query.by, query.name, within_ms=query.since_ms)
    if group is None:
        raise FailureNotFound(query.name)
    return group


async def _with_jobs(app: web.Application, view: GroupView, query: GroupQuery) -> GroupView:
    jobs, sample = await asyncio.gather(jobs_of(app, query), _sample(app, query))
    trace = read_trace(sample.error.traceback) if sample and sample.error else None
    return replace(view, jobs=jobs, sample=sample, trace=trace)


async def jobs_of(app: web.Application, query: GroupQuery) -> Page:
    """A page of the jobs of a group that failed in the time that is looked at."""
    reader = app[READER]
    since = await reader.now_ms() - query.since_ms if query.since else float("-inf")
    index = app[FAILURES].index(query.by, query.name)
    ids, cursor, total = await reader.ids(index, LIMIT, query.after, (since, float("inf")))
    rows = await reader.many(ids)
    jobs = [
        row if row is not None else Unreadable(i, Said("it has no record")) for i, row in zip(ids, rows, strict=True)
    ]
    return Page(jobs, str(cursor) if cursor else None, total)


async def _sample(app: web.Application, query: GroupQuery) -> Job | None:
    """The newest job of a group that can be read, with its traceback."""
    ids, _, _ = await app[READER].ids(app[FAILURES].index(query.by, query.name), 3, None)
    return next((job for job in await app[READER].many(ids, detail=True) if isinstance(job, Job)), None)


async def deployed(reader: Reader) -> int | None:
    """When (ms) the newest release came."""
    deploys = await reader.deploys()
    return deploys[-1].time if deploys else None


def _title(group: Group) -> str:
    return f"{group.type or group.name} · {gettext('Failures')}"[:120]


# What is live


async def _render_grid(app: web.Application, query: FailuresQuery, *, oob: bool) -> str:
    view, look = await asyncio.gather(_grid(app, query), app[OVERVIEW].look())
    return app[RENDERER].part("failures", look, oob=oob, view=view)


async def _render_head(app: web.Application, query: GroupQuery, *, oob: bool) -> str:
    view, look = await asyncio.gather(_head(app, query), app[OVERVIEW].look())
    return app[RENDERER].part("failure", look, oob=oob, view=view)


async def _read_grid(app: web.Application, name: str) -> str:
    return await _render_grid(app, FailuresQuery.parse(name), oob=True)


async def _read_head(app: web.Application, name: str) -> str:
    try:
        return await _render_head(app, GroupQuery.parse(name), oob=True)
    except FailureNotFound:
        return ""


METERS = (
    Meter("failures", _read_grid, FailuresQuery.parse),
    Meter("failure", _read_head, GroupQuery.parse),
)
