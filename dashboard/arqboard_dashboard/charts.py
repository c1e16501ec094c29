"""Pictures as inline SVG, drawn on the server. Built from numbers and escaped labels only, no inline style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from markupsafe import Markup, escape

from arqboard.protocol import Attempt, ChunkCounts, Job, Outcome

from .language import gettext

#: Up to here each chunk is a numbered cell, above it a small square.
MAX_CELLS = 600
#: More chunks than this are not drawn one by one.
MAX_SQUARES = 10_000

#: The colour of a chunk's mark, named after the job state it resembles.
MARK_COLOURS = {"d": "succeeded", "r": "running", "f": "failed", "s": "aborted", ".": "queued"}
_CELL = 10
Value = TypeVar("Value")
#: A part of a bar is at least so small a part of it wide.
LEAST_SHARE = 150


def at_least_two(values: Sequence[Value]) -> Sequence[Value | float]:
    """What a line can be drawn through: no value is one along the foot, one value one at its height."""
    return (0, 0) if not values else (values[0], values[0]) if len(values) == 1 else values


def sparkline(values: Sequence[float | None], colour: str) -> Markup:
    """A line over a soft area, without axes; it is broken where there is no value. Decoration: the numbers stand
    beside it."""
    width, height, values = 100, 28, at_least_two(values)
    top = max((value for value in values if value is not None), default=0) * 1.08 or 1
    step = width / max(len(values) - 1, 1)
    areas = lines = ""
    for run in _runs(values, step):
        points = "L".join(f"{x:.1f} {height - value * height / top:.1f}" for x, value in run)
        areas += f"M{points}L{run[-1][0]:.4g} {height}L{run[0][0]:.4g} {height}Z"
        lines += f"M{points}"
    return _svg(
        f'class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"',
        f'<path class="c-area c-{colour}" d="{areas}"/><path class="c-line c-{colour}" d="{lines}"/>',
    )


def _runs(values: Sequence[float | None], step: float) -> Iterator[list[tuple[float, float]]]:
    """Neighbours that have values, with their places. One alone is as wide as its place, so that it can be seen."""
    for is_there, run in groupby(enumerate(values), key=lambda pair: pair[1] is not None):
        points = [(n * step, value) for n, value in run if value is not None]
        if len(points) == 1:
            [(x, value)] = points
            points = [(max(0, x - step / 2), value), (min(step * (len(values) - 1), x + step / 2), value)]
        if is_there:
            yield points


def segbar(chunks: ChunkCounts, label: str) -> Markup:
    """One bar of done, running, failed and skipped chunks. It is the progress bar, so it says so."""
    x = 0.0
    parts = [f'<rect class="f-track" width="{chunks.total}" height="6"/>']
    for colour, width in _widths(chunks.total, list(_segments(chunks))):
        parts.append(f'<rect class="f-{colour}" x="{x:g}" width="{width:g}" height="6"/>')
        x += width
    return _svg(
        f'class="segbar" viewBox="0 0 {chunks.total} 6" preserveAspectRatio="none" role="progressbar"'
        f' aria-valuemin="0" aria-valuemax="{chunks.total}" aria-valuenow="{min(chunks.done, chunks.total)}"'
        f' aria-label="{escape(label)}"',
        "".join(parts),
    )


def _widths(total: int, segments: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """One failed chunk among ten thousand is still seen, and the widest part makes room for it."""
    least = total / LEAST_SHARE
    wide = [(colour, max(float(count), least)) for colour, count in segments]
    over = sum(width for _, width in wide) - total
    if over <= 0:
        return wide
    widest = max(width for _, width in wide)
    return [(colour, width - over if width == widest else width) for colour, width in wide]


def _segments(chunks: ChunkCounts) -> Iterator[tuple[str, int]]:
    counts = (chunks.done, chunks.running, chunks.failed, chunks.skipped)
    for colour, count in zip(("succeeded", "running", "failed", "aborted"), counts, strict=True):
        if count:
            yield colour, count


def chunk_map(marks: str, total: int) -> Markup:
    """Every chunk at its place: numbered cells for a few, a grid of squares for many."""
    shown = _shown_marks(marks, total)
    return _cells(shown) if total <= MAX_CELLS else _squares(shown[:MAX_SQUARES])


def chunk_columns(total: int) -> int:
    """How many squares a line of the map has; 0 for cells, which flow."""
    if total <= MAX_CELLS:
        return 0
    return 100 if min(total, MAX_SQUARES) <= 2500 else 200


def _shown_marks(marks: str, total: int) -> str:
    return "".join(m if m in MARK_COLOURS else "." for m in marks[:total]).ljust(total, ".")


def _cells(marks: str) -> Markup:
    items = "".join(f'<i class="ck st-{MARK_COLOURS[mark]}">{n}</i>' for n, mark in enumerate(marks, start=1))
    return Markup(f'<div class="chunks" aria-hidden="true">{items}</div>')  # noqa: S704 - numbers and our own words


def _squares(marks: str) -> Markup:
    """One dashed path per colour: a run of n equal squares is one `h`, so 10,000 chunks stay a few kB."""
    columns = chunk_columns(len(marks))
    rows = [marks[n : n + columns] for n in range(0, len(marks), columns)]
    paths: dict[str, list[str]] = {}
    for y, row in enumerate(rows):
        x = 0
        for mark, run in groupby(row):
            size = len(list(run))
            paths.setdefault(mark, []).append(f"M{x * _CELL} {y * _CELL + 4}h{size * _CELL - 2}")
            x += size
    body = "".join(f'<path class="sq s-{MARK_COLOURS[mark]}" d="{"".join(d)}"/>' for mark, d in paths.items())
    box = f"0 0 {columns * _CELL - 2} {len(rows) * _CELL - 2}"
    return _svg(f'class="squares" viewBox="{box}" aria-hidden="true"', body)


def chunk_words(marks: str, total: int) -> str:
    """The map in a sentence: how many are done, and which have failed."""
    shown = _shown_marks(marks, total)
    failed = [str(n) for n, mark in enumerate(shown, start=1) if mark == "f"]
    said = gettext("%(done)s of %(total)s chunks done, %(running)s running")
    words = said % {"done": shown.count("d"), "total": total, "running": shown.count("r")}
    if not failed:
        return words
    words += gettext(", failed: %(numbers)s") % {"numbers": ", ".join(failed[:10])}
    return words + (gettext(" and %(n)s more") % {"n": len(failed) - 10} if len(failed) > 10 else "")


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the attempts chart. Each bar begins at a part of 1000 and is so many wide."""

    label: str
    colour: str
    bars: tuple[tuple[float, float], ...]
    is_open: bool = False
    number: int = 0
    """of the attempt; 0 for what lies between attempts"""

    @property
    def bar(self) -> Markup:
        kind = f"f-{self.colour}{' open' if self.is_open else ''}"
        drawn = "".join(f'<rect class="{kind}" x="{x:.1f}" y="3" width="{w:.1f}" height="12"/>' for x, w in self.bars)
        return _svg(
            'viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true"',
            f'<rect class="f-lane" y="8" width="1000" height="2"/>{drawn}',
        )


_OUTCOME_COLOURS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.RETRY: "retrying",
    Outcome.ABORTED: "aborted",
    Outcome.LOST: "stalled",
    Outcome.HANDED_OVER: "deferred",
    Outcome.DISCARDED: "aborted",
}


@dataclass(frozen=True, slots=True)
class _Axis:
    """From when to when (ms) the chart of attempts reaches."""

    zero: int
    edge: int

    def bar(self, start: int, end: int | None) -> tuple[float, float]:
        """Where a bar begins and how wide it is; at least so wide that it can be seen."""
        x = min(max(self._at(start), 0.0), 994.0)
        return x, max((1000.0 if end is None else min(max(self._at(end), 0.0), 1000.0)) - x, 6.0)

    def _at(self, ms: int) -> float:
        return (ms - self.zero) * 1000 / max(1, self.edge - self.zero)


def lanes(job: Job, attempts: Sequence[Attempt], limit: int = 12) -> list[Lane]:
    """The newest attempts over time since the job was enqueued, and above them when it waited.

    The right edge is where the last attempt ended; while one runs it lies beyond its start, so that the open bar
    can be seen, and not at a "now" that would be wrong a second later.
    """
    if not attempts:
        return []
    axis = _axis(job, attempts)
    shown = attempts[-limit:]
    waits = tuple(axis.bar(start, end) for start, end in _waits(job, attempts, shown))
    return [Lane("Waiting", "queued", waits), *(_lane(attempt, axis) for attempt in shown)]


def ticks(job: Job, attempts: Sequence[Attempt]) -> list[int]:
    """Times since the start (ms) under the chart, evenly spread; only the start while an attempt runs."""
    if not attempts or attempts[-1].ended is None:
        return [0]
    axis = _axis(job, attempts)
    return [(axis.edge - axis.zero) * n // 4 for n in range(5)]


#: What an attempt that runs is drawn as at least, so that a wait of milliseconds before it stays a thin line.
_OPEN_MS = 10_000


def _axis(job: Job, attempts: Sequence[Attempt]) -> _Axis:
    zero = min(job.enqueued, attempts[0].started)
    return _Axis(zero, max(_reach(zero, attempt) for attempt in attempts))


def _reach(zero: int, attempt: Attempt) -> int:
    if attempt.ended is not None:
        return attempt.ended
    return attempt.started + max(_OPEN_MS, (attempt.started - zero) * 2)


def _waits(job: Job, attempts: Sequence[Attempt], shown: Sequence[Attempt]) -> Iterator[tuple[int, int]]:
    """Before each attempt that is shown: since the job was enqueued, or the attempt before had ended."""
    first = len(attempts) - len(shown)
    since = attempts[first - 1].ended if first else job.enqueued
    for attempt in shown:
        if since is not None and attempt.started > since:
            yield since, attempt.started
        since = attempt.ended


def _lane(attempt: Attempt, axis: _Axis) -> Lane:
    colour = _OUTCOME_COLOURS[attempt.outcome] if attempt.outcome else "running"
    bars = (axis.bar(attempt.started, attempt.ended),)
    return Lane(f"Attempt {attempt.number}", colour, bars, attempt.ended is None, attempt.number)


def _svg(attributes: str, body: str) -> Markup:
    return Markup(f"<svg {attributes}>{body}</svg>")  # noqa: S704 - callers give numbers, own words and escaped labels
