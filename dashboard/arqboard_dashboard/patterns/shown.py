"""Samples as HTML, each by the partial that the pages use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from jinja2 import Environment
from markupsafe import Markup

from ..formats import iso
from ..views import Look
from . import samples
from .samples import NOW, Sample, Section

#: Attributes that name an element. A page has each component once; here many stand beside each other.
_NAMES = re.compile(r'(?<=\s)(id|for|form|popovertarget|aria-(?:labelledby|describedby|controls|owns))="([^"]+)"')


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A sample beside its caption."""

    caption: str
    html: Markup
    kind: str
    asks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A component in all its states."""

    id: str
    title: str
    samples: tuple[ShownSample, ...]


@dataclass(frozen=True, slots=True)
class PatternsView:
    """`pages/patterns.html`. `names` are all sections, `chosen` is the one that is shown alone."""

    sections: tuple[ShownSection, ...]
    names: tuple[tuple[str, str], ...]
    css: tuple[str, ...]
    chosen: str = ""

    @property
    def clock(self) -> str:
        return iso(NOW)


def patterns_view(env: Environment, look: Look, sections: Sequence[Section], chosen: str) -> PatternsView:
    """All sections, or the one that is asked for with the style sheets of its page alone."""
    here = [section for section in sections if chosen in ("", section.id)]
    still, numbers = samples.look(look.base, look.static), count(1)
    shown = tuple(_section(env, section, still, numbers) for section in here)
    css = tuple(dict.fromkeys(name for section in here for name in section.css))
    return PatternsView(shown, tuple((section.id, section.title) for section in sections), css, chosen)


def _section(env: Environment, section: Section, look: Look, numbers: Iterator[int]) -> ShownSection:
    return ShownSection(
        section.id, section.title, tuple(_sample(env, sample, look, next(numbers)) for sample in section.samples)
    )


def _sample(env: Environment, sample: Sample, look: Look, number: int) -> ShownSample:
    html = env.get_template(f"partials/{sample.partial}.html").render(look=look, oob=False, **sample.values)
    named = _NAMES.sub(lambda found: f'{found[1]}="{_renamed(found[2], number)}"', html)
    return ShownSample(sample.caption, Markup(named), sample.kind, sample.asks)  # noqa: S704 - of autoescaped templates


def _renamed(names: str, number: int) -> str:
    return " ".join(f"{name}-s{number}" for name in names.split())
