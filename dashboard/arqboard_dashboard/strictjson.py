"""JSON from outside, without what could hurt later: NaN, lone surrogates, depth, endless numbers, twins."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from arqboard.protocol.signature import MAX_DEPTH

from .jsonplace import Place, place_at
from .jsonsyntax import explain
from .language import gettext

#: A number with more digits than this is no quantity.
MAX_DIGITS = 100
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_CONSTANTS = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<constant>NaN|-?Infinity)', re.DOTALL)


class BadJson(ValueError):
    """Text that is not the JSON we take. The message says what is wrong, and where as far as that is known."""

    def __init__(self, why: str, place: Place | None = None) -> None:
        self.place = place
        super().__init__(f"{place.said}: {why}" if place else why)


def parse(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text. Raises BadJson."""
    text = _decoded(text)
    _check_depth(text, max_depth)
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_number,
            object_pairs_hook=_no_twins,
        )
    except json.JSONDecodeError as error:
        why, at = explain(error)
        raise BadJson(why, place_at(text, at)) from None
    except _Constant:
        raise _no_constant_in(text) from None
    except RecursionError:
        raise BadJson(gettext("it is nested more than %(n)s levels deep") % {"n": max_depth}) from None
    if "\\u" in text:
        _check_text(value)
    return value


def is_text(value: str) -> bool:
    """Whether the text can be written as UTF-8, which half a surrogate pair can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """JSON of a value read from Redis; NaN and the like become text, because JSON has no word for them."""
    try:
        return json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_plain(value, 0), allow_nan=False)


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise BadJson(gettext("byte %(n)s is not UTF-8") % {"n": error.start + 1}) from None


def _check_depth(text: str, max_depth: int) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > max_depth:
            raise BadJson(gettext("it is nested more than %(n)s levels deep") % {"n": max_depth})


class _Constant(Exception):
    """NaN or the like: Python's parser takes it, and says no place."""


def _no_constant(name: str) -> NoReturn:
    raise _Constant(name)


def _no_constant_in(text: str) -> BadJson:
    found = next(match for match in _CONSTANTS.finditer(text) if match["constant"])
    return BadJson(
        gettext("%(text)s is not a JSON number") % {"text": found["constant"]}, place_at(text, found.start())
    )


def _too_many_digits(text: str) -> BadJson:
    wrong = gettext("a number has %(n)s digits; %(most)s are the most")
    return BadJson(wrong % {"n": len(text), "most": MAX_DIGITS})


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _too_many_digits(text)
    return int(text)


def _number(text: str) -> float:
    if len(text) > MAX_DIGITS:
        raise _too_many_digits(text)
    value = float(text)
    if math.isinf(value):
        raise BadJson(gettext("the number %(text)s is too large") % {"text": text})
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadJson(gettext('the key "%(name)s" is there twice') % {"name": name[:60]})
        found[name] = value
    return found


def _check_text(value: Any) -> None:
    if not all(map(is_text, _texts(value))):
        raise BadJson(gettext("it holds half of a surrogate pair (\\ud800 to \\udfff), which is not text"))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for inner in value:  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from _texts(inner)
        case dict():
            for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from _texts(name)
                yield from _texts(inner)
        case _:
            return


def _plain(value: Any, depth: int) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float() | str() | None:
            return value
        case list() | dict() if depth > 100:
            return "…"
        case list():
            return [_plain(inner, depth + 1) for inner in value]  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return {str(k): _plain(v, depth + 1) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        case _:
            return str(value)
