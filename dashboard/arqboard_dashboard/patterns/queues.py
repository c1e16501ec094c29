"""Queues: a row of each, and the page of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import QueueInfo, State
from arqboard.protocol.queues import FunctionDepth, Limit, QueueCounts
from arqboard.protocol.stats import BUCKETS

from ..queue_views import ChartBucket, QueueCharts, QueueRow, QueuesView
from .samples import HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, SECOND, Sample, Section
from .workers import CARDS, LOST, WORKER


def _minute(n: int, *, came: int, ended: int, failed: int = 0) -> QueueCounts:
    waits = tuple(ended if step == 4 + n % 6 else 0 for step in range(BUCKETS))
    return QueueCounts(came, ended - failed, failed, 0, 0, waits)


_BUSY = [_minute(n, came=30 + n * 7 % 19, ended=28 + n * 5 % 17, failed=n % 13 == 0) for n in range(60)]
_DRAINS = [_minute(n, came=4, ended=22) for n in range(60)]
_NOTHING = [QueueCounts()] * 60


def _queue(name: str, minutes: list[QueueCounts], *, workers: int = 2, **info: Any) -> QueueRow:
    found = QueueInfo(name, 0, 0, 0, 0, None)
    return QueueRow(replace(found, **info), workers, min(7, workers * 10), workers * 10, minutes, NOW)


_FULL: dict[str, Any] = {"queued": 312, "running": 7, "deferred": 37, "retrying": 4, "oldest": NOW - 95 * SECOND}
_QUEUES = [
    _queue("arq:queue", _BUSY, **_FULL), _queue("mail", _DRAINS, queued=900, running=9, oldest=NOW - MINUTE),
    _queue("held", _BUSY, **_FULL, paused=NOW - 12 * MINUTE), _queue("empty", _NOTHING),
    _queue("alone", _NOTHING, workers=0, queued=3, oldest=NOW - HOUR),
    _queue("stuck", _NOTHING, queued=1_204_377, oldest=NOW - 3 * HOUR), _queue(HOSTILE, _BUSY, **_FULL),
    _queue("queue:" + LONG, _BUSY, **_FULL), _queue(RUSSIAN, _BUSY, workers=20, **_FULL),
]  # fmt: skip


def _charts(name: str, filled: dict[int, QueueCounts]) -> QueueCharts:
    first = NOW // MINUTE * MINUTE - 59 * MINUTE
    return QueueCharts(name, "1h", [ChartBucket(first + n * MINUTE, filled.get(n, QueueCounts())) for n in range(60)])


def _depths(**counts: int) -> dict[State, int]:
    return {state: counts.get(state.value, 0) for state in State}


_FUNCTIONS = [
    FunctionDepth("resize_images", _depths(queued=12, running=3, failed=2), 0, None, None),
    FunctionDepth("charge_card", _depths(queued=4, retrying=1), 40, None, Limit(2, 250.0, 5)),
    FunctionDepth(LONG, _depths(), 0, NOW - HOUR, Limit(1)),
    FunctionDepth(HOSTILE, _depths(deferred=1), 0, None, None),
]

SECTION = Section(
    "queues",
    "Queues",
    (
        Sample(
            "Busy, draining, held, empty, alone, stuck; hostile, long, Russian",
            "queue_list",
            {"view": QueuesView(_QUEUES, 1)},
        ),
        Sample("The top of a queue’s page", "queue_head", {"queue": _QUEUES[0]}),
        Sample("Held", "queue_head", {"queue": _QUEUES[2]}),
        Sample("Nobody works on it", "queue_head", {"queue": _QUEUES[4]}),
        Sample("Stuck", "queue_head", {"queue": _QUEUES[5]}),
        Sample("Charts", "queue_charts", {"charts": _charts("arq:queue", dict(enumerate(_BUSY)))}),
        Sample(
            "Charts with gaps",
            "queue_charts",
            {"charts": _charts("gaps", {n: _BUSY[n] for n in range(60) if n % 17 > 5})},
        ),
        Sample("Empty charts", "queue_charts", {"charts": _charts("empty", {})}),
        Sample(
            "Its functions and what holds them back", "queue_functions", {"name": "arq:queue", "functions": _FUNCTIONS}
        ),
        Sample("No function", "queue_functions", {"name": "empty", "functions": []}),
        Sample(
            "Its workers", "queue_workers", {"name": "arq:queue", "workers": [WORKER, CARDS[2].info, LOST]}, "narrow"
        ),
    ),
    ("queues",),
)
NONE_YET = Sample("No queue yet", "queue_list", {"view": QueuesView([], 1)})
