"""The catalogue is complete: every text is marked, every message translated, in all forms and with its places kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import messages
import pytest
from babel.messages.catalog import Message
from jinja2 import Environment, nodes
from unmarked import unmarked

from arqboard_dashboard.assets import TEMPLATES
from arqboard_dashboard.language import OTHERS
from arqboard_dashboard.render import Renderer

FILES = sorted(path for path in TEMPLATES.rglob("*.html"))
ENV = Renderer().env
#: Texts that are no words of a language.
SAME = {"base.html": ["light dark"], "share.html": ["placeholder=2b6df0"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_text_of_a_template_is_marked(path: Path) -> None:
    assert [text for text in unmarked(ENV, path) if text not in SAME.get(path.name, [])] == []


def test_text_that_is_not_marked_is_found(tmp_path: Path) -> None:
    template = tmp_path / "t.html"
    template.write_text(
        "<p title='Read me'>Plain {{ n }} words {{ _('marked') }}</p>{{ 'Ours' if n else _('Theirs') }}<code>x y</code>"
    )

    assert unmarked(Environment(extensions=["jinja2.ext.i18n"]), template) == [
        "title=Read me", "Plain \u241f words \u241f", "Ours",
    ]  # fmt: skip


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language: str) -> None:
    assert [message.id for message in known(language) if not messages.is_translated(message)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_file_has_just_the_messages_that_there_are(language: str) -> None:
    """`make messages` brings them."""
    wanted = {(message.context, message.id) for message in messages.updated(language) if message.id}

    assert {(message.context, message.id) for message in known(language)} == wanted


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_the_places_and_tags_of_its_message(language: str) -> None:
    wrong = [message.id for message in known(language) if not keeps_places(message)]

    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_can_be_filled_in(language: str) -> None:
    """A stray percent sign would break a page."""
    for message in known(language):
        for text in texts(message.string):
            places = set(re.findall(r"%\((\w+)\)", text))
            if message.python_format:
                assert text % dict.fromkeys(places, 1)


def test_no_literal_goes_through_a_filter() -> None:
    """It would be worked out when the template is compiled, which all languages share."""
    for path in FILES:
        for found in ENV.parse(path.read_text()).find_all(nodes.Filter):
            assert not all(isinstance(part, nodes.Const) for part in (found.node, *found.args)), path


def known(language: str) -> list[Message]:
    return [message for message in messages.catalogue_of(language) if message.id]


def texts(string: Any) -> list[str]:
    return [text for text in (string if isinstance(string, tuple) else (string,)) if text]


def keeps_places(message: Message) -> bool:
    """Each form has the places of one of the English ones: `%(n)s` may be left out of the form for one."""
    english = [marks(text) for text in texts(message.id)]
    return all(any(marks(text) == marks_of_one for marks_of_one in english) for text in texts(message.string))


def marks(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|<[^>]+>", text))
