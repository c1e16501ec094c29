"""What a request may ask of a list: filters, how much of it, and from where. Mistakes are named after the parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from multidict import MultiMapping

from .errors import BadInput
from .guard import text_of
from .language import gettext
from .strictjson import is_text

#: Rows of a page at most, and without a word about it.
MAX_LIMIT, LIMIT = 200, 50
#: Longest name or cursor that is looked up.
MAX_NAME = 500
Choice = TypeVar("Choice", bound=StrEnum)


def choice_of(query: MultiMapping[str], name: str, choices: type[Choice]) -> Choice | None:
    """One of these words; None where it is missing or `all`."""
    text = text_of(query, name)
    if text is None or text == "all":
        return None
    for choice in choices:
        if choice == text:
            return choice
    raise bad_parameter(name, not_among(text, name, choices))


def name_of(query: MultiMapping[str], name: str) -> str | None:
    """A name that something can have."""
    text = text_of(query, name)
    if text is not None and (len(text) > MAX_NAME or not is_text(text)):
        raise bad_parameter(name, gettext("no %(what)s has such a name") % {"what": name})
    return text


def limit_of(query: MultiMapping[str], name: str = "limit", *, default: int = LIMIT, most: int = MAX_LIMIT) -> int:
    """How many rows; more than the most are the most."""
    text = text_of(query, name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) == 0:
        wrong = gettext('"%(text)s" is not a number of rows; give 1 to %(most)s')
        raise bad_parameter(name, wrong % {"text": text[:60], "most": most})
    return min(int(text), most)


def number_of(query: MultiMapping[str], name: str, default: int = 0) -> int:
    """A number from 0 on."""
    text = text_of(query, name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise bad_parameter(name, gettext('"%(text)s" is not a number from 0 on') % {"text": text[:60]})
    return int(text)


def cursor_of(query: MultiMapping[str], name: str = "after") -> str | None:
    """The `next` of the page before, or the `previous` of the one after."""
    text = text_of(query, name)
    if text is None:
        return None
    if len(text) > MAX_NAME or not re.fullmatch(r"-?[0-9]{1,15}~.+", text, re.DOTALL) or not is_text(text):
        told = "next" if name == "after" else "previous"
        wrong = gettext('"%(text)s" is not a place in the list; take it from the `%(told)s` of a page')
        raise bad_parameter(name, wrong % {"text": text[:60], "told": told})
    return text


def time_of(text: str, name: str = "at") -> int:
    """A time in ISO 8601 as ms since 1970; UTC where it does not say. Raises BadInput."""
    try:
        found = datetime.fromisoformat(text)
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        wrong = gettext('"%(text)s" is not a time; it looks like 2026-11-28T17:00') % {"text": text[:60]}
        raise bad_parameter(name, wrong) from None


def not_among(text: str, name: str, choices: Iterable[object]) -> str:
    """That this is none of the words that a parameter can be."""
    wrong = gettext('%(name)s can\'t be "%(text)s"; there are %(names)s')
    return wrong % {"text": text[:60], "name": name, "names": ", ".join(map(str, choices))}


def bad_parameter(name: str, message: str) -> BadInput:
    return BadInput(message, code="bad_parameter", field=name, status=422)
