"""How a job becomes HTML. The first tests show the whole of it, the later ones each state and each trap."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from arqboard.protocol import (
    Attempt,
    ErrorInfo,
    Job,
    Outcome,
    Query,
    QueueInfo,
    State,
    Unreadable,
    WorkerInfo,
)
from arqboard.protocol.inside import Artefact
from arqboard.protocol.joblog import LogLine
from arqboard_dashboard import charts, formats
from arqboard_dashboard.job_views import LogView, log_version
from arqboard_dashboard.links import dom_id, list_url, query_string, root_id
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.templating import shown_state
from arqboard_dashboard.views import Look, Side, Tabs

NOW = 1_795_357_805_000
LOOK = Look(now=NOW, alive=frozenset({"w1"}), base="/ops", form_token="secret", build="b1", static="/ops/static/abc")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1) hx-get=/x>"
RENDERER = Renderer()


def job(state: str = "running", *, job_id: str = "j1", **fields: Any) -> Job:
    """A job as it stands in Redis, 30 seconds old; fields that are not text are written as JSON or numbers."""
    base: dict[str, Any] = {
        "function": "resize", "queue": "media", "state": state, "enqueued": NOW - 30_000, "run_at": NOW - 30_000,
        "tries": 1, "max_tries": 5, "position": 170, "version": 12,
    }  # fmt: skip
    if state not in ("queued", "deferred"):
        base |= {"started": NOW - 20_000, "attempt": 1, "worker": "w1"}
    if state in ("succeeded", "failed", "aborted", "retrying"):
        base |= {"ended": NOW - 7_600, "outcome": "retry" if state == "retrying" else state}
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in {**base, **fields}.items()}
    return Job.from_hash(job_id, {k: v.encode() for k, v in raw.items()})


def halfway(**fields: Any) -> Job:
    return job(done=50, total=200, unit="files", reported=NOW, base_done=40, base_at=NOW - 5_000, **fields)


class Page(HTMLParser):
    """The start tags of a fragment, as the browser's parser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @property
    def root(self) -> dict[str, str | None]:
        return self.tags[0][1]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace(formats.THIN, " ").split())


# A row, from the outside in


def test_a_row_says_what_it_is_and_of_which_version() -> None:
    root = Page(RENDERER.row(halfway(), LOOK)).root

    assert root["id"] == "job-j1"
    assert root["data-live"] == "row:j1"
    assert root["data-v"] == "12"
    assert "hx-swap-oob" not in root


def test_a_pushed_row_is_the_same_row_with_its_address() -> None:
    plain, pushed = RENDERER.row(halfway(), LOOK), RENDERER.row(halfway(), LOOK, oob=True)

    assert Page(pushed).root["hx-swap-oob"] == "outerMorph"
    assert pushed.replace(' hx-swap-oob="outerMorph"', "") == plain
    assert pushed.count("hx-swap-oob") == 1


def test_a_row_contains_its_progress_cell_as_it_is_pushed_alone() -> None:
    cell = RENDERER.prog(halfway(), LOOK)

    assert cell in RENDERER.row(halfway(), LOOK)
    assert Page(cell).root["data-v"] == "170"


def test_progress_shows_amount_rate_and_time_left() -> None:
    html = RENDERER.prog(halfway(), LOOK)

    assert Page(html).named("progress")[0] | {"class": ""} == {
        "class": "", "value": "50", "max": "200", "aria-label": "resize progress",
    }  # fmt: skip
    assert words(html) == "25% 50 / 200 files · 2/s 1 m 15 s left"


def test_a_row_links_to_its_job_below_the_mount() -> None:
    assert Page(RENDERER.row(job(job_id="a/b c"), LOOK)).named("a")[0]["href"] == "/ops/jobs/a%2Fb%20c"


# Every state


@pytest.mark.parametrize("state", [s.value for s in State])
def test_every_state_has_a_row_a_hero_and_facts(state: str) -> None:
    shown = job(state)

    assert f"st-{state}" in RENDERER.row(shown, LOOK)
    assert Page(RENDERER.hero(shown, LOOK)).root["data-state"] == state
    assert Page(RENDERER.facts(shown, LOOK)).root["data-live"] == "facts:j1"
    assert Page(RENDERER.outcome(shown, LOOK)).root["data-v"] == "12"


@pytest.mark.parametrize(
    ("state", "verbs"),
    [("running", ["abort"]), ("queued", ["abort"]), ("failed", ["retry", "delete"]), ("aborted", ["retry", "delete"]),
     ("succeeded", ["delete"])],
)  # fmt: skip
def test_a_row_offers_only_what_can_be_done(state: str, verbs: list[str]) -> None:
    forms = Page(RENDERER.row(job(state), LOOK)).named("form")

    assert [str(form["action"]).rsplit("/", 1)[-1] for form in forms] == verbs
    assert all(form["hx-post"] == form["action"] and form["method"] == "post" for form in forms)
    assert all(form["hx-target"] == "#job-j1" for form in forms)


def test_a_running_job_of_a_silent_worker_is_stalled() -> None:
    lost = job(worker="w2")

    assert shown_state(lost, LOOK) == "stalled"
    assert "no word from its worker" in RENDERER.row(lost, LOOK)


def test_a_job_that_is_being_aborted_says_so_and_offers_no_second_abort() -> None:
    html = RENDERER.row(job(abort_requested=NOW), LOOK)

    assert "Aborting…" in html
    assert not Page(html).named("form")


def test_progress_without_a_total_moves_but_claims_no_value() -> None:
    bar = next(a for _, a in Page(RENDERER.prog(job(), LOOK)).tags if a.get("role") == "progressbar")

    assert "aria-valuenow" not in bar


def test_chunks_make_the_bar_a_segmented_one() -> None:
    html = RENDERER.prog(job(chunk_total=10, chunk_done=4, chunk_failed=1), LOOK)

    bar = next(a for _, a in Page(html).tags if a.get("role") == "progressbar")
    assert (bar["aria-valuenow"], bar["aria-valuemax"]) == ("4", "10")
    assert "40%" in html


def test_an_unreadable_record_is_one_row() -> None:
    html = RENDERER.row(Unreadable("j9", "its field state is missing"), LOOK, oob=True)

    assert Page(html).root["id"] == "job-j9"
    assert "its field state is missing" in html


# The job's page


def test_the_chunk_map_starts_as_a_hidden_root() -> None:
    root = Page(RENDERER.chunks(job(), "", LOOK)).root

    assert root["id"] == "chunks-j1"
    assert "hidden" in root


def test_up_to_600_chunks_are_numbered_cells() -> None:
    html = RENDERER.chunks(job(chunk_total=4, chunk_done=2, chunk_failed=1), "ddf", LOOK)

    assert [a["class"] for a in Page(html).named("i")] == [
        "ck st-succeeded", "ck st-succeeded", "ck st-failed", "ck st-queued",
    ]  # fmt: skip
    assert "2 of 4 chunks done, 0 running, failed: 3" in html


def test_ten_thousand_chunks_stay_a_small_picture() -> None:
    html = RENDERER.chunks(job(chunk_total=10_000, chunk_done=7_000), "d" * 7_000, LOOK)

    assert len(html) < 4_000
    assert "7000 of 10000 chunks done" in html


def test_marks_that_make_no_sense_are_drawn_as_waiting() -> None:
    assert "<script" not in RENDERER.chunks(job(chunk_total=3), "<sc", LOOK).replace("</section>", "")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [(Outcome.LOST, "stopped reporting"), (Outcome.HANDED_OVER, "did not use up a try"),
     (Outcome.DISCARDED, "its result was not used")],
)  # fmt: skip
def test_what_ended_an_attempt_is_said_in_plain_words(outcome: Outcome, said: str) -> None:
    attempt = Attempt(1, NOW - 20_000, NOW - 10_000, "w2", outcome)

    assert said in RENDERER.attempts(job(), [attempt], LOOK)


def test_an_attempt_shows_its_error_and_fetches_its_traceback_when_it_is_opened() -> None:
    error = ErrorInfo("ValueError", "no amount", "Traceback\n  line 3")
    html = RENDERER.attempts(job(), [Attempt(1, NOW - 9000, NOW - 4000, "w1", Outcome.RETRY, error)], LOOK)

    assert "ValueError: no amount" in html and "line 3" not in html
    [details] = [attributes for attributes in Page(html).named("details") if "hx-get" in attributes]
    assert details["hx-get"] == "/ops/jobs/j1/attempts/1"


def test_a_result_is_shown_as_a_coloured_tree() -> None:
    html = RENDERER.outcome(job("succeeded", result={"sent": 3}), LOOK)

    assert '<span class="jk">sent</span>' in html
    assert '<span class="jn">3</span>' in html


def test_a_long_traceback_keeps_its_end_and_says_that_it_was_cut() -> None:
    html = RENDERER.outcome(job("failed", error_type="E", error="e", traceback="x" * 30_000 + "\nthe end"), LOOK)

    assert "the end" in html
    assert len(html) < 45_000
    assert "earlier characters are not shown" in html


def test_a_traceback_that_only_repeats_the_message_is_left_out() -> None:
    html = RENDERER.outcome(job("failed", error_type="E", error="no disk", traceback="E: no disk"), LOOK)

    assert html.count("no disk") == 1


def test_a_deleted_job_goes_from_the_list_and_leaves_a_notice_on_its_own_page() -> None:
    assert RENDERER.gone("row", "j1") == '<div id="job-j1" hx-swap-oob="delete"></div>'
    notice = Page(RENDERER.hero_gone("j1", LOOK)).root
    assert (notice["id"], notice["hx-swap-oob"]) == ("hero-j1", "outerMorph")


# Around the list


def test_tabs_count_and_keep_the_other_filters() -> None:
    tabs = Tabs(Query(state=State.FAILED, queue="media"), {State.FAILED: 3, State.RUNNING: 1}, 7)
    page = Page(RENDERER.tabs(tabs, LOOK))

    assert page.root["data-live"] == "tabs:queue=media&state=failed"
    assert page.named("a")[0]["href"] == "/ops/jobs?queue=media"
    assert [a["href"] for a in page.named("a") if a.get("aria-current")] == ["/ops/jobs?queue=media&state=failed"]


def test_the_sidebar_shows_queues_and_silent_workers() -> None:
    worker = WorkerInfo("w2", "h", 1, "media", 4, ["a"], [], 0, NOW - 9000, False, 0, 0, "0.1", 0.0, 0)
    html = RENDERER.side(Side({State.FAILED: 2}, [QueueInfo("media", 5, 1, 0, 1, None)], [worker], 3), LOOK)

    assert Page(html).root["data-v"] == "3"
    assert "silent" in html
    assert "6" in words(html)


# Names and addresses


def test_a_plain_id_stays_and_any_other_becomes_a_hash() -> None:
    assert dom_id("01JX-a_b") == "01JX-a_b"
    assert re.fullmatch(r"x[0-9a-f]{16}", dom_id("a b"))
    assert dom_id("a b") != dom_id("a/b")
    assert re.fullmatch(r"x[0-9a-f]{16}", dom_id("\ud800"))
    assert root_id("row", "j1") == "job-j1"


def test_one_list_has_one_name() -> None:
    query = Query(state=State.FAILED, function="f", queue="q q", after="1~j")

    assert query_string(query) == "function=f&queue=q+q&state=failed"
    assert query_string(Query()) == ""
    assert list_url(LOOK, query, state=None) == "/ops/jobs?function=f&queue=q+q"


# What it costs


def test_templates_are_compiled_once_for_all_applications_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    RENDERER.warm()
    other = Renderer()

    def compile_again(*_: Any, **__: Any) -> None:
        raise AssertionError("this takes a quarter of a second")

    monkeypatch.setattr(other.env, "compile", compile_again)
    other.warm()

    assert other.prog(halfway(), LOOK) == RENDERER.prog(halfway(), LOOK)


# Hostile text


@pytest.mark.parametrize("state", [s.value for s in State])
def test_text_from_workers_and_callers_never_becomes_markup(state: str) -> None:
    evil = job(
        state, job_id=HOSTILE, function=HOSTILE, queue=HOSTILE, worker=HOSTILE, source=HOSTILE, args=[HOSTILE],
        kwargs={HOSTILE: HOSTILE}, error_type=HOSTILE, error=HOSTILE, traceback=HOSTILE, result={HOSTILE: [HOSTILE]},
        done=1, total=2, unit=HOSTILE, note=HOSTILE, phase=HOSTILE, reported=NOW,
    )  # fmt: skip
    look = replace(LOOK, alive=frozenset({HOSTILE}))
    attempt = Attempt(1, NOW - 9000, NOW, HOSTILE, Outcome.FAILED, ErrorInfo(HOSTILE, HOSTILE, HOSTILE))
    fragments = [
        RENDERER.row(evil, look), RENDERER.hero(evil, look), RENDERER.facts(evil, look), RENDERER.outcome(evil, look),
        RENDERER.attempts(evil, [attempt], look), RENDERER.row(Unreadable(HOSTILE, HOSTILE), look),
        RENDERER.hero_gone(HOSTILE, look), RENDERER.gone("row", HOSTILE),
    ]  # fmt: skip

    for html in fragments:
        for tag, attrs in Page(html).tags:
            assert tag not in ("script", "img")
            assert not [name for name in attrs if name.startswith("on") or name == "hx-get"]


def test_half_a_surrogate_pair_can_still_be_sent() -> None:
    RENDERER.row(job(kwargs={"x": "\ud800"}), LOOK).encode()


def test_times_and_depths_that_make_no_sense_are_still_shown() -> None:
    deep = "[" * 900 + "]" * 900

    assert "9999" in RENDERER.row(job(enqueued=10**15), LOOK)
    assert RENDERER.row(job("succeeded", result=deep), LOOK)


# The words themselves


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, ""), (212, "212 ms"), (9_800, "9.8 s"), (31_400, "31 s"), (59_960, "1 m"), (102_000, "1 m 42 s"),
     (7_500_000, "2 h 5 m"), (273_600_000, "3 d 4 h"), (-5, "0 ms")],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(ms: float | None, text: str) -> None:
    assert formats.duration(ms) == text


def test_numbers_are_written_for_reading() -> None:
    assert formats.number(51_200) == "51\u202f200"
    assert [formats.compact(n) for n in (9.42, 84.1, 1_900, 51_200, 2_100_000)] == ["9.4", "84", "1.9k", "51k", "2.1M"]
    assert formats.percent(99.9) == "99%"
    assert formats.rate(84.2, "files") == "84 files/s"
    assert formats.rate(0.2, "files") == "12 files/min"
    assert formats.rate(3) == "3/s"
    assert formats.left(3.4) == "3 s"
    assert formats.plural(1, "try", "tries") == "1 try"


def test_a_time_is_as_short_as_it_stays_clear() -> None:
    assert formats.clock(NOW - 1000, NOW) == "14:30:04"
    assert formats.clock(NOW - 3 * 86_400_000, NOW) == "19 Nov 14:30"
    assert formats.clock(NOW - 366 * 86_400_000, NOW) == "2025-11-21"
    assert formats.iso(NOW) == "2026-11-22T14:30:05.000Z"
    assert 'data-ago title="' in formats.time_tag(NOW, NOW, "ago")


def test_a_call_is_written_on_one_line_and_cut() -> None:
    assert formats.call_text(["a.png"], {"size": [1600, 900]}) == '"a.png", size=[1600, 900]'
    assert len(formats.call_text(["x" * 500], {})) <= 200


def test_json_is_cut_and_says_so() -> None:
    html = formats.json_html(["x" * 100] * 1000, cap=500)

    assert len(html) < 1200
    assert "more characters are not shown" in html


def test_attempts_lie_on_one_scale_and_an_open_one_reaches_the_edge() -> None:
    attempts = [Attempt(1, NOW - 20_000, NOW - 10_000, "w", Outcome.LOST), Attempt(2, NOW - 8000, None, "w", None)]
    waiting, first, last = charts.lanes(job(), attempts)

    assert len(waiting.bars) == 2  # before the first attempt, and between both
    assert first.bars[0][0] < last.bars[0][0]
    assert last.is_open
    assert sum(last.bars[0]) == pytest.approx(1000)


def test_the_chart_of_attempts_has_times_once_the_last_has_ended() -> None:
    ended = [Attempt(1, NOW - 20_000, NOW - 10_000, "w", Outcome.SUCCEEDED)]
    assert charts.ticks(job("succeeded"), ended) == [0, 5_000, 10_000, 15_000, 20_000]
    assert charts.ticks(job(), [Attempt(1, NOW - 8000, None, "w", None)]) == [0]
    assert charts.ticks(job(), []) == [0]


# Inside a job


def test_phases_say_how_far_each_is() -> None:
    phases = [
        {"name": "Reading", "state": "done", "started": 0, "ended": 1500, "done": 3, "total": 3, "unit": "files"},
        {"name": HOSTILE, "state": "waiting"},
    ]
    html = RENDERER.hero(job(phases=phases), LOOK)
    assert "step 1 of 2" in html and "3 / 3 files" in html and "1.5 s" in html
    assert "<script" not in html and "&lt;script&gt;" in html


def test_a_job_without_artefacts_has_a_hidden_root() -> None:
    [(_, root), *rest] = Page(RENDERER.artefacts(job(), [], LOOK)).tags
    assert "hidden" in root and not rest


def test_artefacts_are_downloads_and_links_are_marked_as_foreign() -> None:
    made = [
        Artefact(1, HOSTILE, "application/pdf", 12_600, "", 1, NOW),
        Artefact(2, "On the web", "", 0, "https://example.org/r?a=1&b=2", 1, NOW),
    ]
    page = Page(RENDERER.artefacts(job(job_id="a/b"), made, LOOK))
    [file, link] = [attributes for tag, attributes in page.tags if tag == "a"]
    assert file["href"] == "/ops/api/v1/jobs/a%2Fb/artefacts/1" and "download" in file
    assert link["href"] == "https://example.org/r?a=1&b=2" and "noopener" in (link["rel"] or "")
    assert not [tag for tag, _ in page.tags if tag in ("script", "img")]


def test_log_lines_are_text_with_their_level() -> None:
    lines = [
        LogLine("1-0", NOW, "INFO", "shop", "started", 1, 20),
        LogLine("2-0", NOW, "ERROR", "shop", f"it broke {HOSTILE}\nin two lines", 1, 40),
    ]
    html = RENDERER.part("log_lines", LOOK, job=job(), part=LogView(lines, None, "2-0"))
    assert 'class="lv-error"' in html and 'data-id="2-0"' in html
    assert not [tag for tag, _ in Page(html).tags if tag in ("script", "img")]


def test_what_is_pushed_of_a_log_is_its_length_only() -> None:
    found = job(log_lines=1204, log_warnings=3, log_errors=1)
    html = RENDERER.log(found, LOOK, oob=True)
    assert f'data-v="{log_version(found)}"' in html and words(html) == "1 204 lines · 3 warnings · 1 error"


def test_the_log_of_a_job_made_anew_under_the_same_id_is_newer_than_that_of_the_old_one() -> None:
    old, new = job(log_lines=90_000), job(enqueued=NOW + 100)
    assert log_version(old) < log_version(replace(old, log_lines=90_001)) < log_version(new)
    assert log_version(job(enqueued=10**15)) < 2**53


def test_a_paused_job_offers_to_go_on_and_claims_no_rate() -> None:
    chunks = {"chunk_total": 4, "chunk_done": 1, "chunk_size": 50, "chunk_items": 200}
    running, paused = RENDERER.hero(halfway(**chunks), LOOK), RENDERER.hero(halfway(**chunks, paused=NOW), LOOK)
    assert "/pause" in running and "Time left" in running
    assert "/resume" in paused and "Time left" not in paused and "Paused before the next chunk" in paused
    assert "/pause" not in RENDERER.hero(halfway(), LOOK)  # it has no chunks


def test_details_name_where_a_job_comes_from() -> None:
    html = RENDERER.facts(job(parent="p1", retry_of="r1", workflow="w1", priority=5), LOOK)
    assert 'href="/ops/jobs/p1"' in html and 'href="/ops/jobs/r1"' in html and "w1" in html
    assert "<dt>Priority</dt><dd>5</dd>" in html


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (12_600, "12.6 kB"), (5_000_000, "5.0 MB")])
def test_sizes_are_said_in_decimal_units(count: int, text: str) -> None:
    assert formats.size(count) == text
