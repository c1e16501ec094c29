"""Pictures as inline SVG, drawn on the server. Built from numbers and escaped labels only, no inline style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from arqboard.protocol import Attempt, ChunkCounts, Job, Outcome

#: Up to here each chunk is a numbered cell, above it a small square.
MAX_CELLS = 600
#: More chunks than this are not drawn one by one.
MAX_SQUARES = 10_000

#: The colour of a chunk's mark, named after the job state it resembles.
MARK_COLOURS = {"d": "succeeded", "r": "running", "f": "failed", "s": "aborted", ".": "queued"}
_CELL = 10


def sparkline(values: Sequence[float], colour: str) -> Markup:
    """A line over a soft area, without axes. Decoration: the numbers stand beside it."""
    width, height = 100, 28
    top = max(values, default=0) * 1.08 or 1
    step = width / max(len(values) - 1, 1)
    points = "L".join(f"{n * step:.1f} {height - v * height / top:.1f}" for n, v in enumerate(values))
    return _svg(
        f'class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"',
        f'<path class="c-area c-{colour}" d="M{points}L{width} {height}L0 {height}Z"/>'
        f'<path class="c-line c-{colour}" d="M{points}"/>',
    )


def meter(used: int, size: int) -> Markup:
    """How many of a few slots are taken, as a row of squares; a plain bar from 17 slots on."""
    cells: list[tuple[int, float, str]] = [(0, size * 10, "track"), (0, min(used, size) * 10, "running")]
    if size <= 16:
        cells = [(n * 10, 8.4, "running" if n < used else "track") for n in range(max(size, 1))]
    body = "".join(f'<rect class="f-{colour}" x="{x}" width="{width:g}" height="12"/>' for x, width, colour in cells)
    box = f"0 0 {max(size, 1) * 10} 12"
    return _svg(f'class="spark meter" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true"', body)


def segbar(chunks: ChunkCounts, label: str) -> Markup:
    """One bar of done, running, failed and skipped chunks. It is the progress bar, so it says so."""
    x = 0
    parts = [f'<rect class="f-track" width="{chunks.total}" height="6"/>']
    for colour, count in _segments(chunks):
        parts.append(f'<rect class="f-{colour}" x="{x}" width="{count}" height="6"/>')
        x += count
    return _svg(
        f'class="segbar" viewBox="0 0 {chunks.total} 6" preserveAspectRatio="none" role="progressbar"'
        f' aria-valuemin="0" aria-valuemax="{chunks.total}" aria-valuenow="{min(chunks.done, chunks.total)}"'
        f' aria-label="{escape(label)}"',
        "".join(parts),
    )


def _segments(chunks: ChunkCounts) -> Iterator[tuple[str, int]]:
    counts = (chunks.done, chunks.running, chunks.failed, chunks.skipped)
    for colour, count in zip(("succeeded", "running", "failed", "aborted"), counts, strict=True):
        if count:
            yield colour, count


def chunk_map(marks: str, total: int) -> Markup:
    """Every chunk at its place: numbered cells for a few, a grid of squares for many."""
    shown = "".join(m if m in MARK_COLOURS else "." for m in marks[:total]).ljust(total, ".")
    return _cells(shown) if total <= MAX_CELLS else _squares(shown[:MAX_SQUARES])


def _cells(marks: str) -> Markup:
    items = "".join(f'<i class="ck st-{MARK_COLOURS[mark]}">{n}</i>' for n, mark in enumerate(marks, start=1))
    return Markup(f'<div class="chunks" role="img" aria-label="{_chunk_words(marks)}">{items}</div>')  # noqa: S704 - numbers and our own words


def _squares(marks: str) -> Markup:
    """One dashed path per colour: a run of n equal squares is one `h`, so 10,000 chunks stay a few kB."""
    columns = 100 if len(marks) <= 2500 else 200
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
    return _svg(f'class="squares" viewBox="{box}" role="img" aria-label="{_chunk_words(marks)}"', body)


def _chunk_words(marks: str) -> str:
    failed = [str(n) for n, mark in enumerate(marks, start=1) if mark == "f"]
    words = f"{marks.count('d')} of {len(marks)} chunks done, {marks.count('r')} running"
    if failed:
        more = f" and {len(failed) - 10} more" if len(failed) > 10 else ""
        words += f", failed: {', '.join(failed[:10])}{more}"
    return words


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the attempts chart. `start` and `width` are parts of 1000."""

    label: str
    colour: str
    start: float
    width: float
    is_open: bool

    @property
    def bar(self) -> Markup:
        open_ = " open" if self.is_open else ""
        return _svg(
            'viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true"',
            '<rect class="f-lane" y="8" width="1000" height="2"/>'
            f'<rect class="f-{self.colour}{open_}" x="{self.start:.1f}" y="3" width="{self.width:.1f}" height="12"/>',
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


def lanes(job: Job, attempts: Sequence[Attempt], limit: int = 12) -> list[Lane]:
    """The newest attempts over time since the job was enqueued. What still runs reaches to the right edge.

    The right edge is where the last attempt ended; while one runs it lies beyond its start, so that the open bar
    can be seen, and not at a "now" that would be wrong a second later.
    """
    if not attempts:
        return []
    zero = min(job.enqueued, attempts[0].started)
    edge = max(_reach(zero, attempt) for attempt in attempts)
    span = max(1, edge - zero)
    return [_lane(attempt, zero, span) for attempt in attempts[-limit:]]


#: What an attempt that runs is drawn as at least, so that a wait of milliseconds before it stays a thin line.
_OPEN_MS = 10_000


def _reach(zero: int, attempt: Attempt) -> int:
    if attempt.ended is not None:
        return attempt.ended
    return attempt.started + max(_OPEN_MS, (attempt.started - zero) * 2)


def _lane(attempt: Attempt, zero: int, span: int) -> Lane:
    start = min(max((attempt.started - zero) * 1000 / span, 0), 994)
    end = 1000 if attempt.ended is None else min(max((attempt.ended - zero) * 1000 / span, 0), 1000)
    colour = _OUTCOME_COLOURS[attempt.outcome] if attempt.outcome else "running"
    return Lane(f"Attempt {attempt.number}", colour, start, max(end - start, 6), attempt.ended is None)


def _svg(attributes: str, body: str) -> Markup:
    return Markup(f"<svg {attributes}>{body}</svg>")  # noqa: S704 - callers give numbers, own words and escaped labels
