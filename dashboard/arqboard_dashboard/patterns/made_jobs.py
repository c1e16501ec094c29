"""Jobs as workers would have left them, in every state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import ChunkCounts, ErrorInfo, Job, Outcome, ProgressInfo, State, Unreadable
from arqboard.protocol.phases import Phase, PhaseState

from .samples import ALIVE, HOSTILE, LONG, MINUTE, NOW, RUSSIAN, SECOND

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/shop/tasks.py", line 41, in charge
    response = await bank.post("/charges", json=order.as_charge())
  File "/srv/venv/lib/python3.13/site-packages/httpx/_client.py", line 1905, in post
    return await self.request("POST", url, json=json)
  File "/srv/venv/lib/python3.13/site-packages/httpx/_client.py", line 1585, in request
    return await self.send(request, auth=auth)
httpx.ReadTimeout: the bank did not answer within 10 s

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/tasks.py", line 48, in charge
    await refund(order)
  File "/srv/shop/refunds.py", line 12, in refund
    raise RefundRefused(f"order {order.id} was never charged")
shop.refunds.RefundRefused: order 4711 was never charged
"""
ERROR = ErrorInfo("RefundRefused", "order 4711 was never charged", TRACEBACK)
TIMEOUT = ErrorInfo("ReadTimeout", "the bank did not answer within 10 s", "")
ORDER = {"order": {"id": 4711, "lines": [{"sku": "KB-87", "amount": 2}, {"sku": "MS-1", "amount": 1}], "note": RUSSIAN}}


def progress(done: int, total: int | None, unit: str = "", note: str = "", per_second: float = 4.0) -> ProgressInfo:
    """Reported just now, at a steady rate."""
    base = max(0, done - round(per_second * 5))
    return ProgressInfo(done, total, unit, note, "", NOW, base, NOW - 5 * SECOND)


def job(job_id: str, function: str, state: State, **changes: Any) -> Job:
    """One that was enqueued four minutes ago, with what its state says of its times."""
    has_begun = state not in (State.QUEUED, State.DEFERRED)
    made = Job(
        id=job_id, function=function, queue="arq:queue", state=state, args=[], kwargs={}, enqueued=NOW - 4 * MINUTE,
        run_at=NOW - 4 * MINUTE, started=NOW - 3 * MINUTE if has_begun else None,
        ended=NOW - 20 * SECOND if state.is_terminal else None, tries=1 if has_begun else 0, max_tries=5,
        attempt=1 if has_begun else 0, worker=ALIVE if has_begun else "", timeout=300.0, progress=None, chunks=None,
        chunk_size=0, chunk_items=0, error=None, result=None, has_result=False, outcome=None, abort_requested=None,
        crashes=0, source="", position=7, version=7,
    )  # fmt: skip
    return replace(made, **changes)


RUNNING = job(
    "b7d1c09ee3", "resize_images", State.RUNNING, kwargs={"folder": "/srv/photos/2026-03", "width": 1280},
    progress=progress(31, 48, "files", "IMG_2041.jpg"), source="POST /albums",
    tags=("album:2041",),
)  # fmt: skip
UNKNOWN = job("0c55d1a7f2", "fetch_pages", State.RUNNING, progress=progress(812, None, "pages", RUSSIAN, 12.5))
SILENT_YET = job("5d0a4e11c8", "warm_cache", State.RUNNING, started=NOW - 8 * SECOND)
OVER = job("91be7702aa", "import_rows", State.RUNNING, progress=progress(1040, 1000, "rows"))
NOTHING_YET = job("a8f3317d20", "import_rows", State.RUNNING, progress=progress(0, 250_000, "rows", per_second=0))
CHUNKED = job(
    "e41f7b25d9", "send_newsletter", State.RUNNING, chunks=ChunkCounts(240, 151, 3, 4, 2), chunk_size=100,
    chunk_items=23_940, progress=progress(15_100, 23_940, "mails", per_second=310),
)  # fmt: skip
PAUSED = replace(
    CHUNKED, id="77aa01c3e5", paused=NOW - MINUTE, chunks=ChunkCounts(240, 60, 0, 0, 0),
    progress=progress(6_000, 23_940, "mails"),
)  # fmt: skip
ABORTING = replace(RUNNING, id="3fe9d0b611", abort_requested=NOW - 2 * SECOND)
STALLED = replace(RUNNING, id="d20c6aa94f", worker="mill-7:88:dead")
PHASED = replace(
    RUNNING,
    id="c6b0e84a17",
    function="build_report",
    progress=replace(progress(180, 420, "pages", "Invoices, March"), phase="Rendering"),
    phases=[
        Phase("Reading", PhaseState.DONE, NOW - 3 * MINUTE, NOW - 2 * MINUTE, 12_400, 12_400, "rows"),
        Phase("Rendering", PhaseState.RUNNING, NOW - 2 * MINUTE, None, 180, 420, "pages", True),
        Phase(LONG, PhaseState.WAITING),
    ],
)
QUEUED = job("1af04c88be", "send_invoice", State.QUEUED, kwargs={"order": 4711}, priority=9)
DEFERRED = job("f09e3b6612", "remind_customer", State.DEFERRED, run_at=NOW + 26 * MINUTE)
RETRYING = job(
    "40d7fa1b3c", "charge_card", State.RETRYING, tries=2, attempt=2, run_at=NOW + 40 * SECOND, error=TIMEOUT,
    ended=NOW - 20 * SECOND, outcome=Outcome.RETRY, kwargs=ORDER,
)  # fmt: skip
SUCCEEDED = job(
    "8830cdbf41", "make_report", State.SUCCEEDED, result={"pages": 12, "file": "march.pdf"}, has_result=True,
    outcome=Outcome.SUCCEEDED, progress=progress(12, 12, "pages"),
)  # fmt: skip
QUIET = replace(SUCCEEDED, id="bb20f7d08c", result=None, has_result=False, progress=None, function="prune_sessions")
FAILED = job(
    "65e0a9d1f7", "charge_card", State.FAILED, error=ERROR, outcome=Outcome.FAILED, tries=5, attempt=5, kwargs=ORDER,
    progress=progress(3, 8, "steps"), log_lines=6, log_warnings=1, log_errors=2,
)  # fmt: skip
FAILED_CHUNKS = replace(
    CHUNKED, id="90cc1e7b4d", state=State.FAILED, ended=NOW - 20 * SECOND, error=TIMEOUT, outcome=Outcome.FAILED,
    chunks=ChunkCounts(240, 198, 12, 0, 5),
)  # fmt: skip
ABORTED = job("2c71b5e390", "export_table", State.ABORTED, outcome=Outcome.ABORTED, progress=progress(2, 9, "files"))
NASTY = job(
    "x-<b>1</b>", HOSTILE, State.RUNNING, queue=HOSTILE, args=[HOSTILE], source=HOSTILE, worker=ALIVE,
    progress=progress(1, 3, HOSTILE, HOSTILE),
)  # fmt: skip
LONGEST = job(
    "very-long-" + "0123456789" * 9, LONG, State.FAILED, queue="queue:" + LONG, error=ErrorInfo(LONG, LONG * 3, ""),
    tags=("x" * 60, "y" * 60, "z" * 60), outcome=Outcome.FAILED, kwargs={LONG: LONG * 2}, tries=100_000,
    max_tries=100_000, attempt=100_000,
)  # fmt: skip
IN_RUSSIAN = replace(RUNNING, id="ru-4711", function=RUSSIAN, queue="склад", progress=progress(4, 9, "строк", RUSSIAN))
BROKEN = Unreadable("6612ff0d", 'the state is "walking", which there is not')

#: A job in each state, as the list of jobs would show them.
ALL: tuple[Job | Unreadable, ...] = (
    RUNNING, UNKNOWN, SILENT_YET, CHUNKED, PAUSED, OVER, NOTHING_YET, ABORTING, STALLED, QUEUED, DEFERRED, RETRYING,
    SUCCEEDED, QUIET, FAILED, FAILED_CHUNKS, ABORTED, BROKEN, NASTY, LONGEST, IN_RUSSIAN,
)  # fmt: skip
