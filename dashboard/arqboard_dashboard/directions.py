"""Names inside of sentences: what a worker wrote may turn its own letters, never the words around it.

Characters that turn the direction of writing are shown as JSON spells them (`\\u202e`), and a name in Hebrew or Arabic
is isolated from what stands beside it. Only what is read is treated so: values of fields and addresses stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard, TypeVar
from unicodedata import bidirectional

from markupsafe import Markup

T = TypeVar("T")

_OPEN, _CLOSE = "\u2068", "\u2069"
#: Embeddings, overrides, isolates and marks: nothing in them is seen, and they act on what comes after them.
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LETTERS = frozenset(("R", "AL"))


def visible(text: str) -> str:
    """A whole sentence, in which only what we isolated ourselves may act on the direction."""
    if text.isascii() or _is_balanced(text):
        return text
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def isolated(text: str) -> str:
    """A name that goes into a sentence. One that is isolated already stays as it is."""
    if text.isascii():
        return text
    shown = visible(text)
    return f"{_OPEN}{shown}{_CLOSE}" if _turns_outside(shown) else shown


def all_isolated(values: Mapping[str, T]) -> dict[str, T | str]:
    """What a template of a sentence is filled with. Numbers, and HTML that is made already, stay as they are."""
    return {name: isolated(value) if _is_plain(value) else value for name, value in values.items()}


def _is_plain(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, Markup)


def _is_balanced(text: str) -> bool:
    """Whether each isolate is closed where it was opened, and there is nothing else that turns."""
    depth = 0
    for found in _CONTROLS.finditer(text):
        depth += {_OPEN: 1, _CLOSE: -1}.get(found[0], -len(text))
        if depth < 0:
            return False
    return depth == 0


def _turns_outside(text: str) -> bool:
    """Whether letters that are read from the right stand outside of any isolate."""
    depth = 0
    for letter in text:
        depth += (letter == _OPEN) - (letter == _CLOSE)
        if depth == 0 and bidirectional(letter) in _LETTERS:
            return True
    return False
