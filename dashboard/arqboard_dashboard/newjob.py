"""A form of a new job: what it says, and all that is shown around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from arqboard.protocol import BadArguments, FunctionInfo

from .appkeys import FEED, OVERVIEW, SETTINGS
from .calls import FilledCall, as_far_as_typed, call_of, checked
from .formoptions import options_of
from .forms import fields_of, texts_of
from .guard import own_address
from .jsonplace import Path
from .new_views import CodeView, FieldView, NewJobView
from .offers import choices_of, offer_of, recent_of
from .optionfields import option_fields, queue_of, summary_of
from .prefill import Prefill
from .snippets import as_curl, as_link, as_python, hidden_in
from .submission import Options


@dataclass(frozen=True, slots=True)
class Judged:
    """What a form says. `problems` are by field: a parameter's name, or `opt.…`."""

    call: FilledCall
    options: Options
    problems: dict[str, str]
    paths: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Filled:
    """What is in the form before somebody changes it: what was typed, or else what is filled in for them."""

    prefill: Prefill = field(default_factory=Prefill)
    typed: Mapping[str, str] | None = None
    problems: Mapping[str, str] = field(default_factory=dict[str, str])
    paths: Mapping[str, Path] = field(default_factory=dict[str, Path])
    again: str = ""
    like: str = ""

    @property
    def options(self) -> Mapping[str, str]:
        """Texts of options."""
        return self.prefill.options if self.typed is None else self.typed


async def judge(app: web.Application, info: FunctionInfo, typed: Mapping[str, str]) -> Judged:
    """Check all of a form, so that one answer names every field that needs a fix."""
    call, problems = call_of(info, typed), dict[str, str]()
    paths: Mapping[str, Path] = {}
    try:
        checked(info, call)
    except BadArguments as error:
        problems, paths = dict(error.problems), error.paths
    options, wrong = await options_of(app, info, typed)
    problems.update({f"opt.{name}": why for name, why in wrong.items()})
    return Judged(call, options, problems, paths)


async def view_of(
    request: web.Request, info: FunctionInfo | None, filled: Filled, *, find: str = "", code_open: bool = False
) -> NewJobView:
    """The page, or of it the form."""
    overview = request.app[OVERVIEW]
    functions, workers = await asyncio.gather(overview.functions.get(), overview.workers.get())
    view = NewJobView(
        choices=choices_of(list(functions.values()), workers, find), find=find, chosen=None, fields=[], options=[],
        errors={}, code=None, offer=None, recent=None, position=request.app[FEED].position,
    )  # fmt: skip
    return await _with_form(request, info, filled, view, code_open=code_open) if info else view


async def _with_form(
    request: web.Request, info: FunctionInfo, filled: Filled, view: NewJobView, *, code_open: bool
) -> NewJobView:
    queues = await _queues(request.app, info)
    fields = fields_of(info, typed=filled.typed, prefill=filled.prefill, problems=filled.problems, paths=filled.paths)
    options = option_fields(info, filled.options, filled.problems, queues)
    queue = next(view.value for view in options if view.name == "opt.queue")
    texts = {**texts_of(fields), **{view.name: view.value for view in options}}
    code, offer, recent = await asyncio.gather(
        code_of(request, info, texts), offer_of(request.app, info.name, queue), recent_of(request.app, info.name)
    )
    return replace(
        view, chosen=info, fields=fields, options=options, errors=dict(filled.problems), code=code, offer=offer,
        recent=recent, again=filled.again, like=filled.like, code_open=code_open,
    )  # fmt: skip


async def _queues(app: web.Application, info: FunctionInfo) -> list[str]:
    """Those that can be chosen, the function's own first."""
    known = {queue.name for queue in await app[OVERVIEW].queues.get()}
    return [queue_of(info), *sorted(known - {queue_of(info)})]


async def code_of(request: web.Request, info: FunctionInfo, texts: Mapping[str, str]) -> CodeView:
    """The call for programs, as far as it is filled in. What is wrong in the options is left out of it."""
    args, kwargs = as_far_as_typed(info, texts)
    options, _ = await options_of(request.app, info, _without_own(info, texts))
    has_token = bool(request.app[SETTINGS].bearer)
    return CodeView(
        python=as_python(info, args, kwargs, options),
        curl=as_curl(f"{own_address(request)}/api/v1/jobs", info, args, kwargs, options, has_token=has_token),
        link=as_link(f"{own_address(request)}/jobs/new", info, texts, _without_own(info, texts)),
        hidden=hidden_in(kwargs),
        summary=summary_of(info, texts),
    )


def touched_of(view: NewJobView, typed: Mapping[str, str]) -> list[FieldView]:
    """The fields that somebody has been in: only these are told what is wrong with them before the form is sent."""
    names = set(typed.get("touched", "").split())
    return [field for field in [*view.fields, *view.options] if field.name in names]


def _without_own(info: FunctionInfo, texts: Mapping[str, str]) -> dict[str, str]:
    """The queue that the function goes to anyway says nothing."""
    return {
        name: text
        for name, text in texts.items()
        if name.startswith("opt.") and (name, text) != ("opt.queue", queue_of(info))
    }
