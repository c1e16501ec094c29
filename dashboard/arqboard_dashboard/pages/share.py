"""Makes links to the bar of one job for other people's pages: a form with a preview, and the same for programs."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from arqboard import widget
from arqboard.protocol.widget import MAX_LABEL, MAX_SECONDS, Show, is_label

from ..api import body_of, json_answer
from ..appkeys import READER, SETTINGS
from ..errors import BadInput
from ..guard import CSP, own_address, text_of
from ..jsonviews import iso
from ..language import N_, gettext
from ..parameters import bad_parameter, choice_of
from ..place import base
from ..widget_views import Choice, Lifetime, Made, SharePage
from ..widgets import looks_of
from .job import id_of, readable
from .shell import page


class NewWidget(BaseModel):
    """The body of `POST /api/v1/jobs/{id}/widget`: seconds until it expires, how much it shows, its label."""

    model_config = ConfigDict(strict=True, extra="forbid")

    expires: Annotated[float, Field(gt=0, le=MAX_SECONDS)] = 3600
    show: Literal["bar", "steps", "outcome"] = "bar"
    label: Annotated[str, Field(max_length=MAX_LABEL)] = ""


async def share(request: web.Request) -> web.Response:
    """What to put into a page of one's own, as chosen in the address; how to turn it on, where it is off."""
    job = await readable(request.app[READER], id_of(request))
    choice = choice_in(request)
    made = _made(request, job.id, choice) if request.app[SETTINGS].widget_secrets else None
    view = SharePage(job, choice, made, request.app[SETTINGS].widget_origins)
    response = await page(request, "pages/share.html", view, active="jobs", title=f"{job.function} · {job.id}"[:120])
    response.headers["Content-Security-Policy"] = f"{CSP}; frame-src 'self'"  # the preview
    return response


async def make(request: web.Request) -> web.Response:
    """`POST /api/v1/jobs/{id}/widget`"""
    job_id = id_of(request)
    wanted = (
        await body_of(request, NewWidget, '{"expires": 3600, "show": "steps"}')
        if request.can_read_body
        else NewWidget()
    )
    secret = _secret(request)
    await readable(request.app[READER], job_id)
    try:
        link = widget.link(
            job_id,
            secret=secret,
            base=own_address(request),
            expires=wanted.expires,
            show=wanted.show,
            label=wanted.label,
        )
    except ValueError as error:
        raise BadInput(str(error), field=str(error).partition(":")[0], status=422) from None
    until = iso(round((time.time() + wanted.expires) * 1000))
    return json_answer({"url": link, "expires": until, "iframe": widget.iframe(link), "script": widget.script(link)})


def choice_in(request: web.Request) -> Choice:
    """What the form says. Raises BadInput."""
    query = request.query
    label = text_of(query, "label") or ""
    if not is_label(label):
        raise bad_parameter("label", gettext("one line of at most %(n)s characters") % {"n": MAX_LABEL})
    return Choice(
        choice_of(query, "expires", Lifetime) or Lifetime.DAY, choice_of(query, "show", Show) or Show.BAR, label,
        looks_of(query),
    )  # fmt: skip


def _made(request: web.Request, job_id: str, choice: Choice) -> Made:
    """The link, the HTML around it, and the same as this page shows it: from where this page comes from."""
    link = widget.link(
        job_id, secret=_secret(request), base=own_address(request), expires=choice.lifetime.seconds,
        show=choice.show.value, label=choice.label,
    )  # fmt: skip
    looks = choice.looks
    iframe = widget.iframe(
        link, theme=looks.theme.value, accent=looks.accent, radius=looks.radius, compact=looks.compact,
        plain=looks.plain, height=choice.height,
    )  # fmt: skip
    script = widget.script(
        link, theme=looks.theme.value, accent=looks.accent, radius=looks.radius, compact=looks.compact,
        plain=looks.plain,
    )  # fmt: skip
    inside = link.removeprefix(own_address(request))
    return Made(link, iframe, script, base(request.app) + inside + (f"&{looks.query}" if looks.query else ""))


def _secret(request: web.Request) -> str:
    secrets = request.app[SETTINGS].widget_secrets
    if not secrets:
        raise BadInput(
            N_("Links to bars are off here. Set ARQBOARD_WIDGET_SECRET to turn them on."),
            code="widgets_off",
            status=409,
        )
    return secrets[0]
