"""Forms: the inputs of a new job in every kind, with what is wrong; who would run it; signing in."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from arqboard.protocol import FunctionInfo

from ..forms import fields_of
from ..new_views import Choice, CodeView, FieldView, NewJobView, Offer, RecentView
from ..optionfields import option_fields
from ..views import ErrorView, LoginView
from . import made_jobs as made
from .samples import HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, Sample, Section


class Colour(enum.Enum):
    """Something to choose from."""

    RED = "red"
    BLUE = "blue"


async def every_kind(
    ctx: dict[Any, Any],
    text: str,
    count: Annotated[int, Field(gt=0, le=9)],
    share: float = 0.5,
    flag: bool = True,
    colour: Colour = Colour.RED,
    maybe: bool | None = None,
    day: dt.date | None = None,
    at: dt.datetime | None = None,
    clock: dt.time | None = None,
    items: list[int] = [1, 2],  # noqa: B006 - the default is only described
    note: Annotated[str, Field(max_length=5000)] = "",
) -> None:
    """Take a value of every kind.

    What a docstring says further stands here, in its own paragraph.
    """


INFO = FunctionInfo.of("every_kind", every_kind)
_TYPED = {
    "arg.text": HOSTILE, "arg.count": "twelve", "arg.share": "0,5", "arg.day": "2026-02-30", "arg.items": "[1, two]",
    "arg.note": RUSSIAN,
}  # fmt: skip
_WRONG = {
    "count": "Input should be a valid integer, unable to parse string as an integer", "share": "has to be a number",
    "day": "there is no such day", "items": 'Expected a value, not "two"', "note": LONG,
}  # fmt: skip
_CODE = CodeView(
    python='await board.submit("every_kind", text="x", count=3)',
    curl="curl -X POST http://127.0.0.1:8700/api/v1/jobs \\\n  -d '" + LONG * 3 + "'",
    link="http://127.0.0.1:8700/jobs/new?fn=every_kind&arg.text=x", hidden=("api_key",), summary="arq:queue, now",
)  # fmt: skip
_FINE = Offer("every_kind", "arq:queue", 2, 2, 0, (), None, None)
_OFFERS = (
    ("Workers take it", _FINE),
    ("Some do not know it", replace(_FINE, offering=1, ignorant=1, elsewhere=("mail", HOSTILE))),
    ("No worker takes it", replace(_FINE, offering=0, elsewhere=("mail",))),
    (
        "No worker at all, all is held",
        replace(_FINE, workers=0, offering=0, queue_paused=NOW - MINUTE, function_paused=NOW - HOUR),
    ),
)
_CHOICES = [
    Choice(INFO, is_offered=True, is_found=True),
    *(
        Choice(FunctionInfo(name=name, doc=doc), is_offered=offered, is_found=True)
        for name, doc, offered in (("charge_card", RUSSIAN, True), (LONG, LONG, False), (HOSTILE, HOSTILE, True))
    ),
]
_FORM = NewJobView(
    choices=_CHOICES, find="", chosen=INFO, fields=fields_of(INFO),
    options=option_fields(INFO, {}, {}, ["arq:queue", "mail"]), errors={}, code=_CODE, offer=_FINE, recent=None,
    position=1,
)  # fmt: skip
_REFUSED = replace(
    _FORM, fields=fields_of(INFO, typed=_TYPED, problems=_WRONG), errors={"": "A job with this id is there already."},
    options=option_fields(INFO, {"opt.priority": "99"}, {"opt.priority": "has to be 0 to 9"}, ["arq:queue"]),
    code_open=True,
)  # fmt: skip


def _kinds(fields: list[FieldView], start: str) -> list[FieldView]:
    """With ids of their own, for more than one form on a page."""
    return [replace(field, id=f"{start}-{field.id}") for field in fields]


def _error(status: int, title: str, message: str, **more: Any) -> Sample:
    return Sample(f"{status}", "problem", {"view": ErrorView(status, title, message, **more)})


FORMS = Section(
    "forms",
    "Forms",
    (
        Sample("Every kind of input", "patterns/fields", {"name": "Inputs", "fields": _kinds(_FORM.fields, "a")}),
        Sample("With what is wrong", "patterns/fields", {"name": "Mistakes", "fields": _kinds(_REFUSED.fields, "b")}),
        Sample("A new job", "new_form", {"view": _FORM}),
        Sample("Refused", "new_form", {"view": _REFUSED}),
        Sample("No task is chosen", "new_form", {"view": replace(_FORM, chosen=None)}),
        Sample("Tasks", "new_picker", {"view": _FORM}, "narrow"),
        Sample(
            "No task is found",
            "new_picker",
            {"view": replace(_FORM, find="zebra", choices=[replace(c, is_found=False) for c in _CHOICES])},
            "narrow",
        ),
        *(Sample(caption, "new_offer", {"offer": offer, "position": 1}) for caption, offer in _OFFERS),
        Sample(
            "The last jobs",
            "new_recent",
            {"recent": RecentView("resize_images", list(made.ALL[-5:]), 14_093), "position": 1},
        ),
        Sample("None so far", "new_recent", {"recent": RecentView("none", [], 0), "position": 1}),
    ),
    ("new",),
)
LOGIN = Section(
    "login",
    "Signing in",
    (
        Sample("Sign in", "login", {"view": LoginView("/jobs")}, "gated"),
        Sample("A wrong password", "login", {"view": LoginView("/jobs", "That is not the password.")}, "gated"),
    ),
)
ERRORS = Section(
    "errors",
    "Error pages",
    (
        _error(404, "No such job", f'There is no job "{HOSTILE}".', hint="It may have been deleted.", back="/failures"),
        _error(403, "Forbidden", "This form is older than the server, so nothing was done."),
        _error(422, "Bad parameter", 'state: "walking" is no state.'),
        _error(
            503,
            "Redis does not answer",
            "Error 111 connecting to 127.0.0.1:6379. Connection refused.",
            retry_seconds=3,
            hint="Jobs that run go on; what is shown comes back by itself.",
        ),
    ),
)
SECTIONS = (FORMS, LOGIN, ERRORS)
