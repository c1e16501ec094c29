"""Links to the bar of one job: what they grant, and that nothing of one can be changed."""

from __future__ import annotations

import hmac
import math
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol.widget import BadLink, Grant, Show, secrets_in
from arqboard.widget import iframe, link, script

SECRET, OTHER = "correct horse battery staple, 2026".replace(",", ""), "o" * 32
BASE = "https://ops.example.com/jobs"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
GRANTS = st.builds(
    Grant, job_id=TEXT, until=st.integers(1, 10**12 - 1), show=st.sampled_from(Show),
    label=st.text(st.characters(categories=["L", "N", "P"]), max_size=20),
)  # fmt: skip


def parts(url: str) -> tuple[str, dict[str, str]]:
    """The job's id and the parameters, as a server reads them."""
    path, query = urlsplit(url).path, urlsplit(url).query
    return unquote(path.rpartition("/widget/")[2]), dict(parse_qsl(query, keep_blank_values=True))


def read(url: str, *secrets: str) -> Grant:
    return Grant.read(*parts(url), secrets or (SECRET,))


def test_a_link_says_which_job_for_how_long_and_how_much_of_it() -> None:
    before = time.time()
    url = link("j1", secret=SECRET, base=BASE, expires=timedelta(hours=2), show="steps", label="Your video")
    after = time.time()

    grant = read(url)
    assert url.startswith("https://ops.example.com/jobs/widget/j1?")
    assert (grant.job_id, grant.show, grant.label) == ("j1", Show.STEPS, "Your video")
    assert before + 7199 < grant.until <= after + 7201


def test_as_little_as_possible_is_shown_unless_more_is_asked_for() -> None:
    assert read(link("j1", secret=SECRET, base=BASE)).show is Show.BAR


@given(GRANTS)
def test_what_was_signed_is_read_as_it_was(grant: Grant) -> None:
    assert read(BASE + grant.path(SECRET)) == grant


@given(GRANTS, GRANTS)
def test_no_signature_is_good_for_another_grant(one: Grant, other: Grant) -> None:
    assert (one == other) == (one.signature(SECRET) == other.signature(SECRET))


def test_a_line_end_in_an_id_is_not_one_in_a_label() -> None:
    """Both would have the same text under the signature."""
    forged = {"until": "9", "label": "a\nb", "sig": Grant("b\nc", 9, label="a").signature(SECRET)}

    with pytest.raises(BadLink):
        Grant.read("c", forged, (SECRET,))


@given(GRANTS, st.data())
def test_any_change_of_any_character_is_refused(grant: Grant, data: st.DataObject) -> None:
    job_id, query = parts(BASE + grant.path(SECRET))
    name = data.draw(st.sampled_from([*query, "id"]))
    before = job_id if name == "id" else query[name]
    at = data.draw(st.integers(0, len(before) - 1))
    after = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda c: c != before[at]))
    changed = before[:at] + after + before[at + 1 :]
    if name == "id":
        job_id = changed
    else:
        query[name] = changed

    with pytest.raises(BadLink):
        Grant.read(job_id, query, (SECRET,))


@given(st.dictionaries(st.sampled_from(["until", "show", "label", "sig"]), st.text()), st.text())
def test_rubbish_is_refused_and_breaks_nothing(query: dict[str, str], job_id: str) -> None:
    with pytest.raises(BadLink):
        Grant.read(job_id, query, (SECRET,))


@pytest.mark.parametrize("missing", ["until", "show", "label", "sig"])
def test_nothing_of_it_can_be_left_out(missing: str) -> None:
    job_id, query = parts(link("j1", secret=SECRET, base=BASE, show="steps", label="x"))
    del query[missing]

    with pytest.raises(BadLink):
        Grant.read(job_id, query, (SECRET,))


def test_a_secret_is_changed_without_an_hour_in_which_no_link_is_good() -> None:
    """The new one before the old one, until the old links have expired."""
    old, new = link("j1", secret=OTHER, base=BASE), link("j1", secret=f"{SECRET}, {OTHER}", base=BASE)

    assert secrets_in(f"{SECRET}, {OTHER}") == (SECRET, OTHER)
    for url in (old, new):
        assert read(url, SECRET, OTHER).job_id == "j1"
    with pytest.raises(BadLink):
        read(old, SECRET)
    with pytest.raises(BadLink):
        read(new, OTHER)


def test_where_there_is_no_secret_no_link_is_good() -> None:
    with pytest.raises(BadLink):
        Grant.read(*parts(link("j1", secret=SECRET, base=BASE)), ())


def test_other_languages_can_sign_what_the_guide_says() -> None:
    text = "arqboard-widget 1\n1795900000\nsteps\nЗаказ 7\nimport:7"
    by_hand = urlsafe_b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha256")).decode().rstrip("=")

    assert Grant("import:7", 1795900000, Show.STEPS, "Заказ 7").signature(SECRET) == by_hand


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"secret": "short"}, "secret: 32 or more"),
        ({"secret": ""}, "secret: 32 or more"),
        ({"secret": f"{SECRET},short"}, "secret: 32 or more"),
        ({"base": "ops.example.com"}, "base: the dashboard's address"),
        ({"base": "javascript:alert(1)"}, "base: the dashboard's address"),
        ({"base": "https://ops.example.com?a=1"}, "base: the dashboard's address"),
        ({"expires": timedelta(seconds=-1)}, "expires: some time from now on"),
        ({"expires": 0}, "expires: some time from now on"),
        ({"expires": math.nan}, "expires: some time from now on"),
        ({"expires": math.inf}, "at most a year"),
        ({"expires": timedelta(days=400)}, "at most a year"),
        ({"expires": datetime(2030, 1, 1)}, "a datetime without a zone"),
        ({"expires": datetime(2020, 1, 1, tzinfo=UTC)}, "expires: some time from now on"),
        ({"show": "all"}, "show: one of bar, steps, outcome"),
        ({"label": "two\nlines"}, "label: one line"),
        ({"label": "x" * 101}, "label: one line"),
        ({"label": " x"}, "label: one line"),
        ({"job_id": ""}, "job_id: text"),
        ({"job_id": "x" * 501}, "job_id: text"),
        ({"job_id": "\ud800"}, "job_id: text"),
    ],
    ids=str,
)
def test_what_makes_no_link_is_told(wrong: dict[str, Any], told: str) -> None:
    right: dict[str, Any] = {"job_id": "j1", "secret": SECRET, "base": BASE}
    with pytest.raises(ValueError, match=told):
        link(**{**right, **wrong})


def test_a_moment_in_any_zone_is_a_time_to_expire() -> None:
    moment = datetime.now(UTC) + timedelta(days=1)

    assert read(link("j1", secret=SECRET, base=BASE, expires=moment)).until == math.ceil(moment.timestamp())


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@given(GRANTS)
def test_the_html_holds_the_link_whatever_is_in_it(grant: Grant) -> None:
    url = BASE + grant.path(SECRET)
    hostile = '"><script>alert(1)</script>'

    ((tag, attributes),) = Tags(iframe(url, title=hostile)).found
    assert (tag, attributes["src"], attributes["title"]) == ("iframe", url, hostile)
    ((tag, attributes),) = Tags(script(url, title=hostile, theme="dark", accent="123456", compact=True)).found
    assert (tag, attributes["data-job"], attributes["data-title"]) == ("script", url, hostile)
    assert attributes["src"] == f"{BASE}/widget.js"
    assert (attributes["data-theme"], attributes["data-accent"], attributes["data-compact"]) == ("dark", "123456", "1")
