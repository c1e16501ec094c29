"""What the page of preferences receives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from .language import LANGUAGES
from .preferences import UTC, zones


@dataclass(frozen=True, slots=True)
class PreferencesView:
    """`pages/preferences.html`"""

    languages: dict[str, str]
    """code → its own name"""
    language: str
    """what the page is in, by choice or by the browser"""
    zones: list[tuple[str, list[str]]]
    """names of time zones by region"""

    @classmethod
    def of(cls, language: str) -> PreferencesView:
        return cls(LANGUAGES, language, _by_region(sorted(zones() - {UTC})))


def _by_region(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    return [(region, list(found)) for region, found in groupby(names, lambda name: name.partition("/")[0])]
