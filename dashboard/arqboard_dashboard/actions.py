"""What people do to a job on its page or in the list. The answer is that piece of the page, as it is now."""

from __future__ import annotations

from aiohttp import web

from arqboard.protocol import State
from arqboard.protocol.acting import Action, Answer, Wish, new_batch

from .appkeys import COMMANDS, OVERVIEW, READER, RENDERER
from .bulk import note
from .flashes import with_undo
from .pages.job import id_of, readable
from .pages.shell import html_response, is_htmx, see_other
from .place import base, job_page
from .told import of_answers


async def retry(request: web.Request) -> web.Response:
    """It runs again in a few seconds; until then that can be undone."""
    job_id, batch = id_of(request), new_batch()
    can_undo = await request.app[COMMANDS].retry(job_id, batch=batch)
    if not is_htmx(request):
        return see_other(request, job_page(request.app, job_id), with_undo("retried", batch if can_undo else ""))
    answer = await shown(request, job_id, "retried")
    return await _with_note(request, answer, Wish(Action.RETRY, batch=batch), job_id, can_undo=can_undo)


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
    """A row goes; from the job's own page there is only the list to go to. It can be brought back for some seconds."""
    job_id, batch = id_of(request), new_batch()
    can_undo = await request.app[COMMANDS].discard(job_id, batch=batch)
    if not (is_htmx(request) and _is_from_list(request)):
        return see_other(request, f"{base(request.app)}/jobs", with_undo("deleted", batch if can_undo else ""))
    answer = html_response(request.app[RENDERER].gone("row", job_id))
    return await _with_note(request, answer, Wish(Action.DELETE, batch=batch), job_id, can_undo=can_undo)


async def shown(request: web.Request, job_id: str, flash: str) -> web.Response:
    """The row or the hero as it is now, else the job's page."""
    if not is_htmx(request):
        return see_other(request, job_page(request.app, job_id), flash)
    renderer, look = request.app[RENDERER], await request.app[OVERVIEW].look()
    found = await readable(request.app[READER], job_id)
    return html_response(renderer.row(found, look) if _is_from_list(request) else renderer.hero(found, look))


async def _with_note(
    request: web.Request, answer: web.Response, wish: Wish, job_id: str, *, can_undo: bool
) -> web.Response:
    """Beside its piece of the page an answer says in the corner what was done, with the way back."""
    outcome = Answer.UNDOABLE if can_undo else Answer.DONE
    told = await of_answers(request.app[READER], wish, {job_id: outcome}, named=job_id)
    assert isinstance(answer.body, bytes)
    return html_response(answer.body.decode() + await note(request, told))


def _is_from_list(request: web.Request) -> bool:
    """htmx says what it will replace as `div#job-…` for a row."""
    _, _, target = request.headers.get("HX-Target", "").partition("#")
    return target.startswith("job-")
