"""Pictures of queues and workers as inline SVG: how deep, how fast, how long. Numbers and words of ours only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from arqboard.protocol import State

from .charts import at_least_two
from .formats import duration
from .language import gettext
from .queue_views import ChartBucket, QueueCharts

_HEIGHT = 100
#: Of one bar and the gap after it.
_BAR, _STEP = 8.4, 10


def depth_bar(depth: Mapping[State, int], label: str) -> Markup:
    """One bar of the jobs in each state, in the order given. Nothing in any: an empty track."""
    total = sum(depth.values())
    parts, x = ['<rect class="f-track" width="1000" height="8"/>'], 0.0
    for state, count in depth.items():
        if count:
            width = max(6.0, count * 1000 / total)  # a few jobs beside thousands are still seen
            parts.append(f'<rect class="f-{state.value}" x="{x:.1f}" width="{width:.1f}" height="8"/>')
            x += width
    box = f"0 0 {max(1000.0, x):.1f} 8"
    return _svg(f'class="depth" viewBox="{box}" role="img" aria-label="{escape(label)}"', parts)


def slot_row(used: int, size: int) -> Markup:
    """How many slots are taken, as small squares; as a bar from 25 on. Decoration: the numbers stand beside it."""
    if size > 24:
        share = 240 * min(used, size) / size
        parts = [
            '<rect class="f-track" width="240" height="10"/>',
            f'<rect class="f-running" width="{share:.1f}" height="10"/>',
        ]
        return _svg('class="slot-row" viewBox="0 0 240 10" aria-hidden="true"', parts)
    cells = ((n * 12, "running" if n < used else "track") for n in range(max(size, 1)))
    parts = [f'<rect class="f-{colour}" x="{x}" width="10" height="10" rx="2.5"/>' for x, colour in cells]
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="slot-row" viewBox="0 0 {max(size, 1) * 12 - 2} 10" preserveAspectRatio="xMinYMid meet"'
        f' aria-hidden="true">{"".join(parts)}</svg>'
    )


def flow_line(came: Sequence[int], started: Sequence[int]) -> Markup:
    """Jobs that came and jobs that started, by the minute, on one scale. Decoration: the rates stand beside it."""
    top = max((1, *came, *started)) * 1.08
    return _svg(
        'class="spark" viewBox="0 0 100 28" aria-hidden="true"',
        [
            f'<path class="c-area c-succeeded" d="M{_line(started, top, 100, 28)}L100 28L0 28Z"/>',
            f'<path class="c-line c-succeeded" d="M{_line(started, top, 100, 28)}"/>',
            f'<path class="c-line c-queued dashed" d="M{_line(came, top, 100, 28)}"/>',
        ],
    )


def flow_chart(charts: QueueCharts, label: str) -> Markup:
    """What ended in each bucket as bars, failures on top, and what came as a line. The last bar is not full yet, so the
    line ends before it."""
    buckets = charts.buckets
    top, width = flow_top(buckets), len(buckets) * _STEP
    parts = _grid(width)
    for n, bucket in enumerate(buckets):
        is_open = n == len(buckets) - 1
        parts += _bar(n, bucket, top, is_open)
    whole = buckets[:-1]
    came = "L".join(f"{n * _STEP + _BAR / 2:.1f} {_y(b.counts.came, top):.1f}" for n, b in enumerate(whole))
    parts.append(f'<path class="c-line c-queued dashed" d="M{came}"/>')
    return _svg(f'class="plot" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(label)}"', parts)


def wait_chart(charts: QueueCharts, label: str) -> Markup:
    """Median and 95th percentile of the waits; where nothing started there is no line."""
    buckets, width = charts.buckets, len(charts.buckets) * _STEP
    top = wait_top(buckets)
    parts = _grid(width)
    parts += _broken_line([bucket.wait_p95 for bucket in buckets], top, "p95")
    parts += _broken_line([bucket.wait_p50 for bucket in buckets], top, "p50")
    return _svg(f'class="plot" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(label)}"', parts)


def flow_top(buckets: Iterable[ChartBucket]) -> int:
    """The number of jobs that is as high as the chart: a round one, not below what there is."""
    return _round_up(max((max(b.counts.ended, b.counts.came) for b in buckets), default=0))


def wait_top(buckets: Iterable[ChartBucket]) -> float:
    """The wait (ms) that is as high as the chart. Percentiles are powers of two, so this is one too; and half of it,
    which stands beside the chart, is a whole number of milliseconds."""
    longest = max((bucket.wait_p95 or 0.0 for bucket in buckets), default=0.0)
    return max(2.0, longest) if longest else 1024.0


def _bar(n: int, bucket: ChartBucket, top: int, is_open: bool) -> list[str]:
    counts = bucket.counts
    if not counts.ended:
        return []
    y, parts = float(_HEIGHT), [f'<g class="bar{" open" if is_open else ""}"><title>{_bar_words(bucket)}</title>']
    for colour, count in (("succeeded", counts.succeeded), ("aborted", counts.aborted), ("failed", counts.failed)):
        if count:
            high = count * _HEIGHT / top
            y -= high
            parts.append(f'<rect class="b b-{colour}" x="{n * _STEP}" y="{y:.1f}" width="{_BAR}" height="{high:.1f}"/>')
    return [*parts, "</g>"]


def _bar_words(bucket: ChartBucket) -> str:
    counts = bucket.counts
    words = gettext("%(ended)s ended, %(failed)s of them failed; %(came)s came") % {
        "ended": counts.ended, "failed": counts.failed, "came": counts.came
    }  # fmt: skip
    if bucket.wait_p95 is not None:
        words += "; " + gettext("wait p95 %(wait)s") % {"wait": duration(bucket.wait_p95)}
    return str(escape(words))


def _broken_line(values: Sequence[float | None], top: float, colour: str) -> list[str]:
    """One path for each stretch of buckets that have a value; a lone one is a short dash."""
    paths: list[str] = []
    stretch: list[str] = []
    for n, value in enumerate([*values, None]):
        if value is not None:
            y = _y(value, top)
            stretch += [f"{n * _STEP + 2} {y:.1f}", f"{n * _STEP + _BAR:.1f} {y:.1f}"]
        elif stretch:
            paths.append(f'<path class="c-line c-{colour}" d="M{"L".join(stretch)}"/>')
            stretch = []
    return paths


def _line(numbers: Sequence[int], top: float, width: int, height: int) -> str:
    values = at_least_two(numbers)
    step = width / max(len(values) - 1, 1)
    return "L".join(f"{n * step:.1f} {height - value * height / top:.1f}" for n, value in enumerate(values))


def _grid(width: int) -> list[str]:
    return [f'<path class="g" d="M0 {y}H{width}"/>' for y in (0, _HEIGHT // 2, _HEIGHT)]


def _y(value: float, top: float) -> float:
    return _HEIGHT - value * _HEIGHT / top


def _round_up(value: int) -> int:
    """The next of 2, 4, 6, 8, 10, 20, 40 …: so that half of it is whole too."""
    size = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if value <= step * size:
                return step * size
        size *= 10


def _svg(attributes: str, parts: Iterable[str]) -> Markup:
    return Markup(f'<svg {attributes} preserveAspectRatio="none">{"".join(parts)}</svg>')  # noqa: S704 - numbers, words of ours and escaped labels
