"""The form of a function, made from its published signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arqboard.protocol import FunctionInfo, Parameter

from .inputs import NUMBER, Input, Schema, Widget, as_text, input_of
from .prefill import Prefill
from .views import FieldView

HIDDEN_HINT = "Its value is hidden or was cut where it is stored. Enter it again."
#: What native inputs can hold; they drop anything else.
_SHAPES: Mapping[Widget, str] = {
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
    "datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
    "number": NUMBER.pattern,
}


def fields_of(
    info: FunctionInfo,
    *,
    typed: Mapping[str, str] | None = None,
    prefill: Prefill | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[FieldView]:
    """The inputs of a function: as typed after a mistake, else prefilled, else with its defaults."""
    return [_field(p, typed, prefill or Prefill(), problems or {}) for p in info.parameters]


def option_fields(
    typed: Mapping[str, str], problems: Mapping[str, str], *, queues: list[str], queue: str
) -> list[FieldView]:
    """Queue, start and id of the job to be. Their problems are named `opt.…`: parameters can have the same names."""

    def option(name: str, label: str, type_: str, widget: Widget, **more: Any) -> FieldView:
        return FieldView(
            name=f"opt.{name}", id=f"o-{name}", label=label, type=type_, widget=widget, required=False,
            value=typed.get(f"opt.{name}", more.pop("value", "")), error=problems.get(f"opt.{name}", ""), **more,
        )  # fmt: skip

    return [
        option("queue", "Queue", "", "select", value=queue, options=queues),
        option("defer_by", "Start in", "seconds", "number", minimum="0", step="any", hint="Empty starts it now."),
        option("job_id", "Job id", "unique", "text", hint="Empty makes one."),
    ]


def texts_of(fields: list[FieldView]) -> dict[str, str]:
    """What the browser would send of these fields if nothing were changed."""
    return {view.name: view.value for view in fields if view.widget != "checkbox" or view.value}


def _field(
    parameter: Parameter, typed: Mapping[str, str] | None, prefill: Prefill, problems: Mapping[str, str]
) -> FieldView:
    how, name = input_of(parameter), parameter.name
    value = _value(parameter, how, typed, prefill)
    widget = _fitting(how.widget, value)
    bounds = _bounds(how.schema) if widget == "number" else ("", "", "")
    empty = [""] if how.choices and (not parameter.required or how.nullable) else []
    return FieldView(
        name=f"arg.{name}",
        id=f"f-{name}",
        label={"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "") + name,
        type=parameter.type if parameter.required else f"{parameter.type} = {_default_text(parameter)}",
        widget=widget,
        value=value,
        required=parameter.required and not how.nullable and widget != "checkbox",
        options=empty + list(how.choices),
        error=problems.get(name, ""),
        hint=HIDDEN_HINT if name in prefill.hidden and typed is None else _hint(parameter, widget),
        minimum=bounds[0],
        maximum=bounds[1],
        step=bounds[2],
    )


def _value(parameter: Parameter, how: Input, typed: Mapping[str, str] | None, prefill: Prefill) -> str:
    name = parameter.name
    if typed is not None:
        return typed.get(f"arg.{name}", "")
    if name in prefill.texts or name in prefill.hidden:
        text = prefill.texts.get(name, "")
        return ("on" if text.lower() in ("on", "true", "1") else "") if how.widget == "checkbox" else text
    if parameter.required or parameter.kind.startswith("var_"):
        return ""
    return as_text(parameter.default, how)


def _fitting(widget: Widget, value: str) -> Widget:
    """The widget, or a plain one where it could not hold the value."""
    if value and widget in _SHAPES and not re.fullmatch(_SHAPES[widget], value):
        return "text"
    return "textarea" if widget == "text" and "\n" in value else widget


def _default_text(parameter: Parameter) -> str:
    return repr(parameter.default) if not parameter.kind.startswith("var_") else "…"


def _hint(parameter: Parameter, widget: Widget) -> str:
    if parameter.kind == "var_positional":
        return "A JSON list of further arguments."
    if parameter.kind == "var_keyword":
        return "A JSON object of further arguments by name."
    return "JSON" if widget == "json" else ""


def _bounds(schema: Schema) -> tuple[str, str, str]:
    """`min`, `max` and `step`. Integers have a next one past an exclusive bound; else the check says it."""
    is_whole = schema.get("type") == "integer"
    low, high = schema.get("minimum"), schema.get("maximum")
    if is_whole and low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    if is_whole and high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - 1
    step = str(schema.get("multipleOf", "1" if is_whole else "any"))
    return "" if low is None else f"{low}", "" if high is None else f"{high}", step
