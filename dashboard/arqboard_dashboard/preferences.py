"""What each reader has chosen for himself, kept in cookies: light or dark, the language, the time zone, keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast, get_args
from zoneinfo import available_timezones

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .language import ENGLISH, LANGUAGES, speaking
from .place import kind

Theme = Literal["", "light", "dark"]
Density = Literal["", "compact"]
Keys = Literal["", "off"]
#: Names of the cookies; each is one choice, and a missing one is the usual.
PREFIX = "arqboard_"
FOREVER = 365 * 24 * 3600
UTC = "UTC"
_WEIGHTED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=(\d(?:\.\d{1,3})?))?\s*")


@dataclass(frozen=True, slots=True)
class Preferences:
    """ "" means: as the browser has it."""

    theme: Theme = ""
    density: Density = ""
    zone: str = ""
    """the name of a time zone"""
    language: str = ""
    keys: Keys = ""
    """whether single keys act"""

    @classmethod
    def of(cls, request: web.Request) -> Preferences:
        """As the cookies say. What there is no such choice of counts as not chosen."""
        return cls(
            theme=cast("Theme", _cookie(request, "theme", get_args(Theme))),
            density=cast("Density", _cookie(request, "density", get_args(Density))),
            zone=_cookie(request, "zone", zones()),
            language=_cookie(request, "language", LANGUAGES),
            keys=cast("Keys", _cookie(request, "keys", get_args(Keys))),
        )


#: What may be chosen under each name.
NAMES = tuple(Preferences.__dataclass_fields__)


def is_choice(name: str, value: str) -> bool:
    """Whether a preference can be set to this."""
    choices = {
        "theme": get_args(Theme), "density": get_args(Density), "keys": get_args(Keys),
        "language": ("", *LANGUAGES), "zone": ("", *zones()),
    }  # fmt: skip
    return value in choices.get(name, ())


@cache
def zones() -> frozenset[str]:
    """Names of time zones, without the links that only old systems use."""
    regions = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return frozenset({UTC, *(name for name in available_timezones() if name.partition("/")[0] in regions)})


def language_of(request: web.Request) -> str:
    """The chosen language, else the one that the browser would like best of those we have."""
    chosen = _cookie(request, "language", LANGUAGES)
    return chosen or preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def preferred(header: str) -> str:
    """The best of ours in an `Accept-Language`; English where there is none."""
    weights: dict[str, float] = {}
    for part in header[:500].split(","):
        match = _WEIGHTED.fullmatch(part)
        if match and (code := match[1].lower()) in LANGUAGES:
            weights.setdefault(code, float(match[2] or 1))
    wanted = [code for code, weight in weights.items() if weight > 0]
    return max(wanted, key=weights.__getitem__, default=ENGLISH)


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer people in their language. Programs are answered in English, so that they can tell errors apart."""
    match kind(request):
        case "page":
            language = language_of(request)
        case "widget":  # in the language of the page around it, where that says one; it has no cookies
            wanted = request.query.get("lang", "")
            language = wanted if wanted in LANGUAGES else preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        case _:
            language = ENGLISH
    with speaking(language):
        return await handler(request)


def _cookie(request: web.Request, name: str, choices: Iterable[str]) -> str:
    value = request.cookies.get(PREFIX + name, "")
    return value if value in choices else ""
