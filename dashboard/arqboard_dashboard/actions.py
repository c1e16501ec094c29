"""What people do to a job on its page or in the list. The answer is that piece of the page, as it is now."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import State

from .appkeys import COMMANDS, OVERVIEW, READER, RENDERER
from .pages.job import id_of, readable
from .pages.shell import html_response, is_htmx, see_other
from .place import base, job_page


async def retry(request: web.Request) -> web.Response:
    job_id = id_of(request)
    await request.app[COMMANDS].retry(job_id)
    return await shown(request, job_id, "retried")


async def abort(request: web.Request) -> web.Response:
    job_id = id_of(request)
    state = await request.app[COMMANDS].abort(job_id, by=request.remote or "")
    return await shown(request, job_id, "aborted" if state is State.ABORTED else "aborting")


async def pause(request: web.Request) -> web.Response:
    """The job stops before its next chunk."""
    job_id = id_of(request)
    await request.app[COMMANDS].pause_job(job_id)
    return await shown(request, job_id, "paused")


async def resume(request: web.Request) -> web.Response:
    job_id = id_of(request)
    await request.app[COMMANDS].resume_job(job_id)
    return await shown(request, job_id, "resumed")


async def delete(request: web.Request) -> web.Response:
    """A row goes; from the job's own page there is only the list to go to."""
    job_id = id_of(request)
    await request.app[COMMANDS].discard(job_id)
    if is_htmx(request) and _is_from_list(request):
        return html_response(request.app[RENDERER].gone("row", job_id))
    return see_other(request, f"{base(request.app)}/jobs", "deleted")


async def shown(request: web.Request, job_id: str, flash: str) -> web.Response:
    """The row or the hero as it is now, else the job's page."""
    if not is_htmx(request):
        return see_other(request, job_page(request.app, job_id), flash)
    renderer, look = request.app[RENDERER], await request.app[OVERVIEW].look()
    found = await readable(request.app[READER], job_id)
    return html_response(renderer.row(found, look) if _is_from_list(request) else renderer.hero(found, look))


def _is_from_list(request: web.Request) -> bool:
    """htmx says what it will replace as `div#job-…` for a row."""
    _, _, target = request.headers.get("HX-Target", "").partition("#")
    return target.startswith("job-")
