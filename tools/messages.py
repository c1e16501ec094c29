"""Finds every message of templates, pages and the protocol, and writes it into the catalogues: `make messages`.

Beside what gettext marks there are a few places where words stand as data: titles of pages, of places in the sidebar
and of problems, what an action did, and the words of `|plural('worker')`.
"""

from __future__ import annotations

import ast
import datetime as dt
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes
from jinja2.ext import babel_extract

from arqboard.protocol import State
from arqboard.protocol.acting import Action
from arqboard.protocol.workflows import FlowState
from arqboard_dashboard.assets import LOCALE, TEMPLATES
from arqboard_dashboard.language import OTHERS
from arqboard_dashboard.problems import phrase
from arqboard_dashboard.render import Renderer

PACKAGE = Path(__file__).parents[1] / "dashboard" / "arqboard_dashboard"
PROTOCOL = Path(__file__).parents[1] / "worker" / "arqboard" / "protocol"
ROOT = Path(__file__).parents[1]
FUNCTIONS = ("gettext", "ngettext", "pgettext", "npgettext", "_", "N_", "Nn_", "Said")
#: Calls whose argument at this place is shown to people.
SHOWN: dict[str, int] = {"Place": 1, "Problem": 3, "option": 1}
#: Dictionaries and tuples of which everything is.
TOLD = ("FLASHES", "MISTAKES", "TIME_MISTAKES", "_HTTP")
#: What the standard library calls answers that have no title of ours.
PHRASES = [phrase(status) for status in (400, 403, 404, 405, 408, 413, 415, 422, 503)]
#: Where a sentence is put together with one of these.
WORDS = [*State, *FlowState, *Action]


class Found(NamedTuple):
    """One message, where it is, and what tells it from a word that is written alike."""

    file: str
    line: int
    message: str | tuple[str, str]
    context: str | None = None


def all_messages() -> list[Found]:
    """Of templates and of the dashboard's code, each as often as it occurs."""
    found = [message for path in sorted(TEMPLATES.rglob("*.html")) for message in of_template(path)]
    found += [
        message
        for folder in (PACKAGE, PROTOCOL)
        for path in sorted(folder.rglob("*.py"))
        for message in of_module(path)
    ]
    found += [Found("dashboard/arqboard_dashboard/problems.py", 0, phrase) for phrase in PHRASES]
    return found + [Found("worker/arqboard/protocol/job.py", 0, word.value) for word in WORDS]


def of_template(path: Path) -> Iterator[Found]:
    text, file = path.read_text(), str(path.relative_to(ROOT))
    options: dict[str, Any] = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    for line, function, message, _ in babel_extract(io.BytesIO(text.encode()), FUNCTIONS, [], options):
        yield from _found(file, line, function, message)
    for node in Renderer().env.parse(text).find_all(nodes.Filter):
        words = [arg.value for arg in node.args if isinstance(arg, nodes.Const)]
        if node.name == "plural" and words:
            yield Found(file, node.lineno, (words[0], words[1] if len(words) > 1 else f"{words[0]}s"))


def of_module(path: Path) -> Iterator[Found]:
    source, file = path.read_bytes(), str(path.relative_to(ROOT))
    for line, function, message, _ in extract_python(io.BytesIO(source), dict.fromkeys(FUNCTIONS), [], {}):
        yield from _found(file, line, function, message)
    for node in ast.walk(ast.parse(source)):
        for value in _words_of(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) > 1:
                yield Found(file, value.lineno, value.value)


def _words_of(node: ast.AST) -> list[ast.expr]:
    """What of a statement people read, though nothing marks it."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            place = SHOWN.get(name)
            titles = [keyword.value for keyword in keywords if keyword.arg in ("title", "hint")]
            return [*titles, *(args[place : place + 1] if place is not None else ())]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in TOLD:
            return _texts_of(value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in TOLD:
            return _texts_of(value)
        case _:
            return []


def _texts_of(value: ast.expr) -> list[ast.expr]:
    """Values of a dictionary, parts of a tuple; of a pair of code and text (`_HTTP`) the text."""
    match value:
        case ast.Dict(values=values):
            return [text for inner in values for text in _texts_of(inner)]
        case ast.Tuple(elts=[ast.Constant(value=str(code)), text]) if code.isidentifier():
            return [text]
        case ast.Tuple(elts=parts):
            return [text for part in parts for text in _texts_of(part)]
        case _:
            return [value]


def _found(file: str, line: int, function: object, message: Any) -> Iterator[Found]:
    """A call as its message; nothing where what it is given is only known when it runs."""
    words = [part for part in (message if isinstance(message, tuple) else [message]) if part]
    context = words.pop(0) if function in ("pgettext", "npgettext") and len(words) > 1 else None
    is_plural = function in ("ngettext", "npgettext", "Nn_")
    if len(words) >= (2 if is_plural else 1):
        yield Found(file, line, (words[0], words[1]) if is_plural else words[0], context)


def catalogue_of(language: str) -> Catalog:
    path = _path(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue with exactly the messages that there are; a translation is kept, and no new one is guessed."""
    template = Catalog()
    for found in all_messages():
        template.add(found.message, locations=[(found.file, 0)], context=found.context)
    known = catalogue_of(language)
    known.update(template, no_fuzzy_matching=True)
    known.obsolete.clear()
    known.header_comment = "# arqboard's words in another language. `make messages` brings new ones.\n"
    known.project, known.fuzzy = "arqboard", False
    known.creation_date = known.revision_date = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    return known


def main() -> None:
    """Bring each catalogue up to date, and say how many messages it lacks."""
    for language in OTHERS:
        catalogue = updated(language)
        path = _path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=110, sort_by_file=True, include_lineno=False)
        lacking = [message for message in catalogue if message.id and not is_translated(message)]
        print(f"{language}: {len(catalogue)} messages, {len(lacking)} without a translation", file=sys.stderr)


def is_translated(message: Message) -> bool:
    """In all of its forms."""
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def _path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "arqboard.po"


if __name__ == "__main__":
    main()
