"""What is wrong with a JSON text, in words that a person who types can use, and where."""

from __future__ import annotations

import json
import re

#: How json begins its messages, and what we say instead.
_WORDS: dict[str, str] = {
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting ':' delimiter": "a colon is missing after the name",
    "Expecting property name": "a name in double quotes is expected",
    "Extra data": "there is something after the end of the value",
    "Unterminated string": "this text has no closing quote",
    "Invalid control character": "a line break or a tab inside a text is written \\n or \\t",
    "Invalid \\escape": "a backslash in a text is written \\\\",
    "Expecting value": "a value is expected",
}
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def explain(error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong, and at which character, the same on every version of Python."""
    text, at = error.doc, error.pos
    before = len(text[:at].rstrip()) - 1
    if text[at : at + 1] in ("}", "]") and before >= 0 and text[before] == ",":
        at = before  # Python 3.13 says the place of the comma itself, older ones what follows
    if text[at : at + 1] == "," and re.match(r",\s*[}\]]", text[at:]) and before >= 0:
        return "a comma with nothing after it", at
    return _at_character(text[at:]) or _in_words(error.msg, is_end=at >= len(text.rstrip())), at


def _at_character(rest: str) -> str:
    """What people bring along from other languages."""
    word = re.match(r"True\b|False\b|None\b", rest)
    if word:
        return f"JSON writes {_PYTHON[word[0]]}, not {word[0]}"
    if rest.startswith("'"):
        return "JSON texts are in double quotes, not in single ones"
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    return ""


def _in_words(message: str, *, is_end: bool) -> str:
    said = next((words for begins, words in _WORDS.items() if message.startswith(begins)), "")
    said = said or message[:1].lower() + message[1:]
    return f"the text ends here, and {said}" if is_end and not said.startswith(("this text", "there is")) else said
