"""The language that is spoken now: a request speaks the reader's, and each fragment its watchers'.

Templates and formats ask here when they need a word, so one environment serves all languages. English costs no
look-up, and a catalogue is read when somebody first speaks its language.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache, wraps
from gettext import GNUTranslations, NullTranslations
from typing import TypeVar

from arqboard.protocol.said import Said

from .assets import LOCALE
from .directions import all_isolated

R = TypeVar("R")

ENGLISH = "en"
#: Each under its own name, as people look for it.
LANGUAGES = {ENGLISH: "English", "ru": "Русский"}
OTHERS = tuple(language for language in LANGUAGES if language != ENGLISH)
_spoken: ContextVar[str] = ContextVar("arqboard_language", default=ENGLISH)


def spoken() -> str:
    """The code of the language that is spoken here and now."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Generator[None, None, None]:
    """Speak a language for as long as the block runs, in this task only."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def gettext(message: str) -> str:
    """A message in the language that is spoken; as it is where there is no translation."""
    language = _spoken.get()
    return message if language == ENGLISH else catalogue(language).gettext(message)


def ngettext(one: str, many: str, count: float) -> str:
    """The form of a message that goes with a number."""
    language = _spoken.get()
    if language == ENGLISH:
        return one if count == 1 else many
    return catalogue(language).ngettext(one, many, int(count))


def pgettext(context: str, message: str) -> str:
    """A word that is another one elsewhere: `pgettext("state", "Failed")`."""
    language = _spoken.get()
    return message if language == ENGLISH else catalogue(language).pgettext(context, message)


def npgettext(context: str, one: str, many: str, count: float) -> str:
    language = _spoken.get()
    if language == ENGLISH:
        return one if count == 1 else many
    return catalogue(language).npgettext(context, one, many, int(count))


def translated(text: str) -> str:
    """What the protocol or a table of ours says in English, in the language that is spoken."""
    if not text:
        return text
    if not isinstance(text, Said):
        return gettext(text)
    values = {name: translated(value) if isinstance(value, Said) else value for name, value in text.values.items()}
    return gettext(text.template) % all_isolated(values) if values else gettext(text.template)


def N_(message: str) -> str:  # noqa: N802 - its name in every program that uses gettext
    """Marks a message for the catalogue where it stands; it is translated where it is shown."""
    return message


def Nn_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - as above
    """The same of a message with a number, for `ngettext(*forms, count)`."""
    return one, many


@cache
def catalogue(language: str) -> NullTranslations:
    """What the file of a language says. It is read as it was written, so no compiled twin can be older than it."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (LOCALE / language / "LC_MESSAGES" / "arqboard.po").open("rb") as file:
        read = read_po(file, locale=language)
    for message in list(read):  # an empty form would be shown as such, instead of the English one
        if isinstance(message.string, tuple) and not all(message.string):
            read.delete(message.id, message.context)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


def cached_by_language(size: int) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Like `lru_cache`, for what has words in it. Arguments go by position."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @lru_cache(maxsize=size)
        def known(language: str, *args: Hashable) -> R:
            return function(*args)

        @wraps(function)
        def call(*args: Hashable) -> R:
            return known(_spoken.get(), *args)

        return call

    return decorate
