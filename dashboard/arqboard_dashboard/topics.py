"""What the hub's keys are: what a page watches, in the language it speaks. The hub itself knows neither.

A page says `row:j1`; in English the hub's key is the same, in Russian it is `ru|row:j1`. So readers of one language
share a fragment, and a site where all read English has no other keys and renders nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from .language import ENGLISH, OTHERS

_BAR = "|"
#: A list is a set of rows and has no words; its key goes back to the page as it came.
_WORDLESS = "list:"


def topic_of(key: str, language: str) -> str:
    """The hub's key of what a page watches."""
    return key if language == ENGLISH or key.startswith(_WORDLESS) else f"{language}{_BAR}{key}"


def topics_of(live: Mapping[str, int], language: str) -> dict[str, int]:
    """The same of all that a page watches, with their versions."""
    return {topic_of(key, language): version for key, version in live.items()}


def split(topic: str) -> tuple[str, str]:
    """The language and the page's key; the same with a kind alone: `ru|row`. No kind has a bar in its name."""
    kind, colon, name = topic.partition(":")
    language, bar, plain = kind.rpartition(_BAR)
    return (language, plain + colon + name) if bar else (ENGLISH, topic)


@lru_cache(maxsize=64)
def in_language(kinds: tuple[str, ...], language: str) -> tuple[str, ...]:
    """Kinds as they begin the topics of one language."""
    return tuple(topic_of(kind, language) for kind in kinds)


def in_every_language(kinds: Iterable[str]) -> frozenset[str]:
    """The same of all languages, so that to know a topic's kind is one look into a set."""
    named = tuple(kinds)
    return frozenset((*named, *(kind for language in OTHERS for kind in in_language(named, language))))


def languages_in(topics: Iterable[str]) -> tuple[str, ...]:
    """The languages that these are in."""
    return tuple(dict.fromkeys(split(topic)[0] for topic in topics))
