"""Beside the list of jobs: suggestions for its search field, and all of it as a file."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import hdrs, web
from redis.exceptions import RedisError

from ..appkeys import READER
from ..exporting import as_csv, as_json, begun, pages_of
from ..listquery import query_of
from ..parameters import name_of
from ..suggestions import suggest as suggestions_for
from .shell import html_response, render_part

log = logging.getLogger(__name__)
_KINDS = {"csv": ("text/csv", as_csv), "json": ("application/json", as_json)}
MAX_TYPED = 300


async def suggest(request: web.Request) -> web.Response:
    """What may come next in the search field, as its list of options."""
    typed = (request.query.get("add", ""))[:MAX_TYPED]
    options = await suggestions_for(request.app, typed, name_of(request.query, "function"))
    return html_response(render_part(request, "partials/suggestions.html", options=options))


async def export(request: web.Request) -> web.StreamResponse:
    """Every job that matches, as CSV or JSON. Who goes away ends it."""
    media, write = _KINDS[request.match_info["kind"]]
    query = query_of(request.query)
    name = f"jobs-{datetime.now(UTC):%Y-%m-%d-%H%M}.{request.match_info['kind']}"
    response = web.StreamResponse(
        headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"', hdrs.CACHE_CONTROL: "no-store"}
    )
    response.content_type, response.charset = media, "utf-8"
    pages = await begun(pages_of(request.app[READER], query))  # what is wrong with Redis is told before the file begins
    await response.prepare(request)
    try:
        await _write(request, response, write(request.app, pages))
    except (RedisError, OSError) as error:  # the connection is cut, so that half a file does not look like a whole one
        log.warning("An export has ended early (%s: %s).", type(error).__name__, error)
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(request: web.Request, response: web.StreamResponse, texts: AsyncIterator[str]) -> None:
    async for text in texts:
        if request.transport is None:  # nobody takes it any more
            return
        if text:
            await response.write(text.encode(errors="replace"))
    await response.write_eof()
