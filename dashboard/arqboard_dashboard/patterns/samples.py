"""What the page of all components is made of, and the moment at which its clocks stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ..views import Look

#: All times are told from here, so that the page is the same whenever it is opened.
NOW: Final = round(datetime(2026, 3, 4, 14, 26, 40, tzinfo=UTC).timestamp() * 1000)
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
#: The worker that is alive; jobs of any other one have stalled.
ALIVE: Final = "mill-1:4711:a3f9"
#: No text breaks a component: words without a space, another alphabet, and what would be markup.
LONG: Final = "reconcile_quarterly_statements_of_all_subsidiaries_with_the_general_ledger_and_notify"
RUSSIAN: Final = "Пересчитать остатки на складах за прошлый квартал"
HOSTILE: Final = "<script>alert('arqboard')</script><b>bold</b> &amp; \u202eesrever"


def look(base: str = "", static: str = "") -> Look:
    """What all samples share. Its form token is none, so no form of a sample does anything."""
    return Look(NOW, frozenset((ALIVE,)), base, form_token="", build="", static=static)


@dataclass(frozen=True, slots=True)
class Sample:
    """One component in one state: its partial with what that receives."""

    caption: str
    partial: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kind: str = ""
    """how it is shown, where that is more than the partial: see patterns.css and patterns.js"""
    asks: Mapping[str, str] = field(default_factory=dict[str, str])
    """of a dialog that a script fills: its question and the words of its button"""


@dataclass(frozen=True, slots=True)
class Section:
    """A component in all its states. `css` are the style sheets of the page that it is from."""

    id: str
    title: str
    samples: tuple[Sample, ...]
    css: tuple[str, ...] = ()
