"""The page of all components: only where somebody works on them, complete, and the same without a Redis."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from board import Client, MakeClient
from markupsafe import escape

from arqboard_dashboard.assets import STATIC, TEMPLATES
from arqboard_dashboard.patterns import SECTIONS, patterns_view
from arqboard_dashboard.patterns.samples import look
from arqboard_dashboard.patterns.shown import ShownSection
from arqboard_dashboard.render import Renderer

#: No component that somebody sees, or one that has been shown inside of another; each with what shows it.
ELSEWHERE = {
    "topbar": "around every page", "sidebar": "around every page", "sprite": "around every page",
    "nav_count": "the sidebar", "how_many": "the list of jobs", "new_preview": "parts of the form, as they change",
    "flow_step": "a card and a line, as they change", "failure_note": "a note in the corner", "log": "the log",
    "schedule_gone": "takes a row away", "schedule_summary": "over the list", "queue_summary": "over the list",
    "schedule_page_gone": "in place of a page, as worker_gone is",
    "worker_summary": "over the list", "raw_card": "opens the raw record", "stack_card": "opens the stack",
    "new_code": "the form", "row_unreadable": "the list", "log_older": "the log",
    "widget": "a page of its own, in pages of others",
    "kept": "one line under the cards of a job",
    "share_card": "how a bar gets there; tests/browser/test_widget.py looks at it",
}  # fmt: skip
AWAY = "redis://127.0.0.1:1/0"


async def test_it_is_there_in_development_only(make_client: MakeClient) -> None:
    usual, developing = await make_client(), await make_client(development=True)

    assert (await usual.get("/patterns")).status == 404
    assert "/patterns" not in await (await usual.get("/jobs/nope")).text()
    answer = await developing.get("/patterns")
    assert answer.status == 200 and 'href="/patterns" aria-current="page"' in await answer.text()


async def test_it_opens_while_redis_is_away(make_client: MakeClient) -> None:
    client = await make_client(redis=None, development=True, redis_url=AWAY)

    html = await _page(client)

    assert all(f'id="p-{section.id}"' in html for section in SECTIONS)


async def test_one_section_stands_alone_with_the_styles_of_its_page(make_client: MakeClient) -> None:
    client = await make_client(development=True)

    html = await _page(client, "?section=schedules")

    assert re.findall(r'<section class="pattern" id="p-(\w+)"', html) == ["schedules"]
    assert "/schedules.css" in html and "/queues.css" not in html
    assert (await client.get("/patterns?section=none")).status == 422


async def test_nothing_on_it_is_live_or_acts(make_client: MakeClient) -> None:
    client = await make_client(development=True)

    html = await _page(client)

    assert "hx-ws:connect" not in html
    samples = html[html.index('<section class="pattern"') :]
    tokens = set(re.findall(r'name="token" value="([^"]*)"', samples[: samples.rindex("</section>")]))
    assert tokens == {""}


def test_no_two_elements_have_one_id() -> None:
    html = "".join(str(sample.html) for section in _shown() for sample in section.samples)

    ids = Counter(re.findall(r'(?<=\s)id="([^"]*)"', html))

    assert {name: n for name, n in ids.items() if n > 1} == {}


def test_the_same_is_shown_whenever_it_is_rendered() -> None:
    assert _shown() == _shown()


@pytest.mark.parametrize("hostile", ["<script>alert", "<b>bold"])
def test_hostile_text_is_text(hostile: str) -> None:
    html = "".join(str(sample.html) for section in _shown() for sample in section.samples)

    assert hostile not in html and escape(hostile) in html


def test_every_partial_is_shown() -> None:
    shown = {sample.partial for section in SECTIONS for sample in section.samples}
    reached = set(_reached(shown))

    there = {str(path.relative_to(TEMPLATES / "partials"))[:-5] for path in (TEMPLATES / "partials").rglob("*.html")}

    assert there - reached - ELSEWHERE.keys() == set()
    assert shown & ELSEWHERE.keys() == set()


def test_every_style_sheet_of_a_page_is_on_it() -> None:
    css = {name for section in SECTIONS for name in section.css}

    linked = {
        name
        for path in (TEMPLATES / "pages").glob("*.html")
        if path.name != "patterns.html"
        for name in re.findall(r"look\.static \}\}/(\w+)\.css", path.read_text())
    }

    assert css == linked - {"widget", "share"}  # bars in pages of others, and how they get there
    assert all((STATIC / f"{name}.css").is_file() for name in css)


def _reached(names: set[str]) -> Iterator[str]:
    """These partials, and those that they include."""
    waiting, seen = list(names), set(names)
    while waiting:
        name = waiting.pop()
        yield name
        text = (TEMPLATES / "partials" / f"{name}.html").read_text()
        # what stands after `'partials/prog/' ~` is the name of a state
        found = set(re.findall(r"'partials/([\w/]+)\.html'", text)) | {
            f"{folder}/{path.stem}"
            for folder in re.findall(r"'partials/(\w+)/' ~", text)
            for path in (TEMPLATES / "partials" / folder).glob("*.html")
        }
        if "row_of(" in text:
            found.add("row")
        waiting += found - seen
        seen |= found


def _shown() -> tuple[ShownSection, ...]:
    return patterns_view(Renderer().env, look(), SECTIONS, "").sections


async def _page(client: Client, query: str = "") -> str:
    answer = await client.get(f"/patterns{query}")
    assert answer.status == 200
    return await answer.text()
