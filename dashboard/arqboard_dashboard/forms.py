"""The form of a function, made from its published signature, and the call that a filled-in form means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from arqboard.protocol import BadArguments, FunctionInfo, Job, Parameter
from arqboard.protocol.payload import REDACTED

from .strictjson import BadJson, parse
from .views import FieldView

Widget = Literal["text", "number", "checkbox", "select", "date", "datetime", "time", "json", "textarea"]
Schema = Mapping[str, Any]

_FORMATS: dict[str, Widget] = {"date": "date", "date-time": "datetime", "time": "time"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_CUT = re.compile(r"… \(\d+ more characters\)$|^… \d+ more$|^…$")
#: What a preview shows of a date, because JSON has none.
_DATE_REPR = re.compile(r"datetime\.(?:date|datetime|time)\(([\d, ]+)\)")
HIDDEN_HINT = "Its value is hidden or was cut where it is stored. Enter it again."
MAX_NUMBER = 100
#: Where values of a field come from that is neither typed nor in a link: the form as it is opened.
DEFAULTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class FilledCall:
    """What a form says. `problems` are those that show before the signature is asked."""

    args: list[Any]
    kwargs: dict[str, Any]
    problems: dict[str, str]


@dataclass(frozen=True, slots=True)
class Prefill:
    """Texts of fields by parameter name, and which of them can't be known."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    hidden: set[str] = field(default_factory=set[str])


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
    """Queue, start and id of the job to be."""

    def option(name: str, label: str, type_: str, widget: Widget, **more: Any) -> FieldView:
        return FieldView(
            name=f"opt.{name}", id=f"o-{name}", label=label, type=type_, widget=widget, required=False,
            value=typed.get(f"opt.{name}", more.pop("value", "")), error=problems.get(name, ""), **more,
        )  # fmt: skip

    return [
        option("queue", "Queue", "", "select", value=queue, options=queues),
        option("defer_by", "Start in", "seconds", "number", minimum="0", step="any", hint="Empty starts it now."),
        option("job_id", "Job id", "unique", "text", hint="Empty makes one."),
    ]


def call_of(info: FunctionInfo, typed: Mapping[str, str]) -> FilledCall:
    """The call that the fields mean. Empty optional ones are left out; numbers stay text for `bind`."""
    call = FilledCall([], {}, {})
    values: dict[str, Any] = {}
    for parameter in info.parameters:
        try:
            _take(parameter, typed, values)
        except ValueError as error:
            call.problems[parameter.name] = str(error)
    _place(info, values, call)
    return call


def checked(info: FunctionInfo, call: FilledCall) -> None:
    """Raises BadArguments with everything that is wrong, so that one answer names every field."""
    problems: dict[str, str] = {}
    try:
        info.bind(call.args, call.kwargs, lax=True)
    except BadArguments as error:
        problems = error.problems
    problems = {**problems, **call.problems}
    if problems:
        raise BadArguments(info.name, problems)


def from_job(info: FunctionInfo, job: Job) -> Prefill:
    """The arguments of an earlier job. What its record hides or cuts is left empty, never sent as shown."""
    given: dict[str, Any] = dict(job.kwargs)
    positional = [p for p in info.parameters if p.kind in ("normal", "positional")]
    given.update({p.name: value for p, value in zip(positional, job.args, strict=False)})
    rest = job.args[len(positional) :]
    prefill = Prefill()
    named = {p.name for p in info.parameters}
    for parameter in info.parameters:
        if parameter.kind == "var_positional":
            _prefill(parameter, rest, prefill)
        elif parameter.kind == "var_keyword":
            _prefill(parameter, {k: v for k, v in given.items() if k not in named}, prefill)
        elif parameter.name in given:
            _prefill(parameter, given[parameter.name], prefill)
    if "…" in job.kwargs:
        prefill.hidden.update(named - set(given))
    return prefill


def from_query(info: FunctionInfo, query: Mapping[str, str]) -> Prefill:
    """A link that fills in the form: `?fn=resize&arg.width=200`."""
    known = {p.name for p in info.parameters}
    return Prefill({n.removeprefix("arg."): v for n, v in query.items() if n.startswith("arg.") and n[4:] in known})


def as_python(info: FunctionInfo, texts: Mapping[str, str]) -> str:
    """The call in Python, as far as the fields are filled in."""
    call = call_of(info, texts)
    try:
        bound = info.bind(call.args, call.kwargs, lax=True) if not call.problems else None
    except BadArguments:
        bound = None
    args, kwargs = (bound.args, bound.kwargs) if bound else (call.args, call.kwargs)
    parts = [repr(info.name), *map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return f"await pool.enqueue_job({', '.join(parts)})"


def texts_of(fields: list[FieldView]) -> dict[str, str]:
    """What the browser would send of these fields if nothing were changed."""
    return {view.name: view.value for view in fields if view.widget != "checkbox" or view.value}


# Parameters and inputs


@dataclass(frozen=True, slots=True)
class _Input:
    """How a parameter is asked for. `choices` maps what is shown to what is meant."""

    widget: Widget
    nullable: bool
    choices: dict[str, Any]
    schema: Schema


def _input(parameter: Parameter) -> _Input:
    schema, nullable = _unwrapped(parameter.json_schema)
    if parameter.kind in ("var_positional", "var_keyword"):
        return _Input("json", nullable, {}, {})
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(options, list):
        shown: list[Any] = options  # pyright: ignore[reportUnknownVariableType] - JSON
        choices = {_shown(option): option for option in shown if option is not None}
        return _Input("select", nullable, choices, schema)
    if schema.get("type") == "boolean" and nullable:
        return _Input("select", nullable, {"true": True, "false": False}, schema)
    return _Input(_widget(schema), nullable, {}, schema)


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
            if schema.get("maxLength", 0) > 200:
                return "textarea"
            return _FORMATS.get(str(schema.get("format", "")), "text")
        case _:
            return "json"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _field(
    parameter: Parameter, typed: Mapping[str, str] | None, prefill: Prefill, problems: Mapping[str, str]
) -> FieldView:
    how, name = _input(parameter), parameter.name
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


def _value(parameter: Parameter, how: _Input, typed: Mapping[str, str] | None, prefill: Prefill) -> str:
    name = parameter.name
    if typed is not None:
        return typed.get(f"arg.{name}", "")
    if name in prefill.texts or name in prefill.hidden:
        text = prefill.texts.get(name, "")
        return ("on" if text.lower() in ("on", "true", "1") else "") if how.widget == "checkbox" else text
    if parameter.required or parameter.kind.startswith("var_"):
        return ""
    return _as_text(parameter.default, how)


def _as_text(value: Any, how: _Input) -> str:
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


def _fitting(widget: Widget, value: str) -> Widget:
    """Native inputs drop what they can't hold, so such a value gets a plain one."""
    shapes = {"date": r"\d{4}-\d\d-\d\d", "time": r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?", "number": _NUMBER.pattern}
    shapes["datetime"] = shapes["date"] + "T" + shapes["time"]
    if value and widget in shapes and not re.fullmatch(shapes[widget], value):
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


# What was typed


def _take(parameter: Parameter, typed: Mapping[str, str], values: dict[str, Any]) -> None:
    """Put the value of one field among the values. Raises ValueError, saying what is wrong with it."""
    how, text = _input(parameter), typed.get(f"arg.{parameter.name}")
    if how.widget == "checkbox":
        values[parameter.name] = _ticked(text)
    elif text is None or not text.strip():
        if parameter.required and how.nullable:
            values[parameter.name] = None
    else:
        values[parameter.name] = _converted(how, text.replace("\r\n", "\n"))


def _ticked(text: str | None) -> Any:
    return {None: False, "": False, "on": True}.get(text, text)


def _converted(how: _Input, text: str) -> Any:
    match how.widget:
        case "json":
            try:
                return parse(text)
            except BadJson as error:
                raise ValueError(f"not JSON: {error}") from None
        case "select":
            if text not in how.choices:
                raise ValueError(f"has to be one of {', '.join(how.choices)}")
            return how.choices[text]
        case "number":
            if len(text) > MAX_NUMBER or not _NUMBER.fullmatch(text.strip()):
                raise ValueError("is not a number")
            return text.strip()
        case "text" | "textarea":
            return text
        case _:
            return text.strip()


def _place(info: FunctionInfo, values: dict[str, Any], call: FilledCall) -> None:
    """By name where possible; by position where the signature says so or further ones follow."""
    extra: Any = None
    for parameter in info.parameters:
        if parameter.kind == "var_positional":
            extra = values.pop(parameter.name, None)
            if extra is not None and not isinstance(extra, list):
                call.problems[parameter.name] = "has to be a JSON list"
                extra = None
        elif parameter.kind == "var_keyword":
            more = values.pop(parameter.name, None)
            if isinstance(more, dict):
                call.kwargs.update(cast("dict[str, Any]", more))
            elif more is not None:
                call.problems[parameter.name] = "has to be a JSON object"
    kinds = ("positional", "normal") if extra else ("positional",)
    for parameter in info.parameters:
        if parameter.kind in kinds and parameter.name in values:
            call.args.append(values.pop(parameter.name))
        elif parameter.kind in kinds and extra:
            call.problems[parameter.name] = "is needed too, since further arguments follow it by position"
    call.args.extend(extra or [])  # pyright: ignore[reportUnknownArgumentType] - JSON
    call.kwargs.update(values)


# Values of an earlier job


def _prefill(parameter: Parameter, value: Any, prefill: Prefill) -> None:
    if _is_hidden(value):
        prefill.hidden.add(parameter.name)
        return
    prefill.texts[parameter.name] = _as_text(_dated(value), _input(parameter))


def _is_hidden(value: Any) -> bool:
    """Whether any part of a shown value is not the value: redacted, or cut."""
    match value:
        case str():
            return value == REDACTED or _CUT.search(value) is not None
        case list():
            items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            return any(map(_is_hidden, items))
        case dict():
            pairs: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            return "…" in pairs or any(map(_is_hidden, pairs.values()))
        case _:
            return False


def _dated(value: Any) -> Any:
    """Dates are shown as Python writes them; an input wants ISO 8601."""
    match = _DATE_REPR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    numbers = [int(part) for part in match[1].split(",")]
    if str(value).startswith("datetime.time("):
        return ":".join(f"{n:02}" for n in (*numbers, 0)[:3])
    day = "-".join(f"{n:02}" for n in numbers[:3])
    clock = ":".join(f"{n:02}" for n in (*numbers[3:6], 0, 0)[:3])
    return day if str(value).startswith("datetime.date(") else f"{day}T{clock}"
