"""What people do to one job besides the verbs of a row: its chunks, and when it starts."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from arqboard.protocol.steering import MAX_DELAY_MS, Which

from .actions import shown
from .appkeys import COMMANDS, OVERVIEW, READER, RENDERER
from .errors import BadInput
from .guard import read_form
from .inside_parts import failed_of
from .language import gettext
from .pages.job import id_of, readable
from .pages.shell import html_response, is_htmx, see_other
from .parameters import not_among, time_of
from .place import job_page

UNITS = {"seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": 86_400_000}


async def retry_chunks(request: web.Request) -> web.Response:
    """Run the job again for its failed chunks only (`only=failed`), or for all that are left."""
    job_id, form = id_of(request), await read_form(request)
    await request.app[COMMANDS].retry_chunks(job_id, only_failed=form.get("only") == "failed")
    return await _map(request, job_id, "retried")


async def skip_chunks(request: web.Request) -> web.Response:
    """Let chunks never run: those that have failed, that wait, or one by its `number`."""
    job_id, form = id_of(request), await read_form(request)
    which, numbers = chosen(form)
    await request.app[COMMANDS].skip_chunks(job_id, which, numbers)
    return await _map(request, job_id, "skipped")


async def reschedule(request: web.Request) -> web.Response:
    """Another time for a job that waits: `at` (UTC), or after a `delay` in a `unit`; without either now."""
    job_id, form = id_of(request), await read_form(request)
    at_ms, delay_ms = when(form)
    is_new = await request.app[COMMANDS].reschedule(job_id, at_ms=at_ms, delay_ms=delay_ms)
    return await shown(request, job_id, "rescheduled" if is_new else "due")


def chosen(form: Mapping[str, str]) -> tuple[Which, list[int] | None]:
    """Which chunks a form means: one by its number, or all of a kind. Raises BadInput."""
    number = form.get("number", "")
    if number:
        if not number.isascii() or not number.isdigit() or len(number) > 9 or not int(number):
            raise bad(
                "number", gettext('"%(text)s" is not the number of a chunk; they count from 1') % {"text": number[:60]}
            )
        return "open", [int(number)]
    match form.get("which", ""):
        case "failed":
            return "failed", None
        case "waiting":
            return "waiting", None
        case other:
            raise bad("which", not_among(other, "which", ("failed", "waiting")))


def when(form: Mapping[str, str]) -> tuple[int | None, int]:
    """A time in ms since 1970, or None and a delay in ms. Raises BadInput."""
    if form.get("at"):
        return time_of(form["at"]), 0
    unit = UNITS.get(form.get("unit", "seconds"))
    if unit is None:
        raise bad("unit", not_among(form["unit"], "unit", UNITS))
    try:
        delay_ms = float(form.get("delay") or 0) * unit
        if not 0 <= delay_ms <= MAX_DELAY_MS:
            raise ValueError
    except ValueError:
        raise bad("delay", gettext("has to be a number from 0 to ten years")) from None
    return None, round(delay_ms)


def bad(field: str, why: str) -> BadInput:
    return BadInput(f"{field}: {why}", code="bad_parameter", field=field, status=422)


async def _map(request: web.Request, job_id: str, flash: str) -> web.Response:
    """The chunks as they are now."""
    if not is_htmx(request):
        return see_other(request, job_page(request.app, job_id), flash)
    reader, renderer = request.app[READER], request.app[RENDERER]
    job, marks = await readable(reader, job_id), await reader.chunk_marks(job_id)
    look, failed = await request.app[OVERVIEW].look(), await failed_of(reader, job, marks)
    table = renderer.part("failed_chunks", look, oob=True, job=job, failed=failed)
    return html_response(renderer.chunks(job, marks, look) + table)
