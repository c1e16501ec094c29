"""The one place where an exception becomes an answer: JSON for programs, a page for people."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from .appkeys import SETTINGS
from .pages.error import error_page
from .pages.widget import widget_note
from .place import kind
from .problems import Problem, problem_of, problem_of_http


@web.middleware
async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with what went wrong, said once."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise
        problem = problem_of_http(answer, request.method)
    except Exception as error:  # noqa: BLE001 - the outermost edge of a request: everything is told, nothing leaks
        problem = problem_of(error, request.app[SETTINGS].redis_label)
    return await _answer(request, problem)


async def _answer(request: web.Request, problem: Problem) -> web.StreamResponse:
    if kind(request) == "widget":
        return widget_note(request, problem)
    if _wants_json(request):
        body = json.dumps(problem.as_json())
        return web.Response(status=problem.status, text=body, content_type="application/json", headers=problem.headers)
    return await error_page(request, problem)


def _wants_json(request: web.Request) -> bool:
    """Everything but pages, and pages for who asks for JSON only."""
    accept = request.headers.get("Accept", "")
    return kind(request) != "page" or ("application/json" in accept and "text/html" not in accept)
