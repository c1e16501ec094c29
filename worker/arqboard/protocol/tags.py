"""Tags: short words that jobs carry so that people find them again, like `import` or `customer:42`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

from .said import Said

#: Of one job, and characters of each.
MAX_TAGS, MAX_TAG = 10, 60
#: No spaces and commas, which separate tags where they are typed, and no `*`, which stands for any text in a search.
_TAG = re.compile(rf"[\w.:@=+/#-]{{1,{MAX_TAG}}}")


def tags_of(given: Iterable[str] | None) -> tuple[str, ...]:
    """Each tag once, in the order given. Raises ValueError, which says what is wrong."""
    if given is None:
        return ()
    if isinstance(given, str):
        raise ValueError(Said('tags are a list of texts, like ["%(tag)s"], not one text', tag=given[:MAX_TAG]))  # noqa: TRY004 - like all options that make no sense
    tags = list(given)
    for tag in tags:
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):  # pyright: ignore[reportUnnecessaryIsInstance] - programs without a type checker
            raise ValueError(
                Said(
                    '"%(tag)s" is no tag: a tag has 1 to %(most)s letters, digits or any of _ . : @ = + / # -',
                    tag=str(tag)[:MAX_TAG], most=MAX_TAG,
                )
            )  # fmt: skip
    once = tuple(dict.fromkeys(tags))
    if len(once) > MAX_TAGS:
        raise ValueError(Said("a job has at most %(most)s tags, not %(n)s", most=MAX_TAGS, n=len(once)))
    return once


def split(text: str) -> list[str]:
    """What is typed into one field, with commas or spaces between tags."""
    return [part for part in re.split(r"[\s,]+", text) if part]


def written(tags: Iterable[str]) -> str:
    """As a job's record has them; "" for none."""
    listed = list(tags)
    return json.dumps(listed, ensure_ascii=False) if listed else ""


def readable(found: Any) -> tuple[str, ...]:
    """Tags of a record that anybody may have written: those that are some, as many as there may be."""
    if not isinstance(found, list):
        return ()
    tags = (tag for tag in cast("list[Any]", found) if isinstance(tag, str) and _TAG.fullmatch(tag))
    return tuple(dict.fromkeys(tags))[:MAX_TAGS]
