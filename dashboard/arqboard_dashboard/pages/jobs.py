"""The list of jobs, and the search box over it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol import Page, Query, State

from ..appkeys import OVERVIEW, READER, SETTINGS
from ..guard import text_of
from ..parameters import MAX_NAME, choice_of, cursor_of, limit_of, name_of
from ..place import base, job_page
from ..views import JobsView, Tabs
from .shell import Active, page, see_other


async def home(request: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{base(request.app)}/jobs"})


async def jobs(request: web.Request) -> web.Response:
    """The list under the filters in the URL, which are the whole state of the page."""
    query = query_of(request.query)
    wanted = text_of(request.query, "q")
    if wanted is not None:
        return await _search(request, wanted, query)
    view = await _view(request, query)
    return await page(request, "pages/jobs.html", view, active=_active(query), title=_title(query))


def query_of(query: MultiMapping[str]) -> Query:
    """The filters of a list, for pages and the API. Raises BadInput, which names the parameter."""
    return Query(
        state=choice_of(query, "state", State),
        function=name_of(query, "function"),
        queue=name_of(query, "queue"),
        limit=limit_of(query),
        after=cursor_of(query),
    )


async def _view(request: web.Request, query: Query) -> JobsView:
    reader, overview = request.app[READER], request.app[OVERVIEW]
    found, counts, kpis, functions, queues, (position, _) = await asyncio.gather(
        reader.page(query), reader.counts(query.queue, query.function), overview.kpis.get(),
        overview.functions.get(), overview.queues.get(), reader.position(),
    )  # fmt: skip
    return JobsView(
        query=query,
        page=found,
        tabs=Tabs(replace(query, after=None), counts, position),
        kpis=kpis,
        functions=sorted(functions),
        queues=[queue.name for queue in queues],
        first_run=_is_first_run(query, found, position),
        redis_ms=overview.redis_ms,
        redis_url=request.app[SETTINGS].redis_shown,
    )


def _is_first_run(query: Query, found: Page, position: int) -> bool:
    return position == 0 and found.total == 0 and query == Query(limit=query.limit)


async def _search(request: web.Request, wanted: str, query: Query) -> web.Response:
    """What was typed is a function's name, or a good part of just one; else it is the id of a job."""
    functions = await request.app[OVERVIEW].functions.get()
    near = [name for name in functions if wanted.lower() in name.lower()]
    found = wanted if wanted in functions else near[0] if len(near) == 1 else None
    if found is None:
        return see_other(request, job_page(request.app, wanted[:MAX_NAME]))
    pairs = {"function": found, "queue": query.queue, "state": query.state}
    target = request.rel_url.with_query({name: value for name, value in pairs.items() if value})
    return see_other(request, f"{base(request.app)}/jobs?{target.raw_query_string}")


def _active(query: Query) -> Active:
    return "failures" if query.state is State.FAILED else "jobs"


def _title(query: Query) -> str:
    return f"{query.state.value.capitalize()} jobs" if query.state else "Jobs"
