"""The form that starts a job: made from the function's signature, and shown again until it fits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from arqboard.protocol import BadArguments, FunctionInfo, JobExists
from arqboard.protocol.keys import ArqKeys
from arqboard.submitting import submit

from ..appkeys import COMMANDS, OVERVIEW, READER
from ..calls import as_python, call_of, checked
from ..errors import BadInput
from ..forms import fields_of, option_fields, texts_of
from ..guard import read_form, text_of
from ..parameters import MAX_NAME
from ..place import job_page
from ..prefill import Prefill, from_job, from_query
from ..submission import Options, known_function
from ..views import NewJobView
from .job import readable
from .shell import is_htmx, page, see_other


@dataclass(frozen=True, slots=True)
class _Typed:
    """A form that came back, and what is wrong with it by field name."""

    fields: Mapping[str, str]
    problems: Mapping[str, str]


async def new(request: web.Request) -> web.Response:
    """The form: empty, or filled in from a link (`arg.<name>=`) or an earlier job (`again=<id>`)."""
    again = text_of(request.query, "again")
    if again is not None:
        return await _again(request, again)
    name = text_of(request.query, "fn")
    info = await known_function(request.app, name) if name else None
    prefill = from_query(info, request.query) if info else Prefill()
    return await _form(request, info, prefill=prefill)


async def create(request: web.Request) -> web.Response:
    """Submit what the form says, then show the job; or the same form with what has to be put right."""
    typed = await read_form(request)
    info = await known_function(request.app, typed.get("function", ""))
    try:
        done = await _submit(request, info, typed)
    except BadArguments as error:
        came, status = _Typed(typed, error.problems), HTTPStatus.UNPROCESSABLE_ENTITY
        return await _form(request, info, typed=came, again=_again_of(typed) or "", status=status)
    except JobExists as error:
        typed_again = _Typed(typed, {"opt.job_id": str(error)})
        return await _form(request, info, typed=typed_again, again=_again_of(typed) or "", status=HTTPStatus.CONFLICT)
    return see_other(request, job_page(request.app, done), "submitted")


async def _submit(request: web.Request, info: FunctionInfo, typed: Mapping[str, str]) -> str:
    """Raises BadArguments with all that is wrong, options included, so that one answer names every field."""
    call = call_of(info, typed)
    options = Options()
    try:
        options = await Options.of_form(request.app, info, typed)
    except BadInput as error:
        call.problems[f"opt.{error.field}"] = str(error)
    checked(info, call)
    done = await submit(
        request.app[COMMANDS], info, call.args, call.kwargs, queue=options.queue, job_id=options.job_id,
        defer_by=options.defer_by, source="dashboard", lax=True, retry_of=_again_of(typed),
    )  # fmt: skip
    return done.job_id


def _again_of(typed: Mapping[str, str]) -> str | None:
    """The job whose arguments were edited."""
    again = typed.get("again", "")
    return again if 0 < len(again) <= MAX_NAME else None


async def _again(request: web.Request, job_id: str) -> web.Response:
    earlier = await readable(request.app[READER], job_id)
    info = await known_function(request.app, earlier.function)
    return await _form(request, info, prefill=from_job(info, earlier), again=earlier.id, queue=earlier.queue)


async def _form(
    request: web.Request,
    info: FunctionInfo | None,
    *,
    prefill: Prefill | None = None,
    typed: _Typed | None = None,
    again: str = "",
    queue: str = "",
    status: int = HTTPStatus.OK,
) -> web.Response:
    overview = request.app[OVERVIEW]
    functions, queues, workers = await asyncio.gather(
        overview.functions.get(), overview.queues.get(), overview.workers.get()
    )
    came = typed or _Typed({}, {})
    names = sorted({queue.name for queue in queues} | {info.queue if info and info.queue else ArqKeys.default_queue})
    fields = (
        fields_of(info, typed=typed.fields if typed else None, prefill=prefill, problems=came.problems) if info else []
    )
    chosen_queue = queue if queue in names else (info.queue if info and info.queue else ArqKeys.default_queue)
    view = NewJobView(
        functions=list(functions.values()),
        chosen=info,
        fields=fields,
        options=option_fields(came.fields, came.problems, queues=names, queue=chosen_queue),
        queues=names,
        errors=dict(came.problems),
        python=as_python(info, texts_of(fields)) if info else "",
        workers=sum(worker.alive for worker in workers),
        again=again,
    )
    template = "partials/new_form.html" if typed and is_htmx(request) else "pages/new.html"
    return await page(request, template, view, active="new", title="New job", status=status)
