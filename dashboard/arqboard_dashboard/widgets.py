"""Bars in other people's pages: who may see one, how it looks there, and how many are open."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from arqboard.protocol.widget import BadLink, Grant

from .appkeys import SETTINGS
from .errors import Refused
from .guard import text_of
from .language import LANGUAGES, N_, gettext
from .parameters import bad_parameter, choice_of

#: Pixels; a bar with more is round anyway.
MAX_RADIUS = 24
_ACCENT = re.compile(r"[0-9a-f]{6}(,[0-9a-f]{6})?")
_YES = frozenset(("1", "true", "yes", "on"))
_NO = frozenset(("0", "false", "no", "off"))


class Theme(StrEnum):
    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Looks:
    """How a bar looks. Nobody signs it: whoever has the link may choose."""

    theme: Theme = Theme.AUTO
    accent: str = ""
    """colour of the bar while the job runs, as six hexadecimal digits; with a comma a second one in the dark"""
    radius: int | None = None
    compact: bool = False
    """on one line"""
    plain: bool = False
    """without the card around it"""

    @property
    def query(self) -> str:
        """All that is not usual, for the address of the bar."""
        flags = {name: "1" for name in ("compact", "plain") if getattr(self, name)}
        theme = {} if self.theme is Theme.AUTO else {"theme": self.theme.value}
        return "&".join(part for part in (urlencode(theme | flags), self.colours) if part)

    @property
    def colours(self) -> str:
        """The part of the address of `/widget.css` that says what is not usual; "" where all is."""
        given = {"accent": self.accent, "radius": "" if self.radius is None else str(self.radius)}
        return urlencode({name: value for name, value in given.items() if value}, safe=",")

    @property
    def css(self) -> str:
        """The same as a style sheet, made of digits only."""
        light, _, dark = self.accent.partition(",")
        rules = [f"--accent:light-dark(#{light},#{dark or light})"] if light else []
        rules += [] if self.radius is None else [f"--radius:{self.radius}px"]
        return f":root{{{';'.join(rules)}}}\n"


class Viewers:
    """Open sockets of bars. Strangers have them, so they get half of all at most: the rest is for who works here."""

    def __init__(self, max_sockets: int) -> None:
        self.most = max(1, max_sockets // 2)
        self.open = 0

    @property
    def is_full(self) -> bool:
        return self.open >= self.most

    @contextmanager
    def one(self) -> Generator[None, None, None]:
        """Count one for as long as the block runs."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


def grant_of(request: web.Request) -> Grant:
    """What the link lets its reader see. Nothing is asked of Redis, so strangers can't learn which jobs there are."""
    secrets = request.app[SETTINGS].widget_secrets
    if not secrets:
        raise web.HTTPNotFound
    try:
        grant = Grant.read(request.match_info["id"], request.query, secrets)
    except BadLink:
        wrong = N_("This link is not right. Ask for a new one where you got it.")
        raise Refused(wrong, code="bad_link") from None
    if grant.until <= time.time():
        raise Refused(N_("This link has expired."), code="link_expired", status=HTTPStatus.GONE)
    return grant


def looks_of(query: MultiMapping[str]) -> Looks:
    """How the bar is to look. Raises BadInput, which names the parameter."""
    language = text_of(query, "lang")
    if language is not None and language not in LANGUAGES:
        raise bad_parameter("lang", _not_this(language, ", ".join(LANGUAGES)))
    return Looks(
        choice_of(query, "theme", Theme) or Theme.AUTO, accent_of(query), radius_of(query),
        flag_of(query, "compact"), flag_of(query, "plain"),
    )  # fmt: skip


def accent_of(query: MultiMapping[str]) -> str:
    text = (text_of(query, "accent") or "").lower().replace("#", "")
    if text and not _ACCENT.fullmatch(text):
        raise bad_parameter("accent", _not_this(text, "4b43d6; 4b43d6,8f95ff"))
    return text


def radius_of(query: MultiMapping[str]) -> int | None:
    text = text_of(query, "radius")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > MAX_RADIUS:
        raise bad_parameter("radius", _not_this(text, f"0 … {MAX_RADIUS}"))
    return int(text)


def flag_of(query: MultiMapping[str], name: str) -> bool:
    text = (text_of(query, name) or "0").lower()
    if text not in _YES | _NO:
        raise bad_parameter(name, _not_this(text, "1, 0"))
    return text in _YES


def _not_this(text: str, right: str) -> str:
    return gettext('"%(text)s" does not fit; what fits is: %(right)s') % {"text": text[:60], "right": right}
