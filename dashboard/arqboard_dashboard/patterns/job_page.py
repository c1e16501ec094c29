"""The page of one job: hero, chunks, attempts, log, values and traces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import Attempt, ChunkCounts, ErrorInfo, Job, Keys, Outcome
from arqboard.protocol.inside import Artefact, ChunkInfo
from arqboard.protocol.joblog import LogLine
from arqboard.protocol.records import RawKey
from arqboard.protocol.stacks import Stack, StackFrame

from ..job_views import Children, ChunkView, FailedChunks, JobPage, LogView, RawView, Shown, StackView
from . import made_jobs as made
from .samples import ALIVE, HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, SECOND, Sample, Section

_LEVELS = ((10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL"))
_SAID = (
    "connection 7 is taken from the pool",
    "order 4711 is charged",
    "the bank answers slowly: 4.2 s",
    made.TRACEBACK.splitlines()[-1],
    RUSSIAN,
)
_MARKS = "d" * 151 + "rrrr" + "fff" + "ss" + "." * 80
_LOG = LogView([
    *(
        LogLine(f"{n}-0", NOW - (90 - n) * SECOND, level, "shop.tasks", said, 1, number)
        for n, ((number, level), said) in enumerate(zip(_LEVELS, _SAID, strict=True))
    ),
    LogLine("8-0", NOW - 3 * SECOND, "INFO", LONG, LONG * 3, 1, 20), LogLine("9-0", NOW, "INFO", "", HOSTILE, 1, 20),
], "1-0", "9-0")  # fmt: skip
_EMPTY_LOG = LogView([], None, "0")
_FAILED_ROWS = [
    ChunkView.of(made.FAILED_CHUNKS, ChunkInfo(n, "f", 1200 + n, 2, error))
    for n, error in ((3, "the bank did not answer within 10 s"), (99, RUSSIAN), (151, HOSTILE), (208, LONG * 2))
]


def _attempt(
    number: int, minutes: float, lasted: float | None, outcome: Outcome | None, error: ErrorInfo | None = None
) -> Attempt:
    """One that began so many minutes ago and lasted so long, in minutes."""
    started = NOW - round(minutes * MINUTE)
    ended = None if lasted is None else started + round(lasted * MINUTE)
    return Attempt(number, started, ended, ALIVE if number % 2 else "mill-7:88:dead", outcome, error)


_ALL_OUTCOMES = [
    _attempt(1, 58, 4, Outcome.RETRY, made.ERROR), _attempt(2, 49, 9, Outcome.LOST),
    _attempt(3, 38, 2, Outcome.HANDED_OVER), _attempt(4, 30, 12, Outcome.DISCARDED),
    _attempt(5, 14, 3, Outcome.ABORTED), _attempt(6, 9, 2, Outcome.FAILED, ErrorInfo(LONG, HOSTILE, "")),
    _attempt(7, 5, 4.5, Outcome.SUCCEEDED),
]  # fmt: skip


def _page(job: Job, **changes: Any) -> dict[str, Any]:
    """What the parts of a job's page receive."""
    page = JobPage(
        job=job, marks="", attempts=[], result_until=None, artefacts=[], log=_EMPTY_LOG, failed=FailedChunks([], 0),
        children=Children([], [], 0),
    )  # fmt: skip
    return {"job": job, "view": replace(page, **changes)}


def _hero(caption: str, job: Job) -> Sample:
    return Sample(caption, "hero", {"job": replace(job, id=f"hero-{job.id}")})


def _attempts(caption: str, job: Job, attempts: list[Attempt]) -> Sample:
    return Sample(caption, "attempts", {"job": replace(job, enqueued=NOW - HOUR), "attempts": attempts})


HERO = Section(
    "hero",
    "The top of a job’s page",
    (
        _hero("Running", made.RUNNING), _hero("Running in phases", made.PHASED), _hero("No total", made.UNKNOWN),
        _hero("Has said nothing yet", made.SILENT_YET), _hero("In chunks", made.CHUNKED), _hero("Paused", made.PAUSED),
        _hero("Aborting", made.ABORTING), _hero("Its worker went silent", made.STALLED), _hero("Queued", made.QUEUED),
        _hero("Deferred", made.DEFERRED), _hero("Waits for a retry", made.RETRYING), _hero("Succeeded", made.SUCCEEDED),
        _hero("Failed", made.FAILED), _hero("Failed with chunks left", made.FAILED_CHUNKS),
        _hero("Aborted", made.ABORTED), _hero("Hostile", made.NASTY), _hero("Long", made.LONGEST),
        _hero("Russian", made.IN_RUSSIAN), Sample("Deleted", "hero_gone", {"job_id": "b7d1c09ee3"}),
    ),
    ("job",),
)  # fmt: skip
CHUNKS = Section(
    "chunks",
    "Chunk map",
    (
        Sample("A few", "chunk_board", _page(
            replace(made.CHUNKED, id="few", chunks=ChunkCounts(12, 5, 2, 2, 1), chunk_items=1200), marks="dddddffrrs..",
        )),
        Sample("Every kind, and one looked at", "chunk_board", _page(
            made.FAILED_CHUNKS, marks=_MARKS, failed=FailedChunks(_FAILED_ROWS, 12), chunk=_FAILED_ROWS[2],
        )),
        Sample("Only failed ones at full strength", "chunk_board", _page(
            replace(made.FAILED_CHUNKS, id="dimmed"), marks=_MARKS, show=Shown.FAILED,
        )),
        Sample("Ten thousand", "chunk_board", _page(
            replace(made.CHUNKED, id="many", chunks=ChunkCounts(10_000, 6_204, 1, 16, 0)),
            marks="d" * 3000 + "f" + "d" * 3204 + "r" * 16,
        )),
    ),
    ("job",),
)  # fmt: skip
ATTEMPTS = Section(
    "attempts",
    "Attempts",
    (
        _attempts("Has not begun, and is not due", made.DEFERRED, []),
        _attempts("The first one runs", made.RUNNING, [_attempt(1, 3, None, None)]),
        _attempts("Waits for the next try", made.RETRYING, _ALL_OUTCOMES[:1]),
        _attempts("Every outcome", made.SUCCEEDED, _ALL_OUTCOMES),
    ),
    ("job",),
)
LOG = Section(
    "log",
    "Log",
    (
        Sample("Every level", "log_card", _page(replace(made.FAILED, log_lines=7), log=_LOG)),
        Sample(
            "No line matches",
            "log_card",
            _page(replace(made.FAILED, log_lines=7, id="l2"), log=replace(_EMPTY_LOG, text=RUSSIAN)),
        ),
        Sample("Nothing was written", "log_card", _page(made.SUCCEEDED)),
    ),
    ("job",),
)
_DEEP: dict[str, Any] = {
    "shop": {"orders": [made.ORDER, made.ORDER], "empty": {}, "none": None, "ok": True, "share": 0.25, "n": 2**60}
}
VALUES = Section(
    "values",
    "Facts and values",
    (
        Sample("Facts", "facts", {"job": made.FAILED}, "narrow"),
        Sample("Facts of a long one", "facts", {"job": made.LONGEST}, "narrow"),
        Sample("No arguments", "arguments", {"job": made.QUIET}, "narrow"),
        Sample("A tree", "arguments", {"job": replace(made.QUEUED, kwargs=_DEEP, args=[1, RUSSIAN])}, "narrow"),
        Sample(
            "Long and hostile values",
            "arguments",
            {"job": replace(made.LONGEST, args=[HOSTILE, list(range(40))])},
            "narrow",
        ),
        Sample("A result", "outcome", {"job": made.SUCCEEDED}),
        Sample("Nothing was returned", "outcome", {"job": made.QUIET}),
        Sample(
            "What it made",
            "artefacts",
            {
                "job": made.SUCCEEDED,
                "artefacts": [
                    Artefact(1, "march.pdf", "application/pdf", 182_044, "", 1, NOW),
                    Artefact(2, LONG, "", 12, "", 1, NOW),
                    Artefact(3, HOSTILE, "", 0, "https://example.com/reports/2026/03?format=pdf", 1, NOW),
                ],
            },
        ),
        Sample(
            "What it submitted",
            "children",
            {"job_id": "c1", "children": Children(list(made.ALL[-6:]), [], 40)},
            "narrow",
        ),
        Sample(
            "Its raw record",
            "raw",
            {
                "part": RawView(
                    [
                        RawKey(
                            Keys().job(made.RUNNING.id),
                            "hash",
                            None,
                            912,
                            2,
                            fields={"state": "running", "note": HOSTILE},
                        ),
                        RawKey(Keys().payload(made.RUNNING.id), "string", 86_400_000, 120, 77, "80 04 95 1c"),
                    ]
                )
            },
            "carded",
        ),
    ),
    ("job",),
)
_FRAMES = [
    StackFrame("/srv/venv/lib/python3.13/asyncio/tasks.py", 507, "wait_for", "return await fut"),
    StackFrame("/srv/shop/tasks.py", 41, "charge", 'response = await bank.post("/charges", json=order.as_charge())'),
]
TRACES = Section(
    "traces",
    "Tracebacks and stacks",
    (
        Sample("An error that came of another one", "outcome", {"job": made.FAILED}),
        Sample("The last error of one that is tried again", "outcome", {"job": made.RETRYING}),
        Sample("Without a message, long", "outcome", {"job": replace(made.LONGEST, error=ErrorInfo(LONG, "", ""))}),
        Sample(
            "Where a job waits",
            "stack",
            {"part": StackView(Stack("loop", _FRAMES, [("thumbnails", _FRAMES)], []), 0.012)},
            "carded",
        ),
        Sample(
            "The loop is blocked",
            "stack",
            {"part": StackView(Stack("thread", _FRAMES[:1], [], _FRAMES), 0.4)},
            "carded",
        ),
        Sample("Nobody answers", "stack", {"part": StackView(None, 3.0)}, "carded"),
    ),
    ("job",),
)
SECTIONS = (HERO, CHUNKS, ATTEMPTS, LOG, VALUES, TRACES)
