"""A function's signature travels as data, and checks calls where the function itself is not."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from arqboard.protocol import BadArguments, FunctionInfo


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    city: str
    zip: int = 0


@dataclass
class Point:
    x: int
    y: int = 0


async def report(
    ctx: dict[str, Any],
    user_id: int,
    month: dt.date,
    fmt: Literal["pdf", "csv"] = "pdf",
    filters: dict[str, int] | None = None,
    notify: bool = True,
) -> None:
    """Build the monthly report.

    And more about it.
    """


def published(function: Any) -> FunctionInfo:
    """As the dashboard sees it: through JSON."""
    return FunctionInfo.model_validate_json(FunctionInfo.of("f", function).model_dump_json())


def problems(function: Any, *args: Any, lax: bool = False, **kwargs: Any) -> dict[str, str]:
    with pytest.raises(BadArguments) as caught:
        published(function).bind(args, kwargs, lax=lax)
    return caught.value.problems


def test_a_function_is_described_for_people() -> None:
    info = published(report)
    assert info.summary == "Build the monthly report."
    assert info.signature.startswith("(user_id: int, month: date, fmt: Literal['pdf', 'csv'] = 'pdf'")
    assert [(p.name, p.type, p.required, p.default) for p in info.parameters] == [
        ("user_id", "int", True, None),
        ("month", "date", True, None),
        ("fmt", "Literal['pdf', 'csv']", False, "pdf"),
        ("filters", "dict[str, int] | None", False, None),
        ("notify", "bool", False, True),
    ]


def test_a_good_call_is_bound_with_converted_values() -> None:
    call = published(report).bind([42], {"month": "2026-10-01", "filters": {"a": 1}})
    assert call.args == []
    assert call.kwargs == {"user_id": 42, "month": dt.date(2026, 10, 1), "filters": {"a": 1}}


def test_every_wrong_argument_is_named_at_once() -> None:
    found = problems(report, "42", month="soon", fmt="doc", filters={"a": "x"}, more=1)
    assert found["user_id"] == "input should be a valid integer"
    assert "date" in found["month"]
    assert found["fmt"] == "input should be 'pdf' or 'csv'"
    assert "valid integer" in found["filters"]
    assert found["more"].startswith("no such parameter")


def test_missing_and_superfluous_arguments_are_told_apart() -> None:
    assert problems(report) == {"user_id": "is required", "month": "is required"}
    found = problems(report, 1, "2026-01-01", "pdf", None, True, "extra")
    assert found == {"": "it takes at most 5 positional arguments, 6 were given"}
    assert problems(report, 1, user_id=2, month="2026-01-01") == {"user_id": "given twice, by position and by name"}


def test_forms_send_text_and_lax_binding_takes_it() -> None:
    call = published(report).bind([], {"user_id": "42", "month": "2026-10-01", "notify": "off"}, lax=True)
    assert call.kwargs == {"user_id": 42, "month": dt.date(2026, 10, 1), "notify": False}
    assert "integer" in problems(report, user_id="4x", month="2026-10-01", lax=True)["user_id"]


def test_enums_models_and_dataclasses_arrive_as_plain_values() -> None:
    async def f(ctx: Any, size: Size, home: Address, at: list[Point]) -> None: ...

    f.__annotations__.update(size=Size, home=Address, at=list[Point])
    call = published(f).bind([], {"size": "large", "home": {"city": "Riga"}, "at": [{"x": 1}]})
    assert call.kwargs == {"size": "large", "home": {"city": "Riga", "zip": 0}, "at": [{"x": 1, "y": 0}]}
    assert "city" in problems(f, size="small", home={}, at=[])["home"]


def test_star_arguments_take_the_rest() -> None:
    async def f(ctx: Any, a: int, *rest: int, b: int = 0, **more: Any) -> None: ...

    call = published(f).bind([1, 2, 3], {"b": 4, "c": 5})
    assert (call.args, call.kwargs) == ([1, 2, 3], {"b": 4, "c": 5})


def test_odd_annotations_are_any() -> None:
    class Odd:
        pass

    async def f(ctx: Any, a: Odd, b: "Nowhere", c=object()) -> None: ...  # type: ignore[no-untyped-def,name-defined] # noqa: B008, F821, UP037

    info = published(f)
    assert [p.json_schema for p in info.parameters] == [{}, {}, {}]
    assert info.bind([1, "x"], {}).kwargs == {"a": 1, "b": "x"}
