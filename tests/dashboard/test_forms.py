"""From a signature to inputs, and from what was typed to a call."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
from typing import Annotated, Any, Literal

import pytest
from board import FUNCTIONS, resize, total
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from arqboard.protocol import BadArguments, FunctionInfo, Job
from arqboard_dashboard.forms import as_python, call_of, checked, fields_of, from_job, from_query, texts_of
from arqboard_dashboard.views import FieldView


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


async def everything(
    ctx: dict[Any, Any],
    text: str,
    count: Annotated[int, Field(gt=0, le=9)],
    share: float = 0.5,
    flag: bool = True,
    colour: Colour = Colour.RED,
    level: Literal[1, 2, "max"] = 1,
    maybe: bool | None = None,
    day: dt.date | None = None,
    at: dt.datetime | None = None,
    clock: dt.time | None = None,
    items: list[int] = [1, 2],  # noqa: B006 - the default is only described
    either: int | str = 0,
    unknown: Any = None,
    note: Annotated[str, Field(max_length=5000)] = "",
) -> None: ...


INFO = FunctionInfo.of("everything", everything)


def by_name(fields: list[FieldView]) -> dict[str, FieldView]:
    return {view.name.removeprefix("arg."): view for view in fields}


def call(info: FunctionInfo, **typed: str) -> tuple[list[Any], dict[str, Any]]:
    """What a form with these fields starts."""
    filled = call_of(info, {f"arg.{name}": value for name, value in typed.items()})
    checked(info, filled)
    bound = info.bind(filled.args, filled.kwargs, lax=True)
    return bound.args, bound.kwargs


def test_every_type_has_its_input() -> None:
    widgets = {name: view.widget for name, view in by_name(fields_of(INFO)).items()}

    assert widgets == {
        "text": "text", "count": "number", "share": "number", "flag": "checkbox", "colour": "select", "level": "select",
        "maybe": "select", "day": "date", "at": "datetime", "clock": "time", "items": "json", "either": "json",
        "unknown": "json", "note": "textarea",
    }  # fmt: skip


def test_defaults_are_filled_in_and_bounds_are_told() -> None:
    fields = by_name(fields_of(INFO))

    assert (fields["text"].value, fields["text"].required) == ("", True)
    assert (fields["count"].minimum, fields["count"].maximum, fields["count"].step) == ("1", "9", "1")
    assert (fields["share"].value, fields["share"].step, fields["share"].required) == ("0.5", "any", False)
    assert (fields["flag"].value, fields["colour"].value, fields["level"].value) == ("on", "red", "1")
    assert fields["level"].options == ["", "1", "2", "max"]
    assert (fields["day"].value, fields["items"].value) == ("", "[\n  1,\n  2\n]")


def test_what_is_typed_becomes_values() -> None:
    args, kwargs = call(
        INFO, text=" a ", count=" 3 ", share="1e-3", flag="on", colour="blue", level="2", maybe="false",
        day="2026-02-28", at="2026-02-28T10:30", clock="10:30", items="[3]", either='"x"',
        unknown='{"a": [null]}', note="a\r\nb",
    )  # fmt: skip

    assert args == []
    assert kwargs == {
        "text": " a ", "count": 3, "share": 0.001, "flag": True, "colour": "blue", "level": 2, "maybe": False,
        "day": dt.date(2026, 2, 28), "at": dt.datetime(2026, 2, 28, 10, 30), "clock": dt.time(10, 30), "items": [3],
        "either": "x", "unknown": {"a": [None]}, "note": "a\nb",
    }  # fmt: skip


def test_an_empty_optional_field_is_left_out_and_an_unticked_box_means_no() -> None:
    assert call(INFO, text="a", count="1", share="", day="", items="", flag="") == (
        [], {"text": "a", "count": 1, "flag": False}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"count": "many"}, "is not a number"),
        ({"count": "nan"}, "is not a number"),
        ({"count": "9" * 200}, "is not a number"),
        ({"count": "1_0"}, "is not a number"),
        ({"count": "0"}, "greater than 0"),
        ({"share": "inf"}, "is not a number"),
        ({"colour": "green"}, "one of red, blue"),
        ({"day": "2026-13-01"}, "date"),
        ({"items": "[1,]"}, "line 1, column"),
        ({"items": "[NaN]"}, "NaN"),
        ({"items": '["\\ud800"]'}, "surrogate"),
        ({"items": "[" * 30 + "]" * 30}, "nested"),
        ({"items": '["a"]'}, "integer"),
        ({"flag": "perhaps"}, "boolean"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(typed: dict[str, str], said: str) -> None:
    with pytest.raises(BadArguments) as refused:
        call(INFO, **{"text": "a", "count": "1", **typed})

    name = next(iter(typed))
    assert said in refused.value.problems[name]
    shown = by_name(fields_of(INFO, typed={f"arg.{n}": v for n, v in typed.items()}, problems=refused.value.problems))
    assert (shown[name].value, shown[name].error) in (
        (typed[name], refused.value.problems[name]), ("on", refused.value.problems[name])
    )  # fmt: skip


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadArguments) as refused:
        call(INFO, count="many", items="{")

    assert set(refused.value.problems) == {"text", "count", "items"}


def test_further_arguments_are_a_json_list() -> None:
    info = FunctionInfo.of("total", total)

    assert call(info, numbers="[1, 2.5]") == ([1, 2.5], {})
    assert call(info, numbers="") == ([], {})
    with pytest.raises(BadArguments, match="JSON list"):
        call(info, numbers="{}")


def test_arguments_by_name_are_a_json_object_and_by_position_only_go_by_position() -> None:
    async def odd(ctx: Any, a: int, /, b: int = 2, *rest: int, c: int, **more: int) -> None: ...

    info = FunctionInfo.of("odd", odd)

    assert call(info, a="1", c="3", more='{"d": 4}') == ([1], {"c": 3, "d": 4})
    assert call(info, a="1", b="2", rest="[5]", c="3") == ([1, 2, 5], {"c": 3})
    with pytest.raises(BadArguments) as refused:
        call(info, a="1", rest="[5]", c="3")
    assert "further arguments" in refused.value.problems["b"]


# Again, and from a link


def job(args: list[Any], kwargs: dict[str, Any]) -> Job:
    import json

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


def test_a_link_fills_in_the_form() -> None:
    info = FUNCTIONS["resize"]
    prefill = from_query(
        info, {"fn": "resize", "arg.width": "7", "arg.sharpen": "false", "arg.nobody": "1", "width": "8"}
    )

    fields = by_name(fields_of(info, prefill=prefill))

    assert (fields["width"].value, fields["sharpen"].value) == ("7", "")
    assert "nobody" not in fields


def test_the_call_is_shown_in_python() -> None:
    info = FunctionInfo.of("resize", resize)
    fields = fields_of(info, prefill=from_query(info, {"arg.folder": "/in"}))

    assert as_python(info, texts_of(fields)) == (
        "await pool.enqueue_job('resize', folder='/in', width=800, format='jpeg', sharpen=True)"
    )


def test_a_native_input_is_not_used_for_what_it_can_not_hold() -> None:
    info = INFO
    prefill = from_query(info, {"arg.at": "2026-01-01T00:00:00+02:00", "arg.count": "x", "arg.text": "two\nlines"})

    fields = by_name(fields_of(info, prefill=prefill))

    assert (fields["at"].widget, fields["count"].widget, fields["text"].widget) == ("text", "text", "textarea")


@given(st.dictionaries(st.text(), st.text()))
def test_any_typed_form_is_a_call_or_a_named_mistake(typed: dict[str, str]) -> None:
    for info in (INFO, *FUNCTIONS.values()):
        with contextlib.suppress(BadArguments):
            call(info, **typed)
