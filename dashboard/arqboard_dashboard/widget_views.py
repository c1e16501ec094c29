"""What the templates of a bar in somebody's page receive, and those of the page that makes links to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from arqboard.protocol import Job
from arqboard.protocol.widget import Show

from .widgets import Looks


@dataclass(frozen=True, slots=True)
class WidgetPage:
    """`pages/widget.html`: one job, or a note in its place."""

    job: Job | None
    """None where there is no such job, or not yet"""
    show: str = "bar"
    label: str = ""
    socket: str = ""
    """where its live socket is, signed; "" where nothing will come"""
    seconds: int = 0
    """until the link expires"""
    looks: Looks = Looks()  # noqa: RUF009 - frozen
    note: str = ""
    """why there is no bar"""
    retries: bool = False
    """whether it may be there in a moment"""


class Lifetime(StrEnum):
    """How long a link is good for, as people choose it."""

    HOUR = "1h"
    SHIFT = "8h"
    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def hours(self) -> int:
        return int(self[:-1]) * (24 if self.endswith("d") else 1)

    @property
    def seconds(self) -> int:
        return self.hours * 3600


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form of `pages/share.html` says."""

    lifetime: Lifetime
    show: Show
    label: str
    looks: Looks

    @property
    def height(self) -> int:
        """Pixels of the frame in a page that has no script to ask it."""
        inside = 22 if self.looks.compact else 57 + (23 if self.label else 0)
        padding = 0 if self.looks.plain else 18 if self.looks.compact else 26
        return inside + padding + (22 if self.show is Show.OUTCOME else 0)


@dataclass(frozen=True, slots=True)
class Made:
    """A link, and the HTML around it. The preview has the same link with the looks."""

    link: str
    iframe: str
    script: str
    preview: str


@dataclass(frozen=True, slots=True)
class SharePage:
    """`pages/share.html`"""

    job: Job
    choice: Choice
    made: Made | None
    """None where there is no secret to sign with"""
    origins: tuple[str, ...]
    """who may frame it"""
    lifetimes: tuple[Lifetime, ...] = tuple(Lifetime)
