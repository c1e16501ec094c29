"""What is wrong with a JSON text, in words that a person who types can use, and where."""

from __future__ import annotations

import json
import re

from .language import N_, gettext

#: How json begins its messages, and what we say instead.
_WORDS: dict[str, str] = {
    "Expecting ',' delimiter": N_("a comma or a closing bracket is missing"),
    "Expecting ':' delimiter": N_("a colon is missing after the name"),
    "Expecting property name": N_("a name in double quotes is expected"),
    "Extra data": N_("there is something after the end of the value"),
    "Unterminated string": N_("this text has no closing quote"),
    "Invalid control character": N_("a line break or a tab inside a text is written \\n or \\t"),
    "Invalid \\escape": N_("a backslash in a text is written \\\\"),
    "Expecting value": N_("a value is expected"),
}
#: These say themselves that the text is over.
_OF_ENDS = (_WORDS["Extra data"], _WORDS["Unterminated string"])
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def explain(error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong, and at which character, the same on every version of Python."""
    text, at = error.doc, error.pos
    before = len(text[:at].rstrip()) - 1
    if text[at : at + 1] in ("}", "]") and before >= 0 and text[before] == ",":
        at = before  # Python 3.13 says the place of the comma itself, older ones what follows
    if text[at : at + 1] == "," and re.match(r",\s*[}\]]", text[at:]) and before >= 0:
        return gettext("a comma with nothing after it"), at
    return _at_character(text[at:]) or _in_words(error.msg, is_end=at >= len(text.rstrip())), at


def _at_character(rest: str) -> str:
    """What people bring along from other languages."""
    word = re.match(r"True\b|False\b|None\b", rest)
    if word:
        return gettext("JSON writes %(json)s, not %(python)s") % {"json": _PYTHON[word[0]], "python": word[0]}
    if rest.startswith("'"):
        return gettext("JSON texts are in double quotes, not in single ones")
    if rest.startswith(("//", "/*", "#")):
        return gettext("JSON has no comments")
    return ""


def _in_words(message: str, *, is_end: bool) -> str:
    said = next((words for begins, words in _WORDS.items() if message.startswith(begins)), "")
    if not said:
        return message[:1].lower() + message[1:]
    shown = gettext(said)
    return shown if not is_end or said in _OF_ENDS else gettext("the text ends here, and %(what)s") % {"what": shown}
