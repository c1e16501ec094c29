"""Parts of a job's page that are fetched when somebody wants them: alone for htmx, else as a page of their own."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from arqboard.protocol import Job
from arqboard.protocol.joblog import LogLine
from arqboard.protocol.records import read_raw
from arqboard.protocol.stacks import stack_of

from ..appkeys import COMMANDS, OVERVIEW, PATIENT_REDIS, READER, REDIS, RENDERER
from ..inside_api import disposition
from ..inside_parts import attempt_of, chunk_of, log_after, log_view
from ..job_views import PartView, RawView, StackView
from ..jsonviews import iso
from ..language import gettext
from ..place import job_page
from ..tracebacks import blocks_of
from .job import id_of, readable
from .shell import html_response, is_htmx, page

#: Lines of a log that go out as text.
MAX_TEXT_LINES = 100_000


async def chunk(request: web.Request) -> web.Response:
    """One chunk: its items, how long it took, in which attempt, and its error."""
    found = await readable(request.app[READER], id_of(request))
    view = await chunk_of(request.app[READER], found, request.match_info["number"])
    return await _part(request, found, gettext("Chunk"), "chunk", view)


async def trace(request: web.Request) -> web.Response:
    """The traceback of one attempt: own frames at full length, those of libraries folded; or the text as it is."""
    found = await readable(request.app[READER], id_of(request))
    attempt = await attempt_of(request.app[READER], found, request.match_info["number"])
    text = attempt.error.traceback if attempt.error else ""
    if request.query.get("format") == "text":
        return web.Response(text=text)
    return await _part(request, found, gettext("Traceback"), "trace", (blocks_of(text), f"t{attempt.number}", text))


async def log(request: web.Request) -> web.Response:
    """Lines of the log: the newest, those before a place, or those that came after one."""
    reader, job_id = request.app[READER], id_of(request)
    found = await readable(reader, job_id)
    if "after" not in request.query:
        view = await log_view(reader, job_id, request.query)
        partial = "log_older" if is_htmx(request) else "log_lines"
        return await _part(request, found, gettext("Log"), partial, view)
    view = await log_after(reader, job_id, request.query)
    if not view.lines:
        return web.Response(status=204)
    return await _part(request, found, gettext("Log"), "log_lines", view)


async def log_text(request: web.Request) -> web.StreamResponse:
    """The whole log as it is kept, as text; with `download` as a file."""
    reader, job_id = request.app[READER], id_of(request)
    await readable(reader, job_id)
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    if "download" in request.query:
        response.headers["Content-Disposition"] = disposition(f"{job_id}.log")
    await response.prepare(request)
    after = "0"
    while True:
        lines = await reader.logs(job_id, after, 1000)
        await response.write("".join(_text_of(line) for line in lines.lines).encode(errors="replace"))
        if lines.next == after:
            break
        after = lines.next
    await response.write_eof()
    return response


async def stack(request: web.Request) -> web.Response:
    """Where a running job stands, as its worker says."""
    found = await readable(request.app[READER], id_of(request))
    began = time.monotonic()
    answer = await stack_of(request.app[COMMANDS], request.app[PATIENT_REDIS], found.id)
    view = StackView(answer, time.monotonic() - began)
    return await _part(request, found, gettext("Where it stands"), "stack", view)


async def raw(request: web.Request) -> web.Response:
    """Every key that Redis has of it, with sizes and times to live. Nothing is unpickled."""
    reader, found = request.app[READER], await readable(request.app[READER], id_of(request))
    view = RawView(await read_raw(request.app[REDIS], reader.keys, found.id))
    return await _part(request, found, gettext("Raw record"), "raw", view)


def _text_of(line: LogLine) -> str:
    return f"{iso(line.time)} {line.level:<8} {line.logger}: {line.message}\n"


async def _part(request: web.Request, job: Job, title: str, partial: str, part: Any) -> web.Response:
    if is_htmx(request):
        look = await request.app[OVERVIEW].look()
        return html_response(request.app[RENDERER].part(partial, look, job=job, part=part))
    view = PartView(job, title, partial, part, {"job": job_page(request.app, job.id)})
    return await page(request, "pages/job_part.html", view, active="jobs", title=f"{title} · {job.function}"[:120])
