"""What templates of queues, workers and schedules can call: addresses, pictures, words."""

from __future__ import annotations

from typing import Any

from . import formats, strips
from .language import gettext
from .links import url_part
from .queue_views import SPANS
from .schedule_views import Tick
from .schedule_words import CATCH_UP_WORDS, wall
from .views import Look
from .worker_views import CARD_JOBS, SLOW_LOOP_MS


def queue_url(look: Look, name: str) -> str:
    """Where a queue's page is."""
    return f"{look.base}/queues/{url_part(name)}"


def worker_url(look: Look, worker_id: str) -> str:
    """Where a worker's page is."""
    return f"{look.base}/workers/{url_part(worker_id)}"


def schedule_url(look: Look, name: str) -> str:
    """Where a schedule's page is."""
    return f"{look.base}/schedules/{url_part(name)}"


def hour_mark(ms: int) -> str:
    """`14:26`, in UTC, for the foot of a chart."""
    return formats.iso(ms)[11:16]


def tick_word(tick: Tick) -> str:
    """What became of a tick, in a word."""
    match tick.looks:
        case "gone":
            return gettext("ran, its job is gone")
        case "overlapped":
            return gettext("left out, an earlier job was not over")
        case looks:
            return gettext(looks)


def tick_words(tick: Tick, look: Look) -> str:
    """The same with when it was due and how long its job took."""
    took = f", {formats.duration(tick.took_ms)}" if tick.took_ms is not None else ""
    return f"{formats.clock(tick.run.tick, look.now)} UTC: {tick_word(tick)}{took}"


GLOBALS: dict[str, Any] = {
    "queue_url": queue_url, "worker_url": worker_url, "schedule_url": schedule_url, "depth_bar": strips.depth_bar,
    "flow_line": strips.flow_line, "slot_row": strips.slot_row, "flow_chart": strips.flow_chart,
    "flow_top": strips.flow_top,
    "wait_chart": strips.wait_chart, "wait_top": strips.wait_top, "SPANS": tuple(SPANS), "wall": wall,
    "hour_mark": hour_mark, "tick_word": tick_word, "tick_words": tick_words,
    "CATCH_UP_WORDS": CATCH_UP_WORDS, "SLOW_LOOP_MS": SLOW_LOOP_MS, "CARD_JOBS": CARD_JOBS,
}  # fmt: skip
