"""Queues: how deep, how fast, how long; and all of one."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from ..appkeys import COMMANDS, QUEUE_BOARD
from ..errors import BadInput
from ..guard import text_of
from ..language import gettext
from ..meters import Meter, some_name
from ..parameters import bad_parameter, not_among
from ..queue_views import SPANS, QueueRow, Span
from ..submission import known_function
from .acted import back, part, replaces
from .shell import html_response, is_htmx, page


async def queues(request: web.Request) -> web.Response:
    view = await request.app[QUEUE_BOARD].all.get()
    return await page(request, "pages/queues.html", view, active="queues", title="Queues")


async def queue(request: web.Request) -> web.Response:
    """One queue; `span` is what its charts cover."""
    name, span = request.match_info["name"], _span(text_of(request.query, "span"))
    view = await request.app[QUEUE_BOARD].page(name, span)
    return await page(request, "pages/queue.html", view, active="queues", title=f"{name} · {gettext('queue')}"[:120])


async def pause(request: web.Request) -> web.Response:
    """Nothing of it starts until it is resumed; what runs goes on."""
    row = await request.app[QUEUE_BOARD].row(request.match_info["name"])
    await request.app[COMMANDS].pause("queue", row.info.name)
    return await _shown(request, row.info.name, "queue_paused")


async def resume(request: web.Request) -> web.Response:
    row = await request.app[QUEUE_BOARD].row(request.match_info["name"])
    await request.app[COMMANDS].resume("queue", row.info.name)
    return await _shown(request, row.info.name, "queue_resumed")


async def pause_function(request: web.Request) -> web.Response:
    """No job of it starts, in any queue."""
    function = (await known_function(request.app, request.match_info["function"])).name
    await request.app[COMMANDS].pause("function", function)
    return await _functions_shown(request, "function_paused")


async def resume_function(request: web.Request) -> web.Response:
    """Also of a function that no worker offers any more."""
    await request.app[COMMANDS].resume("function", request.match_info["function"])
    return await _functions_shown(request, "function_resumed")


async def _shown(request: web.Request, name: str, flash: str) -> web.Response:
    board = request.app[QUEUE_BOARD]
    await board.again()
    if not is_htmx(request):
        return back(request, "queues", name, flash)
    partial = "queue_head" if replaces(request, "queue-head-") else "queue_row"
    return html_response(await part(request.app, partial, queue=await board.row(name)))


async def _functions_shown(request: web.Request, flash: str) -> web.Response:
    name = request.match_info["name"]
    if not is_htmx(request):
        return back(request, "queues", name, flash)
    return html_response(await _functions(request.app, name))


def _span(text: str | None) -> Span:
    if text is not None and text not in SPANS:
        raise bad_parameter("span", not_among(text, "span", SPANS))
    return text or "1h"


# Live parts


async def _read_summary(app: web.Application, _: str) -> str:
    return await part(app, "queue_summary", oob=True, view=await app[QUEUE_BOARD].all.get())


async def _read_row(app: web.Application, name: str) -> str:
    row = await _row_or_none(app, name)
    return await part(app, "queue_row", oob=True, queue=row) if row else ""


async def _read_head(app: web.Application, name: str) -> str:
    row = await _row_or_none(app, name)
    return await part(app, "queue_head", oob=True, queue=row) if row else ""


async def _read_functions(app: web.Application, name: str) -> str:
    return await _functions(app, name, oob=True)


async def _functions(app: web.Application, name: str, *, oob: bool = False) -> str:
    functions = await app[QUEUE_BOARD].functions(name)
    return await part(app, "queue_functions", oob=oob, name=name, functions=functions)


async def _read_workers(app: web.Application, name: str) -> str:
    return await part(app, "queue_workers", oob=True, name=name, workers=await app[QUEUE_BOARD].workers(name))


async def _read_charts(app: web.Application, key: str) -> str:
    span, _, name = key.partition("/")
    charts = await app[QUEUE_BOARD].charts(name, cast("Span", span))
    return await part(app, "queue_charts", oob=True, charts=charts)


async def _row_or_none(app: web.Application, name: str) -> QueueRow | None:
    try:
        return await app[QUEUE_BOARD].row(name)
    except BadInput:  # a page of before the data were lost
        return None


def _check_charts(key: str) -> None:
    span, slash, name = key.partition("/")
    if not slash or span not in SPANS or not name:
        raise ValueError("there are no such charts")


METERS = (
    Meter("queues", _read_summary),
    Meter("queue", _read_row, some_name),
    Meter("queue-head", _read_head, some_name),
    Meter("queue-functions", _read_functions, some_name),
    Meter("queue-workers", _read_workers, some_name),
    Meter("queue-charts", _read_charts, _check_charts, seconds=5.0, idle_seconds=20.0),
)
