"""The form of a function, made from its published signature."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from arqboard.protocol import FunctionInfo, Parameter

from .inputs import NUMBER, Input, Schema, Widget, as_text, input_of
from .jsonplace import Path, Place, place_of
from .language import N_, gettext, translated
from .new_views import FieldView
from .prefill import Prefill
from .shapes import example, shape
from .strictjson import BadJson, parse

HIDDEN_HINT = N_("Its value is hidden or was cut where it is stored. Enter it again.")
#: What native inputs can hold; they drop anything else.
_SHAPES: Mapping[Widget, str] = {
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
    "datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
    "number": NUMBER.pattern,
}
#: What texts of these forms look like.
_FORMAT_HINTS = {
    "duration": N_("Like PT1H30M, or 01:30:00."),
    "uuid": N_("Like 1b4e28ba-2fa1-4d3a-a3c2-0ab3d9a7e1f0."),
    "email": N_("An e-mail address."),
    "uri": N_("An address like https://example.com."),
    "path": N_("A path as the worker sees it."),
}


def fields_of(
    info: FunctionInfo,
    *,
    typed: Mapping[str, str] | None = None,
    prefill: Prefill | None = None,
    problems: Mapping[str, str] | None = None,
    paths: Mapping[str, Path] | None = None,
) -> list[FieldView]:
    """The inputs of a function: as typed after a mistake, else prefilled, else with its defaults.

    `problems` says what is wrong by parameter, `paths` where inside of a JSON value that is.
    """
    filled = prefill or Prefill()
    return [
        _field(p, typed, filled, (problems or {}).get(p.name, ""), (paths or {}).get(p.name)) for p in info.parameters
    ]


def texts_of(fields: list[FieldView]) -> dict[str, str]:
    """What the browser would send of these fields if nothing were changed."""
    return {view.name: view.value for view in fields if view.widget != "checkbox" or view.value}


def default_texts(info: FunctionInfo) -> dict[str, str]:
    """The same of an untouched form."""
    return texts_of(fields_of(info))


def _field(
    parameter: Parameter, typed: Mapping[str, str] | None, prefill: Prefill, error: str, path: Path | None
) -> FieldView:
    how, name = input_of(parameter), parameter.name
    value = _value(parameter, how, typed, prefill)
    widget = _fitting(how.widget, value)
    bounds = _bounds(how.schema) if widget == "number" else ("", "", "")
    empty = [""] if how.choices and (not parameter.required or how.nullable) else []
    place = _place(value, path) if error and widget == "json" else None
    looks = _looks(parameter) if widget == "json" else ("", "")
    return FieldView(
        name=f"arg.{name}",
        id=f"f-{name}",
        label={"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "") + name,
        type=_type_text(parameter),
        widget=widget,
        value=value,
        required=parameter.required and not how.nullable and widget != "checkbox",
        options=empty + list(how.choices),
        error=_placed(error, place),
        place=place,
        hint=gettext(HIDDEN_HINT) if name in prefill.hidden and typed is None else _hint(parameter, how),
        shape=looks[0],
        example=looks[1],
        minimum=bounds[0],
        maximum=bounds[1],
        step=bounds[2],
    )


def _value(parameter: Parameter, how: Input, typed: Mapping[str, str] | None, prefill: Prefill) -> str:
    name = parameter.name
    if typed is not None:
        return typed.get(f"arg.{name}", "").replace("\r\n", "\n")
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


def _place(value: str, path: Path | None) -> Place | None:
    """Where a JSON text is broken, or where it holds what does not fit."""
    try:
        parse(value)
    except BadJson as error:
        return error.place
    return place_of(value, path) if path else None


def _placed(error: str, place: Place | None) -> str:
    said = translated(error)
    return f"{place.said}: {said}" if place and not said.startswith(place.said) else said


def _looks(parameter: Parameter) -> tuple[str, str]:
    """What JSON for this parameter looks like, and some to begin with; "" where any will do."""
    if not parameter.json_schema or parameter.kind.startswith("var_"):
        return "", ""
    return shape(parameter.json_schema), json.dumps(example(parameter.json_schema), indent=2, ensure_ascii=False)


def _type_text(parameter: Parameter) -> str:
    """The annotation and the default, without the modules that classes are from."""
    text = re.sub(r"\b(?:\w+\.)+(?=\w)", "", parameter.type)
    return text if parameter.required else f"{text} = {_default_text(parameter)}"


def _default_text(parameter: Parameter) -> str:
    return repr(parameter.default) if not parameter.kind.startswith("var_") else "…"


def _hint(parameter: Parameter, how: Input) -> str:
    if parameter.kind == "var_positional":
        return gettext("A JSON list of further arguments.")
    if parameter.kind == "var_keyword":
        return gettext("A JSON object of further arguments by name.")
    described = parameter.json_schema.get("description") if how.widget != "json" else None
    if described:
        return str(described)[:300]
    known = _FORMAT_HINTS.get(str(how.schema.get("format", "")))
    return gettext(known) if known else ""


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
