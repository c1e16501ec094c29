"""The call that a filled-in form means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from arqboard.protocol import BadArguments, FunctionInfo, Parameter

from .inputs import NUMBER, Input, input_of
from .language import gettext
from .strictjson import BadJson, parse

#: Characters of a number at most.
MAX_NUMBER = 100


@dataclass(frozen=True, slots=True)
class FilledCall:
    """What a form says. `problems` are those that show before the signature is asked."""

    args: list[Any]
    kwargs: dict[str, Any]
    problems: dict[str, str]


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
    paths: dict[str, tuple[int | str, ...]] = {}
    try:
        info.bind(call.args, call.kwargs, lax=True)
    except BadArguments as error:
        problems, paths = error.problems, error.paths
    problems = {**problems, **call.problems}
    if problems:
        raise BadArguments(info.name, problems, paths)


def as_far_as_typed(info: FunctionInfo, texts: Mapping[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """The call of a form that may not be finished: converted where it fits, else what the fields say."""
    call = call_of(info, texts)
    try:
        bound = info.bind(call.args, call.kwargs, lax=True) if not call.problems else None
    except BadArguments:
        bound = None
    if bound:
        return bound.args, bound.kwargs
    numbers = {p.name for p in info.parameters if input_of(p).widget == "number"}
    return call.args, {name: _as_number(v) if name in numbers else v for name, v in call.kwargs.items()}


def _as_number(text: Any) -> Any:
    """What a number that was typed is going to be once all of the form fits."""
    try:
        return parse(str(text))
    except BadJson:
        return text


def _take(parameter: Parameter, typed: Mapping[str, str], values: dict[str, Any]) -> None:
    """Put the value of one field among the values. Raises ValueError, saying what is wrong with it."""
    how, text = input_of(parameter), typed.get(f"arg.{parameter.name}")
    if how.widget == "checkbox":
        values[parameter.name] = _ticked(text)
    elif text is None or not text.strip():
        if parameter.required and how.nullable:
            values[parameter.name] = None
    else:
        values[parameter.name] = _converted(how, text.replace("\r\n", "\n"))


def _ticked(text: str | None) -> Any:
    return {None: False, "": False, "on": True}.get(text, text)


def _converted(how: Input, text: str) -> Any:
    match how.widget:
        case "json":
            try:
                return parse(text)
            except BadJson as error:
                raise ValueError(str(error)) from None
        case "select":
            if text not in how.choices:
                raise ValueError(gettext("has to be one of %(names)s") % {"names": ", ".join(how.choices)})
            return how.choices[text]
        case "number":
            if len(text) > MAX_NUMBER or not NUMBER.fullmatch(text.strip()):
                raise ValueError(gettext("is not a number"))
            return text.strip()
        case "text" | "textarea":
            return text
        case _:
            return text.strip()


def _place(info: FunctionInfo, values: dict[str, Any], call: FilledCall) -> None:
    """By name where possible; by position where the signature says so or further ones follow."""
    extra = _unpacked(info, values, call)
    kinds = ("positional", "normal") if extra else ("positional",)
    for parameter in info.parameters:
        if parameter.kind in kinds and parameter.name in values:
            call.args.append(values.pop(parameter.name))
        elif parameter.kind in kinds and extra:
            call.problems[parameter.name] = gettext("is needed too, since further arguments follow it by position")
    call.args.extend(extra)
    call.kwargs.update(values)


def _unpacked(info: FunctionInfo, values: dict[str, Any], call: FilledCall) -> list[Any]:
    """Take what stands for `*args` and `**kwargs` out of the values; the further arguments by position come back."""
    extra: list[Any] = []
    for parameter in info.parameters:
        more = values.pop(parameter.name, None) if parameter.kind.startswith("var_") else None
        if parameter.kind == "var_positional" and isinstance(more, list):
            extra = cast("list[Any]", more)
        elif parameter.kind == "var_keyword" and isinstance(more, dict):
            call.kwargs.update(cast("dict[str, Any]", more))
        elif more is not None:
            is_list = parameter.kind == "var_positional"
            wrong = gettext("has to be a JSON list") if is_list else gettext("has to be a JSON object")
            call.problems[parameter.name] = wrong
    return extra
