"""The form that starts a job: made from the function's signature, and shown again until it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol import FunctionInfo, JobExists
from arqboard.protocol.commands import Submitted
from arqboard.protocol.said import said_by
from arqboard.submitting import submit

from ..appkeys import COMMANDS, OVERVIEW, READER
from ..guard import read_form, text_of
from ..language import translated
from ..meters import Meter
from ..newjob import Filled, Judged, judge, touched_of, view_of
from ..offers import check_offer, check_recent, read_offer, read_recent
from ..parameters import MAX_NAME
from ..place import job_page
from ..prefill import from_job, from_query
from ..submission import known_function
from .job import readable
from .shell import html_response, is_htmx, page, render_part, see_other

METERS = (
    Meter("offer", read_offer, check=check_offer, seconds=1.0, idle_seconds=2.0),
    Meter("recent", read_recent, check=check_recent, seconds=1.0, idle_seconds=5.0),
)


async def new(request: web.Request) -> web.Response:
    """The form: empty, or filled in from a link (`arg.<name>=`), an earlier job (`like=<id>`), or one that it is to
    stand in for (`again=<id>`)."""
    earlier = text_of(request.query, "again") or text_of(request.query, "like")
    name = text_of(request.query, "fn")
    if earlier is not None:
        return await _show(request, *await _from_earlier(request, earlier))
    info = await known_function(request.app, name) if name else None
    return await _show(request, info, Filled(from_query(info, request.query)) if info else Filled())


async def create(request: web.Request) -> web.Response:
    """Submit what the form says, then show the job; or the same form with what has to be put right."""
    typed = await read_form(request)
    info = await known_function(request.app, typed.get("function", ""))
    judged = await judge(request.app, info, typed)
    if judged.problems:
        return await _refused(request, info, typed, judged, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        done = await _submit(request, info, judged, typed)
    except JobExists as error:
        judged.problems["opt.job_id"] = translated(said_by(error))
        return await _refused(request, info, typed, judged, HTTPStatus.CONFLICT)
    return see_other(request, job_page(request.app, done.job_id), "submitted" if done.is_new else "repeated")


async def preview(request: web.Request) -> web.Response:
    """The same call for programs, and what is wrong so far in fields that somebody has left. Starts nothing."""
    typed = await read_form(request)
    info = await known_function(request.app, typed.get("function", ""))
    judged = await judge(request.app, info, typed) if typed.get("touched") else None
    filled = _typed(typed, judged)
    if not is_htmx(request):
        return await _show(request, info, filled, code_open=True)
    view, look = await view_of(request, info, filled), await request.app[OVERVIEW].look()
    fields = touched_of(view, typed)
    return html_response(render_part(request, "partials/new_preview.html", view=view, fields=fields, look=look))


async def _from_earlier(request: web.Request, job_id: str) -> tuple[FunctionInfo, Filled]:
    earlier = await readable(request.app[READER], job_id)
    info = await known_function(request.app, earlier.function)
    stands_in = "again" in request.query
    prefill = from_job(info, earlier)
    return info, Filled(prefill, again=earlier.id if stands_in else "", like="" if stands_in else earlier.id)


async def _submit(request: web.Request, info: FunctionInfo, judged: Judged, typed: Mapping[str, str]) -> Submitted:
    call, options = judged.call, judged.options
    return await submit(
        request.app[COMMANDS], info, call.args, call.kwargs, queue=options.queue, job_id=options.job_id,
        defer_by=options.defer_by, source="dashboard", lax=True, priority=options.priority,
        unique_key=options.unique_key, max_tries=options.max_tries, timeout=options.timeout,
        retry_of=_id_in(typed, "again") or None, tags=options.tags,
    )  # fmt: skip


async def _refused(
    request: web.Request, info: FunctionInfo, typed: Mapping[str, str], judged: Judged, status: int
) -> web.Response:
    return await _show(request, info, _typed(typed, judged), status=status)


def _typed(typed: Mapping[str, str], judged: Judged | None) -> Filled:
    filled = Filled(typed=typed, again=_id_in(typed, "again"), like=_id_in(typed, "like"))
    return replace(filled, problems=judged.problems, paths=judged.paths) if judged else filled


def _id_in(typed: Mapping[str, str], name: str) -> str:
    """The job that this one stands in for, or whose arguments were filled in; "" where there is none."""
    job_id = typed.get(name, "")
    return job_id if len(job_id) <= MAX_NAME else ""


async def _show(
    request: web.Request,
    info: FunctionInfo | None,
    filled: Filled,
    *,
    status: int = HTTPStatus.OK,
    code_open: bool = False,
) -> web.Response:
    find = (text_of(request.query, "find") or "")[:MAX_NAME]
    view = await view_of(request, info, filled, find=find, code_open=code_open)
    template = "partials/new_form.html" if filled.typed is not None and is_htmx(request) else "pages/new.html"
    return await page(request, template, view, active="new", title="New job", status=status)
