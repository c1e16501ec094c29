"""The list of jobs, with its tiles, charts and search."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol import Page, Query

from ..appkeys import OVERVIEW, READER, SETTINGS
from ..bulk import bulks_of
from ..fragments import tabs_of
from ..guard import text_of
from ..jobs_views import JobsView
from ..language import gettext
from ..links import list_url
from ..listquery import Asked, asked_of
from ..parameters import MAX_NAME
from ..place import base, job_page
from ..trends import Trend
from .savedviews import saved_views
from .shell import page, see_other


async def home(request: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{base(request.app)}/jobs"})


async def jobs(request: web.Request) -> web.Response:
    """The list under the filters in the URL, which are the whole state of the page."""
    job_id = await _pasted(request)
    if job_id is not None:
        return see_other(request, job_page(request.app, job_id))
    asked = asked_of(request.query)
    asked = await _by_name(request, asked)
    if not asked.is_settled:
        return await _settle(request, asked)
    view = await _view(request, asked)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.problem else HTTPStatus.OK
    return await page(request, "pages/jobs.html", view, active="jobs", title=_title(asked.query), status=status)


async def _pasted(request: web.Request) -> str | None:
    """What was typed or pasted is the id of a job."""
    typed = text_of(request.query, "add") or text_of(request.query, "q")
    if typed is None or len(typed) > MAX_NAME:
        return None
    [found] = await request.app[READER].many([typed])
    return typed if found is not None else None


async def _by_name(request: web.Request, asked: Asked) -> Asked:
    """A single word that is a function's name asks for that function, which an index knows."""
    terms = () if asked.problem else asked.query.search.terms
    if len(terms) != 1 or terms[0].name or asked.query.function:
        return asked
    [name] = terms[0].values
    if name not in await request.app[OVERVIEW].functions.get():
        return asked
    return replace(asked, query=replace(asked.query, function=name, q=""), is_settled=False)


async def _settle(request: web.Request, asked: Asked) -> web.Response:
    """One list has one address. htmx follows by itself, and puts the last address into the history."""
    look = await request.app[OVERVIEW].look()
    query = asked.query
    to = list_url(look, query, query.after, before=query.before, window=asked.window_name)
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": to})


async def _view(request: web.Request, asked: Asked) -> JobsView:
    reader, overview, query = request.app[READER], request.app[OVERVIEW], asked.query
    position, _ = await reader.position()
    found, tabs, kpis, (overall, trend), saved, bulks = await asyncio.gather(
        _page(request, asked), tabs_of(reader, query, position, asked.window_name), overview.kpis.get(),
        _trends(request, asked), saved_views(request.app), bulks_of(request.app),
    )  # fmt: skip
    functions, queues = await overview.functions.get(), await overview.queues.get()
    return JobsView(
        query=query,
        page=found,
        tabs=tabs,
        kpis=kpis,
        overall=overall,
        trend=trend,
        window=asked.window_name,
        functions=sorted(functions),
        queues=[queue.name for queue in queues],
        first_run=_is_first_run(query, found, position),
        redis_ms=overview.redis_ms,
        redis_url=request.app[SETTINGS].redis_shown,
        typed=asked.typed,
        problem=asked.problem,
        saved=saved,
        bulks=bulks,
    )


async def _trends(request: web.Request, asked: Asked) -> tuple[Trend, Trend]:
    """Of all jobs, for the tiles, and of the function or the queue that is asked for, for the charts."""
    trends, window, function = request.app[OVERVIEW].trends, asked.window, asked.query.function
    queue = asked.query.queue if window.counts_queues and not function else None
    overall = await trends.get(window)
    return overall, await trends.get(window, function, queue) if function or queue else overall


async def _page(request: web.Request, asked: Asked) -> Page | None:
    return None if asked.problem else await request.app[READER].page(asked.query)


def _is_first_run(query: Query, found: Page | None, position: int) -> bool:
    return position == 0 and found is not None and found.total == 0 and query == Query(limit=query.limit)


def _title(query: Query) -> str:
    return f"{gettext(query.state.value.capitalize())} · {gettext('Jobs')}" if query.state else "Jobs"
