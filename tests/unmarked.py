"""Finds text in a template that no catalogue knows: between tags, in attributes that are read out, in strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

#: Attributes that people see or hear.
SHOWN = {"aria-label", "title", "placeholder", "alt", "hx-confirm", "label", "aria-description", "data-confirm"}
#: What is inside these is code, or the name of a key.
CODE = {"code", "pre", "kbd", "script", "style", "svg"}
#: Words that are the same in every language.
NAMES = {
    *("arqboard", "arq", "UTC", "JSON", "CSV", "Redis", "Python", "curl", "API", "PNG", "URL", "AOF", "RDB"),
    *("noeviction", "pid", "id", "esc"),
}
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")
_TRANSLATED = {"_", "gettext", "ngettext", "pgettext", "npgettext", "N_"}


def words_in(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word not in NAMES]


class _Texts(HTMLParser):
    """Collects what is between tags and in attributes, with a mark where Jinja writes something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in CODE:
            self._inside.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name in SHOWN and value and words_in(value)]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and words_in(data):
            self.found.append(" ".join(data.split()))


def of_html(text: str) -> list[str]:
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "\u241f", text, flags=re.DOTALL)
    parser = _Texts()
    parser.feed(text)
    return parser.found


def of_strings(env: Environment, text: str) -> Iterator[str]:
    """Strings with a capital or a space that an expression shows, or a variable keeps, without a translation."""
    for output in env.parse(text).find_all((nodes.Output, nodes.Assign)):
        yield from _strings(output)


def _strings(node: nodes.Node) -> Iterator[str]:
    match node:
        case (
            nodes.Call(node=nodes.Name())
            | nodes.Filter()
            | nodes.Compare()
            | nodes.Test()
            | nodes.Getattr()
            | nodes.Getitem()
        ):
            if isinstance(node, nodes.Filter) and node.node is not None:
                yield from _strings(node.node)
            return
        case nodes.Const(value=str() as value) if re.match(r"[A-Z][a-z]+|[a-z]+,? [a-z]+", value) and words_in(value):
            yield value
        case _:
            for child in node.iter_child_nodes():
                yield from _strings(child)


def unmarked(env: Environment, path: Path) -> list[str]:
    text = path.read_text()
    return [*of_html(text), *of_strings(env, text)]
