"""What an action leaves for the page after it, where there are no scripts: a code in a cookie, never any text.

`code` alone has one sentence. `code.<batch>` offers Undo as well. `bulk-<action>-<done>-<left>` tells numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from arqboard.protocol.acting import Action, Wish, is_batch

from .language import gettext
from .told import done_words, left_words, undone_words
from .views import Told

_BULK = re.compile(r"bulk-(retry|abort|delete|reprioritise)-(\d{1,9})-(\d{1,9})(?:-(\d))?")
_UNDONE = re.compile(r"undone-(\d{1,9})-(\d{1,9})")


def of_bulk(wish: Wish, done: int, left: int, told: Told) -> str:
    """The code of what was done to many jobs."""
    code = f"bulk-{wish.action}-{done}-{left}-{wish.priority}"
    return with_undo(code, told.batch)


def of_undone(done: int, left: int) -> str:
    return f"undone-{done}-{left}"


def with_undo(code: str, batch: str) -> str:
    return f"{code}.{batch}" if batch else code


def read(cookie: str, sentences: Mapping[str, str]) -> Told | None:
    """What a cookie means; nothing where we did not write it."""
    code, _, batch = cookie.partition(".")
    text = gettext(sentences[code]) if code in sentences else _counted(code)
    return Told(text, batch=batch if is_batch(batch) else "") if text else None


def _counted(code: str) -> str:
    if found := _BULK.fullmatch(code):
        wish = Wish(Action(found[1]), priority=int(found[4] or 0))
        return _both(done_words(wish, int(found[2])), int(found[3]))
    if found := _UNDONE.fullmatch(code):
        return _both(undone_words(int(found[1])), int(found[2]))
    return ""


def _both(done: str, left: int) -> str:
    if not left:
        return f"{done}."
    return f"{done}, {left_words(left)}."
