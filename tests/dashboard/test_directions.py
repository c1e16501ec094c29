"""Names that turn the direction of writing: their own letters may go backwards, the sentence around them may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from arqboard.protocol.said import Said
from arqboard_dashboard.assets import TEMPLATES
from arqboard_dashboard.directions import all_isolated, isolated, visible
from arqboard_dashboard.language import speaking, translated
from arqboard_dashboard.templating import new_environment

CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HEBREW = "\u05d0\u05d1\u05d2"


def is_closed(text: str) -> bool:
    """Whether what follows this text is written as if the text were not there."""
    depth = 0
    for letter in text:
        depth += {"\u2068": 1, "\u2069": -1}.get(letter, 0)
        if depth < 0 or (letter in CONTROLS and letter not in "\u2068\u2069"):
            return False
    return depth == 0


@pytest.mark.parametrize("text", ["", "resize", "скачать файл", "64 % · 31/48", "file\u202fname", "図"])
def test_what_turns_nothing_stays_as_it_is(text: str) -> None:
    assert isolated(text) == visible(text) == text


@pytest.mark.parametrize("letter", CONTROLS)
def test_a_character_that_turns_is_shown_as_json_spells_it(letter: str) -> None:
    assert isolated(f"a{letter}b") == visible(f"a{letter}b") == f"a\\u{ord(letter):04x}b"


def test_a_name_from_the_right_is_isolated_once() -> None:
    assert isolated(HEBREW) == f"\u2068{HEBREW}\u2069"
    assert isolated(isolated(HEBREW)) == isolated(HEBREW)
    assert isolated(f"{isolated(HEBREW)} j1") == f"\u2068{HEBREW}\u2069 j1"


@given(st.text(alphabet=st.sampled_from(f"ab {HEBREW}{CONTROLS}"), max_size=12))
def test_whatever_a_name_is_the_words_after_it_are_safe(name: str) -> None:
    assert is_closed(isolated(name))
    assert is_closed(visible(name))
    assert isolated(isolated(name)) == isolated(name)


def test_numbers_and_html_go_into_a_sentence_as_they_are() -> None:
    html = Markup("<b>\u202e</b>")
    assert all_isolated({"n": 3, "html": html, "name": "\u202e"}) == {"n": 3, "html": html, "name": "\\u202e"}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_the_protocol_says_keeps_its_order(language: str) -> None:
    with speaking(language):
        shown = translated(Said('No worker "%(id)s".', id="w\u202e1"))
    assert "w\\u202e1" in shown
    assert is_closed(shown)


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ _('Abort %(name)s now', name=name) }}", "Abort &lt;a\\u202e now"),
        ("{% trans name=name %}Abort {{ name }} now{% endtrans %}", "Abort &lt;a\\u202e now"),
        ("{{ ngettext('%(n)s of %(name)s', '%(n)s of %(name)s', 2, n=2, name=name) }}", "2 of &lt;a\\u202e"),
        ("<input value='{{ name }}'>", "<input value='&lt;a\u202e'>"),
    ],
)
def test_sentences_of_templates_show_it_and_values_keep_it(template: str, shown: str) -> None:
    env: Any = new_environment(TEMPLATES)
    assert env.from_string(template).render(name="<a\u202e") == shown
