"""Charts over time as inline SVG: stacked bars and lines. Words are HTML around them, so that they never stretch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from arqboard.protocol import percentile

from . import formats
from .language import gettext as _
from .trends import DEFAULT, WINDOWS, Trend

HEIGHT = 116
#: Of a bar's place, the rest is the gap between two.
_FILLED = 0.76
_SERIES = ("succeeded", "retrying", "failed")
SHARES = (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))
_STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
#: Upper ends of the axis of times, in ms: what people read without thinking.
_TIMES = (
    1, 2, 4, 10, 20, 40, 100, 200, 400, 1000, 2000, 4000, 10_000, 20_000, 40_000, _MINUTE, 2 * _MINUTE, 4 * _MINUTE,
    10 * _MINUTE, 20 * _MINUTE, 40 * _MINUTE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot with what stands beside its axes, from top to bottom and from left to right."""

    plot: Markup
    y: list[str]
    x: list[str]


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One bucket as numbers, for who can't see the plots."""

    time: int
    succeeded: int
    retried: int
    failed: int
    aborted: int
    runs: list[float | None]
    is_open: bool


def throughput(trend: Trend) -> Chart:
    """What ended in each bucket, stacked. Aborted jobs are neither done nor failed; they are in the table."""
    stacks = [_stack(row) for row in rows(trend)]
    top = _nice(max((sum(stack) for stack in stacks), default=0))
    width = 1000 / len(stacks)
    bars = [
        _bar(n * width, width, stack, top, row)
        for n, (stack, row) in enumerate(zip(stacks, rows(trend), strict=True))
    ]  # fmt: skip
    y = [formats.compact(top), formats.compact(top / 2) if top > 1 else "", "0"]
    return Chart(_plot("".join(bars) + _deploys(trend), _throughput_words(trend)), y, _times(trend))


def run_times(trend: Trend) -> Chart:
    """Percentiles of how long jobs ran, told apart by dashes as well as by colour."""
    found = rows(trend)
    longest = max((run for row in found for run in row.runs if run is not None), default=0)
    top = next((time for time in _TIMES if time >= longest), _TIMES[-1])
    width = 1000 / len(found)
    lines = [_line([row.runs[n] for row in found], width, top, f"c-{name}") for n, (name, _share) in enumerate(SHARES)]
    y = [formats.duration(top), formats.duration(top / 2) if top > 1 else "", "0"]
    return Chart(_plot("".join(lines) + _deploys(trend), _run_words(trend)), y, _times(trend))


def rows(trend: Trend) -> list[ChartRow]:
    """The buckets, the open one last."""
    last = trend.buckets[-1].time
    return [
        ChartRow(
            bucket.time, c.succeeded, c.retried, c.failed, c.aborted,
            [percentile(c.run, share) for _name, share in SHARES], bucket.time == last,
        )
        for bucket in trend.buckets
        for c in (bucket.counts,)
    ]  # fmt: skip


def run_percentiles(trend: Trend) -> list[tuple[str, float | None]]:
    """Those of the whole window."""
    return [(name, percentile(trend.total.run, share)) for name, share in SHARES]


def bucket_clock(ms: int, trend: Trend) -> str:
    """When a bucket begins, in UTC; with its day where the window is longer than one."""
    text = formats.iso(ms)
    return f"{text[8:10]}.{text[5:7]}. {text[11:16]}" if trend.window.length_ms > _DAY else text[11:16]


def _stack(row: ChartRow) -> tuple[int, int, int]:
    return row.succeeded, row.retried, row.failed


def _bar(x: float, width: float, stack: Sequence[int], top: float, row: ChartRow) -> str:
    if not any(stack):
        return ""
    y, parts = float(HEIGHT), ""
    for name, count in zip(_SERIES, stack, strict=True):
        height = count / top * HEIGHT
        y -= height
        if height:
            parts += (
                f'<rect class="b b-{name}" x="{x + width * (1 - _FILLED) / 2:.1f}" y="{y:.1f}"'
                f' width="{width * _FILLED:.1f}" height="{max(height, 1):.1f}"/>'
            )
    is_open = " open" if row.is_open else ""
    return f'<g class="bar{is_open}"><title>{escape(_bar_words(row))}</title>{parts}</g>'


def _bar_words(row: ChartRow) -> str:
    clock = formats.iso(row.time)[11:16]
    words = _("%(clock)s UTC: %(done)s done, %(retried)s retried, %(failed)s failed") % {
        "clock": clock, "done": row.succeeded, "retried": row.retried, "failed": row.failed,
    }  # fmt: skip
    return words + (_(" so far") if row.is_open else "")


def _line(values: Sequence[float | None], width: float, top: float, name: str) -> str:
    """Runs of neighbours are lines; a bucket alone between empty ones is a short stroke, so that it can be seen."""
    pieces: list[str] = []
    points: list[str] = []
    for n, value in enumerate([*values, None]):
        if value is not None:
            points.append(f"{(n + 0.5) * width:.1f} {HEIGHT - min(value, top) / top * HEIGHT:.1f}")
            continue
        if len(points) == 1:
            points.append(f"{(n - 0.5) * width + width * 0.4:.1f} {points[0].partition(' ')[2]}")
        if points:
            pieces.append("M" + "L".join(points))
        points = []
    return f'<path class="c-line {name}" d="{"".join(pieces)}"/>' if pieces else ""


def _deploys(trend: Trend) -> str:
    """A dashed line where a release came, with its name for the pointer."""
    start, end = trend.buckets[0].time, trend.buckets[-1].time + trend.window.bucket_ms
    marks = ""
    for deploy in trend.deploys:
        x = (deploy.time - start) * 1000 / (end - start)
        said = escape(_("release %(name)s, %(clock)s UTC") % {
            "name": deploy.release, "clock": formats.iso(deploy.time)[11:16]})  # fmt: skip
        marks += f'<g class="deploy"><title>{said}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="-6" y2="{HEIGHT}"/></g>'
    return marks


def _plot(body: str, words: str) -> Markup:
    grid = "".join(f'<line class="g" x1="0" x2="1000" y1="{y:g}" y2="{y:g}"/>' for y in (0, HEIGHT / 2, HEIGHT))
    return Markup(  # noqa: S704 - numbers, words of ours, and names that were escaped
        f'<svg class="plot" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(words)}">{grid}{body}</svg>'
    )


def _throughput_words(trend: Trend) -> str:
    total = trend.total
    return _("Finished jobs by time: %(done)s done, %(retried)s retried, %(failed)s failed") % {
        "done": total.succeeded, "retried": total.retried, "failed": total.failed,
    }  # fmt: skip


def _run_words(trend: Trend) -> str:
    told = ", ".join(f"{name} {formats.duration(ms)}" for name, ms in run_percentiles(trend) if ms is not None)
    return _("Run time by time: %(percentiles)s") % {"percentiles": told or _("no job has ended")}


def _times(trend: Trend) -> list[str]:
    """Four marks at even distances, and the right end."""
    count = len(trend.buckets)
    return [bucket_clock(trend.buckets[count * n // 4].time, trend) for n in range(4)] + [_("now")]


def _nice(value: float) -> float:
    """The next round number that is not smaller."""
    if value <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value)


#: What templates call them.
TIMECHARTS = {
    "throughput": throughput, "run_times": run_times, "chart_rows": rows, "run_percentiles": run_percentiles,
    "bucket_clock": bucket_clock, "window_names": tuple(WINDOWS), "usual_window": DEFAULT,
}  # fmt: skip
