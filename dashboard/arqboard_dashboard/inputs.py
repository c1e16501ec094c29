"""How a parameter is asked for: its JSON schema becomes an HTML input."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from arqboard.protocol import Parameter

Widget = Literal["text", "number", "checkbox", "select", "date", "datetime", "time", "json", "textarea"]
Schema = Mapping[str, Any]

#: What an input for numbers can hold.
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
#: Its schema says "number or string", as that of `float | str` does.
_DECIMAL = re.compile(r"^(decimal\.)?Decimal( \| None)?$")
#: Longer texts than this get an input of several lines.
MAX_LINE = 200
_FORMATS: dict[str, Widget] = {"date": "date", "date-time": "datetime", "time": "time"}


@dataclass(frozen=True, slots=True)
class Input:
    """How a parameter is asked for. `choices` maps what is shown to what is meant."""

    widget: Widget
    nullable: bool
    choices: dict[str, Any]
    schema: Schema


def input_of(parameter: Parameter) -> Input:
    """The input that takes what the parameter takes; JSON where there is no better one."""
    schema, nullable = _unwrapped(parameter.json_schema)
    if parameter.kind in ("var_positional", "var_keyword"):
        return Input("json", nullable, {}, {})
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(options, list):
        shown: list[Any] = options  # pyright: ignore[reportUnknownVariableType] - JSON
        choices = {_shown(option): option for option in shown if option is not None}
        return Input("select", nullable, choices, schema)
    if schema.get("type") == "boolean" and nullable:
        return Input("select", nullable, {"true": True, "false": False}, schema)
    if _DECIMAL.search(parameter.type):
        return Input("text", nullable, {}, {"type": "string"})  # as a JSON number it would be rounded
    return Input(_widget(schema), nullable, {}, schema)


def _unwrapped(schema: Schema) -> tuple[Schema, bool]:
    """The schema behind `X | None` and behind a reference."""
    defs = cast("Schema", schema.get("$defs", {}))
    nullable = False
    for _ in range(10):
        if "$ref" in schema:
            schema = cast("Schema", defs.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}))
            continue
        branches = cast("list[Schema]", schema.get("anyOf", []))
        others = [branch for branch in branches if branch.get("type") != "null"]
        if len(others) == len(branches) or len(others) != 1:
            return schema, nullable or len(others) < len(branches)
        schema, nullable = others[0], True
    return schema, nullable


def _widget(schema: Schema) -> Widget:
    match schema.get("type"):
        case "integer" | "number":
            return "number"
        case "boolean":
            return "checkbox"
        case "string":
            if schema.get("maxLength", 0) > MAX_LINE:
                return "textarea"
            return _FORMATS.get(str(schema.get("format", "")), "text")
        case _:
            return "json"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def as_text(value: Any, how: Input) -> str:
    """A value as its input holds it."""
    if value is None:
        return ""
    match how.widget:
        case "checkbox":
            return "on" if value is True else ""
        case "json":
            return json.dumps(value, indent=2, ensure_ascii=False)
        case "datetime":
            return _shown(value).replace(" ", "T", 1)
        case _:
            return _shown(value)
