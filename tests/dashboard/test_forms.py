"""From a signature to inputs, empty or filled in from an earlier job or a link."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from board import EVERYTHING, FUNCTIONS, by_name
from pydantic import Field

from arqboard.protocol import FunctionInfo, Job
from arqboard_dashboard.forms import fields_of
from arqboard_dashboard.prefill import from_job, from_query


def test_every_type_has_its_input() -> None:
    widgets = {name: view.widget for name, view in by_name(fields_of(EVERYTHING)).items()}

    assert widgets == {
        "text": "text", "count": "number", "share": "number", "flag": "checkbox", "colour": "select", "level": "select",
        "maybe": "select", "day": "date", "at": "datetime", "clock": "time", "items": "json", "either": "json",
        "unknown": "json", "note": "textarea",
    }  # fmt: skip


def test_defaults_are_filled_in_and_bounds_are_told() -> None:
    fields = by_name(fields_of(EVERYTHING))

    assert (fields["text"].value, fields["text"].required) == ("", True)
    assert (fields["count"].minimum, fields["count"].maximum, fields["count"].step) == ("1", "9", "1")
    assert (fields["share"].value, fields["share"].step, fields["share"].required) == ("0.5", "any", False)
    assert (fields["flag"].value, fields["colour"].value, fields["level"].value) == ("on", "red", "1")
    assert fields["level"].options == ["", "1", "2", "max"]
    assert (fields["day"].value, fields["items"].value) == ("", "[\n  1,\n  2\n]")


async def strict(
    ctx: dict[Any, Any],
    agreed: bool,
    size: Literal["s", "m"],
    colour: Literal["red", "blue"] | None,
    below: Annotated[int, Field(lt=10)],
    part: Annotated[float, Field(gt=0, lt=1)],
    dozens: Annotated[int, Field(multiple_of=12)],
) -> None: ...


def test_only_what_has_to_be_given_is_required() -> None:
    fields = by_name(fields_of(FunctionInfo.of("strict", strict)))

    assert not fields["agreed"].required, "a box that is not ticked says no"
    assert (fields["size"].options, fields["size"].required) == (["s", "m"], True)
    assert (fields["colour"].options, fields["colour"].required) == (["", "red", "blue"], False)


def test_a_whole_number_has_a_last_one_before_a_bound_that_it_must_not_reach() -> None:
    fields = by_name(fields_of(FunctionInfo.of("strict", strict)))

    assert (fields["below"].minimum, fields["below"].maximum) == ("", "9")
    assert (fields["part"].minimum, fields["part"].maximum, fields["part"].step) == ("", "", "any")
    assert fields["dozens"].step == "12"


def test_a_native_input_is_not_used_for_what_it_can_not_hold() -> None:
    prefill = from_query(
        EVERYTHING, {"arg.at": "2026-01-01T00:00:00+02:00", "arg.count": "x", "arg.text": "two\nlines"}
    )

    fields = by_name(fields_of(EVERYTHING, prefill=prefill))

    assert (fields["at"].widget, fields["count"].widget, fields["text"].widget) == ("text", "text", "textarea")


# Again, and from a link


def job(args: list[Any], kwargs: dict[str, Any]) -> Job:
    raw = {
        "function": "resize",
        "queue": "q",
        "state": "failed",
        "enqueued": "1",
        "run_at": "1",
        "position": "1",
        "version": "1",
    }
    encoded = {name: value.encode() for name, value in raw.items()}
    return Job.from_hash("j1", {**encoded, "args": json.dumps(args).encode(), "kwargs": json.dumps(kwargs).encode()})


def test_an_earlier_jobs_arguments_are_filled_in() -> None:
    info = FUNCTIONS["resize"]
    earlier = job(["/in", 300], {"sharpen": False, "since": "datetime.date(2026, 2, 1)", "options": {"a": 1}})

    fields = by_name(fields_of(info, prefill=from_job(info, earlier)))

    assert {name: view.value for name, view in fields.items()} == {
        "folder": "/in", "width": "300", "format": "jpeg", "sharpen": "", "since": "2026-02-01",
        "options": '{\n  "a": 1\n}',
    }  # fmt: skip


@pytest.mark.parametrize(
    "hidden", ["[redacted]", "long text… (12 more characters)", ["a", "… 5 more"], {"…": "3 more"}]
)
def test_what_was_hidden_or_cut_is_left_empty_with_a_hint(hidden: Any) -> None:
    info = FUNCTIONS["resize"]

    field = by_name(fields_of(info, prefill=from_job(info, job([], {"folder": hidden}))))["folder"]

    assert field.value == ""
    assert "hidden or was cut" in field.hint


def test_what_was_hidden_and_has_been_typed_since_needs_no_hint() -> None:
    info = FUNCTIONS["resize"]
    prefill = from_job(info, job([], {"folder": "[redacted]"}))

    field = by_name(fields_of(info, typed={"arg.folder": "/in\r\n/out"}, prefill=prefill))["folder"]

    assert (field.value, field.hint) == ("/in\n/out", "")


def test_a_link_fills_in_the_form() -> None:
    info = FUNCTIONS["resize"]
    prefill = from_query(
        info, {"fn": "resize", "arg.width": "7", "arg.sharpen": "false", "arg.nobody": "1", "width": "8"}
    )

    fields = by_name(fields_of(info, prefill=prefill))

    assert (fields["width"].value, fields["sharpen"].value) == ("7", "")
    assert "nobody" not in fields
