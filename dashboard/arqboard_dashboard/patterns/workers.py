"""Workers: a card of each, and the page of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import Job, State, WorkerInfo

from ..worker_views import LeftJob, Outdated, WorkerCard, WorkersView
from . import made_jobs as made
from .samples import ALIVE, DAY, HOSTILE, LONG, MINUTE, NOW, RUSSIAN, SECOND, Sample, Section

WORKER = WorkerInfo(
    id=ALIVE, host="mill-1", pid=4711, queue="arq:queue", slots=10, running=["1", "2"], functions=["resize_images"],
    started=NOW - 2 * DAY, seen=NOW - SECOND, alive=True, done=12_044, failed=12, version="1.0", lag_ms=3.0,
    rss=86_000_000, python="3.13.1", arq="0.26.3", release="2026.03.4",
)  # fmt: skip
LOST = replace(WORKER, id="mill-7:88:dead", alive=False, seen=NOW - 4 * MINUTE, running=[])


def _card(jobs: list[Job], **changes: Any) -> WorkerCard:
    return WorkerCard(replace(WORKER, **changes), jobs, [], [])


_LEFT = [
    LeftJob("j1", "resize_images", "waits", until=NOW + 6 * SECOND),
    LeftJob("j2", "charge_card", "taken", State.RUNNING, ALIVE, NOW - 3 * MINUTE),
    LeftJob("j3", RUSSIAN, "waits again", State.QUEUED), LeftJob("j4", HOSTILE, "ended", State.FAILED, ALIVE),
    LeftJob("j5", "", "gone"),
]  # fmt: skip
CARDS = [
    _card([made.RUNNING, made.CHUNKED, made.UNKNOWN]),
    _card([], id="mill-2:1:idle", running=[]),
    _card([made.RUNNING], id="mill-3:1:drains", draining=True),
    _card([], id="mill-3:2:drained", draining=True, running=[]),
    _card([made.SILENT_YET], id="mill-4:1:slow", lag_ms=1830.0),
    replace(
        _card([], id="mill-5:1:old"),
        outdated=[Outdated("release", "2026.02.9", "2026.03.4"), Outdated("arq", "", "0.26.3")],
    ),
    _card(
        list((made.RUNNING,) * 14), id=LONG, host=RUSSIAN, queue=HOSTILE, slots=200, running=[str(n) for n in range(90)]
    ),
]
_GONE = [
    WorkerCard(LOST, [], _LEFT, []), WorkerCard(replace(LOST, id="mill-7:89:dead"), [], [], []),
    WorkerCard(replace(LOST, id="mill-8:1:dead"), [], _LEFT[:1], [], nobody=True),
]  # fmt: skip

SECTION = Section(
    "workers",
    "Workers",
    (
        Sample("Lost and alive", "worker_list", {"view": WorkersView([*_GONE, *CARDS], 1)}),
        Sample("The page of one", "worker_page", {"worker": replace(CARDS[0], info=replace(WORKER, id="page-1"))}),
        Sample(
            "Its loop is blocked",
            "worker_page",
            {"worker": replace(CARDS[4], info=replace(CARDS[4].info, id="page-2"))},
        ),
        Sample("Lost", "worker_page", {"worker": replace(_GONE[0], info=replace(LOST, id="page-3"))}),
        Sample("It has stopped", "worker_gone", {"worker_id": ALIVE}),
    ),
    ("workers",),
)
NONE_YET = Sample("No worker", "worker_list", {"view": WorkersView([], 1)})
