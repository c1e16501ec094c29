"""Rules that every template keeps, so that a strict Content-Security-Policy and hostile data change nothing."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2.meta
import pytest

from arqboard_dashboard.assets import STATIC, TEMPLATES
from arqboard_dashboard.render import Renderer

FILES = sorted(TEMPLATES.rglob("*.html"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
#: Names that a page or partial may be given; everything else must be set where it is used.
GIVEN = {
    "tally",
    "shell", "look", "view", "oob", "job", "job_id", "marks", "attempts", "attempt", "tabs", "kpis", "side", "field",
    "prefix", "name", "notes", "state", "message", "is_bad", "lines", "artefacts", "place", "groups",
    "offer", "recent", "position", "fields",
    "queue", "worker", "worker_id", "schedule", "charts", "functions", "workers", "limit", "part", "slim", "ticks",
    "failed", "children", "node", "frames", "show", "until",
    "trend", "chart", "options", "told", "bulks",
}  # fmt: skip


def code(path: Path) -> str:
    """A template without its comments, which may speak of what is forbidden."""
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


def tags(text: str, name: str) -> list[str]:
    return re.findall(rf"<{name}\b(?:[^>{{]|\{{\{{.*?\}}\}}|\{{%.*?%\}})*>", text, flags=re.DOTALL)


@EACH
def test_it_starts_with_a_comment_that_says_what_it_is(path: Path) -> None:
    assert re.match(r"\{# [A-Z].*?\. ?.*?#\}", path.read_text(), flags=re.DOTALL)


@EACH
def test_it_has_no_inline_style_or_script_and_nothing_that_needs_eval(path: Path) -> None:
    text = code(path)

    assert not re.search(r"\sstyle\s*=|<style\b|\shx-on|javascript:|[\"']js:|\shx-vals|\son[a-z]+=", text)
    assert all(" src=" in script for script in tags(text, "script"))


@EACH
def test_it_never_trusts_data(path: Path) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup", code(path))


@EACH
def test_triggers_have_no_filters(path: Path) -> None:
    for trigger in re.findall(r'hx-trigger="([^"]*)"', code(path)):
        assert "[" not in trigger


@EACH
def test_what_posts_with_htmx_also_posts_without(path: Path) -> None:
    text = code(path)

    assert text.count("hx-post=") == sum("hx-post=" in form for form in tags(text, "form"))
    for form in tags(text, "form"):
        if "hx-post=" in form:
            assert 'method="post"' in form
            assert re.search(r'hx-post="(.*?)"', form)[1] == re.search(r' action="(.*?)"', form)[1]  # type: ignore[index]


@EACH
def test_no_form_disables_the_button_that_has_the_focus(path: Path) -> None:
    """What is disabled loses the focus, and who works by keyboard is sent to the top of the page."""
    assert "hx-disable" not in code(path)
    for form in tags(code(path), "form"):
        if "hx-post=" in form:
            assert 'hx-sync="' in form  # a double click is one request


@EACH
def test_every_posting_form_carries_the_token(path: Path) -> None:
    text = code(path)

    assert text.count('method="post"') == text.count('name="token"')


@EACH
def test_every_link_and_action_starts_with_the_mount(path: Path) -> None:
    for address in re.findall(r'\s(?:href|action|hx-get|hx-post|src)="([^"]*)"', code(path)):
        assert not address.startswith("/")


@EACH
def test_it_uses_only_names_that_it_is_given(path: Path) -> None:
    env = Renderer().env
    free = jinja2.meta.find_undeclared_variables(env.parse(path.read_text()))

    assert free - set(env.globals) <= GIVEN


def test_scripts_load_in_order_and_none_is_deferred() -> None:
    scripts = tags(code(TEMPLATES / "base.html"), "script")

    names = [re.search(r"/([\w.-]+\.js)", s)[1] for s in scripts]  # type: ignore[index]
    assert names[:3] == ["htmx.min.js", "hx-ws.min.js", "words.js"]
    assert {"lists.js", "title.js", "notes.js", "notify.js", "keys.js", "palette.js"} <= set(names)
    assert names.index("times.js") < names.index("pill.js") < names.index("live.js")
    assert not [s for s in scripts if re.search(r"defer|async|module", s)]


def test_every_icon_is_in_the_sprite() -> None:
    sprite = (TEMPLATES / "partials" / "sprite.html").read_text()
    used = {name for path in FILES for name in re.findall(r"icon\('([a-z0-9-]+)'", path.read_text())}

    assert used <= set(re.findall(r'id="i-([a-z0-9-]+)"', sprite))


def test_the_style_sheet_asks_nobody_else() -> None:
    css = (STATIC / "app.css").read_text()

    assert not re.search(r"https?://|@import", css)
    assert all((STATIC / url).is_file() for url in re.findall(r"url\(([^)]+)\)", css))


@pytest.mark.parametrize(
    "state", ["deferred", "queued", "running", "retrying", "succeeded", "failed", "aborted", "stalled", "unreadable"]
)
def test_every_state_has_its_colours(state: str) -> None:
    assert f".st-{state}{{--_s:" in (STATIC / "app.css").read_text()
