"""The list of jobs, and the search box over it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol import Page, Query, State

from ..appkeys import OVERVIEW, READER, SETTINGS
from ..errors import BadInput
from ..guard import text_of
from ..place import base, job_page
from ..strictjson import is_text
from ..views import JobsView, Tabs
from .shell import Active, page, see_other

MAX_LIMIT = 200
#: Longest name of a function or queue, longest id or cursor that is looked up.
MAX_NAME = 500


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
        state=_state(text_of(query, "state")),
        function=_name(query, "function"),
        queue=_name(query, "queue"),
        limit=_limit(text_of(query, "limit")),
        after=_cursor(text_of(query, "after")),
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


def _state(text: str | None) -> State | None:
    if text is None or text == "all":
        return None
    try:
        return State(text)
    except ValueError:
        states = ", ".join(state.value for state in State)
        raise _bad("state", f'"{text[:60]}" is not a state; there are {states}') from None


def _name(query: MultiMapping[str], name: str) -> str | None:
    text = text_of(query, name)
    if text is not None and (len(text) > MAX_NAME or not is_text(text)):
        raise _bad(name, f"no {name} has such a name")
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return Query().limit
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise _bad("limit", f'"{text[:60]}" is not a number of jobs; give 1 to {MAX_LIMIT}')
    return min(int(text), MAX_LIMIT)


def _cursor(text: str | None) -> str | None:
    if text is None:
        return None
    score, _, job_id = text.partition("~")
    digits = score.removeprefix("-")
    if (
        not (job_id and digits.isascii() and digits.isdigit() and len(digits) < 16)
        or len(text) > MAX_NAME
        or not is_text(text)
    ):
        raise _bad("after", f'"{text[:60]}" is not a place in the list; take it from the `next` of a page')
    return text


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_parameter", field=field, status=422)
