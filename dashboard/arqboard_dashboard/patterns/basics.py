"""Buttons, badges, bars and lines: what everything else is built of."""

from __future__ import annotations

from dataclasses import replace

from arqboard.protocol import ChunkCounts

from . import made_jobs as made
from .samples import HOSTILE, LONG, RUSSIAN, Sample, Section

_WORDS = ("Save", "Run now", "Retry", "Download", "Aborting…")
_KINDS = (
    ("", "Usual"),
    ("primary", "Primary"),
    ("danger", "Danger"),
    ("ghost", "Ghost"),
    ("solid", "Solid: a danger confirmed"),
)
_STATES = (
    "queued", "deferred", "running", "retrying", "succeeded", "failed", "aborted", "stalled", "unreadable", "waiting",
    "skipped", "paused", "aborting",
)  # fmt: skip
_BARS = (
    ("0 %", (0, 48), "running", ""),
    ("1 of 1 000", (1, 1000), "running", ""),
    ("65 %", (65, 100), "running", ""),
    ("99.9 %", (999, 1000), "running", ""),
    ("100 %", (48, 48), "running", ""),
    ("Done", (1, 1), "succeeded", ""),
    ("Failed", (37, 100), "failed", ""),
    ("Waits for a retry", (37, 100), "retrying", ""),
    ("Stalled", (65, 100), "stalled", ""),
    ("Aborted", (22, 100), "aborted", ""),
    ("Thin", (40, 100), "running", "thin"),
    ("Big", (40, 100), "running", "big"),
)
_CHUNKS = (
    ("All waiting", ChunkCounts(240, 0, 0, 0, 0)),
    ("Under way, some failed or skipped", ChunkCounts(240, 151, 3, 4, 2)),
    ("All done", ChunkCounts(240, 240, 0, 0, 0)),
    ("One of ten thousand failed", ChunkCounts(10_000, 9_999, 1, 0, 0)),
    ("All failed", ChunkCounts(8, 0, 8, 0, 0)),
)
_LINES: tuple[tuple[str, list[float], str], ...] = (
    ("No value", [], "succeeded"),
    ("One value", [3.0], "succeeded"),
    ("Nothing all the time", [0.0] * 12, "failed"),
    ("Many", [float(n * 7 % 23) for n in range(60)], "deferred"),
    ("One peak", [0.0] * 20 + [900.0] + [0.0] * 20, "failed"),
)

BUTTONS = Section(
    "buttons",
    "Buttons",
    (
        *tuple(Sample(title, "patterns/buttons", {"name": kind, "options": _WORDS}, "flow") for kind, title in _KINDS),
        Sample("Keys", "patterns/keys", {"options": ("⌘K", "Ctrl", "Enter", "?", "g")}, "flow"),
    ),
)
BADGES = Section(
    "badges",
    "Badges and tags",
    (
        Sample("Every state", "patterns/badges", {"options": _STATES}, "flow"),
        Sample("Tags and filters", "patterns/tags", {"options": ("arq:queue", RUSSIAN, HOSTILE, LONG)}, "flow"),
    ),
)
BARS = Section(
    "bars",
    "Bars",
    (
        *(
            Sample(title, "patterns/bar", {"part": part, "state": state, "message": title, "name": cls}, "measured")
            for title, part, state, cls in _BARS
        ),
        Sample("No total", "patterns/job_bar", {"job": made.UNKNOWN}),
        Sample("More than its total", "patterns/job_bar", {"job": made.OVER}),
        *(
            Sample(f"Chunks: {title.lower()}", "patterns/job_bar", {"job": replace(made.CHUNKED, chunks=counts)})
            for title, counts in _CHUNKS
        ),
    ),
)
LINES = Section(
    "lines",
    "Lines and squares",
    (
        *(
            Sample(title, "patterns/spark", {"lines": values, "state": colour}, "narrow")
            for title, values, colour in _LINES
        ),
        Sample("No slot, nothing happened", "patterns/depth", {"part": (0, 0), "lines": ([], [])}, "narrow"),
        Sample("Slots and rates", "patterns/depth", {"part": (3, 10), "lines": ([4, 9, 2, 7], [4, 6, 5, 7])}, "narrow"),
        Sample("Many slots", "patterns/depth", {"part": (90, 200), "lines": ([4] * 60, [5] * 60)}, "narrow"),
    ),
    ("queues",),
)
SECTIONS = (BUTTONS, BADGES, BARS, LINES)
