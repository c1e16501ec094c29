"""What JSON has to look like, as it is written beside its field."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from arqboard.protocol import FunctionInfo
from arqboard_dashboard.shapes import MAX_SHAPE, example, shape


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    zip: Annotated[int, Field(ge=1000)] = 1000
    note: str | None = None


@dataclasses.dataclass
class Order:
    id: int
    to: Address
    tags: list[str]
    colour: Colour = Colour.RED


async def ship(ctx: dict[str, Any], order: Order) -> None: ...


def schema(type_: Any) -> dict[str, Any]:
    return TypeAdapter(type_).json_schema()


def test_a_dataclass_with_a_model_in_it_is_written_a_member_a_line() -> None:
    assert shape(schema(Order)) == (
        "{\n"
        "  id: integer\n"
        "  to: {\n"
        "    street: text\n"
        "    zip?: integer ≥ 1000\n"
        "    note?: text | null\n"
        "  }\n"
        "  tags: [ text, … ]\n"
        '  colour?: "red" | "blue"\n'
        "}"
    )


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        (list[int], "[ integer, … ]"),
        (tuple[int, str], "[integer, text]"),
        (dict[str, bool], "{ …: true | false }"),
        (dict[str, Any] | None, "{ …: any value } | null"),
        (Literal["a", 1], '"a" | 1'),
        (Any, "any value"),
    ],
)
def test_simple_ones_fit_on_a_line(type_: Any, written: str) -> None:
    assert shape(schema(type_)) == written


def test_the_example_fits_the_signature() -> None:
    info = FunctionInfo.of("ship", ship)
    made = example(info.parameters[0].json_schema)

    assert made == {
        "id": 1, "to": {"street": "text", "zip": 1000, "note": None}, "tags": ["text"], "colour": "red",
    }  # fmt: skip
    info.bind([], {"order": made})  # raises where it does not fit


def endless() -> dict[str, Any]:
    return {"$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}, "$ref": "#/$defs/A"}


@pytest.mark.parametrize(
    "hostile",
    [
        endless(),
        {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
        {"type": "object", "properties": {f"m{n}": {"type": "string"} for n in range(10_000)}},
        {"type": "object", "properties": "x", "required": 7},
        {"type": "object", "properties": {"a": 1}},
        {"anyOf": "x"},
        {"anyOf": [1]}, {"enum": 3}, {"enum": []}, {"type": ["string", "null"]}, {"$defs": 1, "$ref": 2},
        {"const": {"a": [1]}},
    ],
    ids=lambda hostile: str(hostile)[:40],
)  # fmt: skip
def test_a_schema_of_a_stranger_is_written_too_and_not_at_any_length(hostile: dict[str, Any]) -> None:
    assert len(shape(hostile)) <= MAX_SHAPE + 1
    example(hostile)
