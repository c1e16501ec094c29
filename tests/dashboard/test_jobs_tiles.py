"""Tiles and charts: what they say of a window, beside the window before it, and what they say of nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from arqboard.protocol import Counts, Deploy, StatsBucket
from arqboard.protocol.gauges import Gauge
from arqboard.protocol.stats import EMPTY
from arqboard_dashboard.charts import sparkline
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.tiles import Tiles
from arqboard_dashboard.timecharts import rows, run_times, throughput
from arqboard_dashboard.trends import WINDOWS, Trend
from arqboard_dashboard.views import Kpis, Look

NOW = 1_795_357_830_000  # 14:30:30 UTC
LOOK = Look(now=NOW, alive=frozenset({"w1"}), base="/ops", form_token="secret", build="b1", static="/ops/static/abc")
RENDERER = Renderer()


def kpis(**more: Any) -> Kpis:
    counts: dict[str, Any] = dict.fromkeys(("running", "busy", "slots", "workers", "queued", "retrying"), 0)
    given: dict[str, Any] = {**counts, "oldest_queued": None, "version": 1, **more}
    return Kpis(**given)


def counts(
    ended: int = 0, failed: int = 0, retried: int = 0, *, wait: int = 0, run: int = 0, bucket: int = 3
) -> Counts:
    """What ended in a bucket; the given numbers of waits and runs took 8 ms, or another power of two."""
    waits, runs = (tuple(count if n == bucket else 0 for n in range(22)) for count in (wait, run))
    return Counts(succeeded=ended - failed, failed=failed, retried=retried, run=runs, wait=waits)


def trend(*last: Counts, before: Counts = EMPTY, window: str = "1h", **more: Any) -> Trend:
    """The given buckets are the last ones, the open one last of all."""
    of = WINDOWS[window]
    first, filled = of.first(NOW), [EMPTY] * (of.count - len(last)) + list(last)
    buckets = [StatsBucket(first + n * of.bucket_ms, c) for n, c in enumerate(filled)]
    given: dict[str, Any] = {"function": None, "now": NOW, "deploys": [], **more}
    return Trend(window=of, buckets=buckets, total=sum(last, EMPTY), before=before, **given)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u202f", " ").replace("\u00a0", " ").split())


def tile_words(*last: Counts, before: Counts = EMPTY, window: str = "1h", **more: Any) -> str:
    return words(RENDERER.kpis(kpis(**more), trend(*last, before=before, window=window), LOOK))


def test_tiles_add_up_the_window_and_compare_it_with_the_one_before() -> None:
    said = tile_words(
        counts(300, 10, 2, wait=9, run=9), counts(300, 20, 1, wait=9, run=9), before=counts(300, 3, wait=9, bucket=4),
        running=3, busy=3, slots=8, workers=2, queued=1284, oldest_queued=NOW - 5000,
    )  # fmt: skip

    assert "3 / 8 slots" in said
    assert "2 workers, 37% busy" in said
    assert "1 284" in said
    assert "Throughput 10 / min ▲ 102% vs the 1 h before" in said
    assert "Failed, 1 h 30 5.0% ▲ from 1.0%, 3 retries" in said
    assert "Wait p95, 1 h 8 ms ▼ from 16 ms" in said


def test_tiles_stand_before_there_is_anything_to_count() -> None:
    said = tile_words()

    assert "no worker is running" in said
    assert "slot" not in said
    for text in ("nothing waits", "nothing ended in 1 h", "no retries", "no job has started in 1 h"):
        assert text in said


@pytest.mark.parametrize(
    ("last", "given", "said"),
    [
        (counts(wait=1), {}, "no job has ended in 1 h"),
        (counts(1, retried=1), {}, "1 retry"),
        (counts(1), {}, "1 ended in 1 h"),
        (counts(1), {}, "Throughput 1 / h"),
        (counts(5), {"window": "7d"}, "5 ended in 7 d"),
        (counts(100, 100), {"before": counts(100, 100)}, "no retries"),
        (counts(), {"retrying": 1}, "1 job waits for a retry"),
        (counts(), {"retrying": 2}, "2 jobs wait for a retry"),
        (counts(), {"queued": 1, "oldest_queued": NOW - 5000, "retrying": 2}, ", 2 to retry"),
        (counts(), {"running": 5, "busy": 1, "slots": 8, "workers": 1}, "1 worker, 12% busy"),
        (counts(), {"running": 1, "slots": 1, "workers": 1}, "1 / 1 slot "),
    ],
)
def test_what_stands_under_a_figure_does_not_contradict_it(last: Counts, given: dict[str, Any], said: str) -> None:
    found = tile_words(last, **given)

    assert said in found
    assert ("nothing waits" in found) == (not given.get("queued") and not given.get("retrying"))


def test_fewer_failures_are_better_and_a_small_change_is_none() -> None:
    better = Tiles(trend(counts(100, 1), before=counts(100, 9)), kpis())
    assert better.failed_change is not None
    assert (better.failed_change.direction, better.failed_change.is_good) == ("down", True)

    same = Tiles(trend(counts(1000, 10), before=counts(1005, 10)), kpis())
    assert same.rate_change is not None
    assert same.rate_change.direction == "same"
    assert Tiles(trend(counts(5)), kpis()).rate_change is None


def test_tiles_keep_their_window_in_links_and_in_their_name() -> None:
    html = RENDERER.kpis(kpis(), trend(window="6h"), LOOK)

    assert 'data-live="kpis:6h"' in html
    assert 'href="/ops/jobs?q=since%3A6h&amp;state=failed&amp;window=6h"' in html
    assert 'data-live="kpis"' in RENDERER.kpis(kpis(), trend(), LOOK)


def test_lines_of_what_runs_and_waits_end_with_now_and_are_broken_where_nobody_looked() -> None:
    looked = [None] * 55 + [Gauge(4, 90), Gauge(5, 80), None, None, Gauge(2, 70)]

    tiles = Tiles(trend(gauges=looked), kpis(running=3, queued=12))

    assert tiles.running_line[-5:] == [4, 5, None, None, 3]
    assert tiles.queued_line[-5:] == [90, 80, None, None, 70]
    html = RENDERER.kpis(kpis(running=3), trend(gauges=looked), LOOK)
    [drawn] = re.findall(r'c-line c-running" d="([^"]*)"', html)
    assert drawn.count("M") == 2


def test_lines_stand_before_any_worker_has_looked() -> None:
    assert Tiles(trend(), kpis(queued=7)).queued_line == [7]
    assert 'c-line c-queued" d="M0.0 ' in RENDERER.kpis(kpis(queued=7), trend(), LOOK)


def test_a_line_with_a_gap_has_a_piece_on_each_side_and_a_lone_value_can_be_seen() -> None:
    drawn = re.findall(r'c-line c-x" d="([^"]*)"', sparkline([1, None, 2, 1, None], "x"))
    assert drawn == ["M0.0 15.0L12.5 15.0M50.0 2.1L75.0 15.0"]
    assert "M" not in re.findall(r'c-line c-x" d="([^"]*)"', sparkline([None, None], "x"))[0]


# Charts


def test_bars_are_stacked_named_and_the_open_one_is_told_apart() -> None:
    chart = throughput(trend(counts(8, 2, 3), counts(3)))

    assert chart.y == ["15", "7.5", "0"]
    assert chart.x[-1] == "now"
    bars = re.findall(r'<g class="bar([^"]*)"><title>([^<]*)</title>(.*?)</g>', chart.plot)
    assert [(kind, title) for kind, title, _ in bars] == [
        ("", "14:29 UTC: 6 done, 3 retried, 2 failed"),
        (" open", "14:30 UTC: 3 done, 0 retried, 0 failed so far"),
    ]
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', bars[0][2])]
    assert sum(heights) == pytest.approx(116 * 11 / 15, abs=0.5)


def test_lines_break_where_nothing_ended_and_a_lonely_bucket_can_be_seen() -> None:
    runs = counts(5, run=5)
    plot = run_times(trend(runs, runs, EMPTY, runs)).plot

    [path] = re.findall(r'class="c-line c-p50" d="([^"]+)"', plot)
    assert path.count("M") == 2
    assert path.count("L") == 2


def test_a_release_is_marked_where_it_came_and_its_name_stays_text() -> None:
    plot = throughput(trend(counts(5), deploys=[Deploy("<b>2.0", NOW - 30 * 60_000)])).plot

    assert "<title>release &lt;b&gt;2.0, 14:00 UTC</title>" in plot
    assert "<b>" not in plot
    x = float(re.findall(r'<line x1="([\d.]+)"', plot)[0])
    assert x == pytest.approx(1000 * 29.5 / 60, abs=1)


def test_the_table_says_what_the_charts_show() -> None:
    html = RENDERER.part("charts", LOOK, trend=trend(counts(8, 2, 3, run=8), counts(3), function="resize"))

    assert 'data-live="charts:1h/resize"' in html
    assert html.count("<tr>") == 61
    assert "14:30 so far 3 0 0 0" in words(html)
    assert "14:29 6 3 2 0 8 ms 8 ms 8 ms" in words(html)


def test_long_windows_name_the_day() -> None:
    assert throughput(trend(counts(1), window="7d")).x[0] == "15.11. 16:00"
    assert [row.is_open for row in rows(trend(counts(1), window="24h"))].count(True) == 1


def test_nothing_at_all_is_a_chart_too() -> None:
    chart = throughput(trend())

    assert chart.y == ["1", "", "0"]
    assert 'class="bar' not in chart.plot
    assert "no job has ended" in run_times(trend()).plot
