"""From what was typed into a form to a call, or to what is wrong with it."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest
from board import EVERYTHING, FUNCTIONS, by_name, total
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol import BadArguments, FunctionInfo
from arqboard_dashboard.calls import call_of, checked
from arqboard_dashboard.forms import fields_of


def call(info: FunctionInfo, **typed: str) -> tuple[list[Any], dict[str, Any]]:
    """What a form with these fields starts."""
    filled = call_of(info, {f"arg.{name}": value for name, value in typed.items()})
    checked(info, filled)
    bound = info.bind(filled.args, filled.kwargs, lax=True)
    return bound.args, bound.kwargs


def test_what_is_typed_becomes_values() -> None:
    args, kwargs = call(
        EVERYTHING, text=" a ", count=" 3 ", share="1e-3", flag="on", colour="blue", level="2", maybe="false",
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
    assert call(EVERYTHING, text="a", count="1", share="", day="", items="", flag="") == (
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
        call(EVERYTHING, **{"text": "a", "count": "1", **typed})

    name = next(iter(typed))
    assert said in refused.value.problems[name]
    shown = by_name(
        fields_of(EVERYTHING, typed={f"arg.{n}": v for n, v in typed.items()}, problems=refused.value.problems)
    )
    assert (shown[name].value, shown[name].error) in (
        (typed[name], refused.value.problems[name]), ("on", refused.value.problems[name])
    )  # fmt: skip


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadArguments) as refused:
        call(EVERYTHING, count="many", items="{")

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


@given(st.dictionaries(st.text(), st.text()))
def test_any_typed_form_is_a_call_or_a_named_mistake(typed: dict[str, str]) -> None:
    for info in (EVERYTHING, *FUNCTIONS.values()):
        with contextlib.suppress(BadArguments):
            call(info, **typed)
