"""Where a value stands in a JSON text, so that a message can point at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .language import gettext

#: Lines shown before and after the one that is wrong, and characters of each.
AROUND = 1
MAX_LINE = 120
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
Path = Sequence[int | str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text, `mark` characters before the one that is wrong where it is on this line."""

    number: int
    text: str
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Counted from 1, in characters as people count them."""

    line: int
    column: int
    lines: tuple[Line, ...] = ()

    @property
    def said(self) -> str:
        return gettext("line %(line)s, column %(column)s") % {"line": self.line, "column": self.column}


def place_at(text: str, offset: int) -> Place:
    """The place of a character, with the lines around it."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Place(line, column, tuple(_excerpt(text.split("\n"), line, column)))


def place_of(text: str, path: Path) -> Place | None:
    """Where the value at this path begins; of a path that leads on, the last value that is there.

    Parts of the path that name no member are passed over: pydantic names the branch of a union among them.
    """
    try:
        return place_at(text, _walk(text, list(path)))
    except (ValueError, IndexError, RecursionError):
        return None


def _walk(text: str, path: list[int | str]) -> int:
    at = _after_space(text, 0)
    while path:
        members = dict(_members(text, at))
        part = path.pop(0)
        at = members.get(part, at)
    return at


def _members(text: str, at: int) -> Iterator[tuple[int | str, int]]:
    """The members of the array or object that begins here, and where the value of each begins."""
    opening, number = text[at : at + 1], 0
    if opening not in ("{", "["):
        return
    at = _after_space(text, at + 1)
    while text[at] not in "}]":
        name: Any = number
        if opening == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        yield name, at
        _, at = _DECODER.raw_decode(text, at)
        number, at = number + 1, _after_space(text, at)
        at = _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _excerpt(lines: list[str], line: int, column: int) -> Iterator[Line]:
    """The lines around the place; of a long line the part around it."""
    cut = max(0, column - MAX_LINE // 2) if len(lines[line - 1]) > MAX_LINE else 0
    for number in range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1):
        shown = lines[number - 1][cut : cut + MAX_LINE]
        yield Line(number, shown, column - 1 - cut if number == line else None)
