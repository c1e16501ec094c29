"""What is around every page: notes, questions, the strip, the pill, the palette, the sidebar; and what is empty."""

from __future__ import annotations

from dataclasses import replace

from arqboard.protocol import Query, QueueInfo, State, WorkerInfo
from arqboard.protocol.failures import By, GroupPage

from ..alerts import Alert
from ..failures_views import FailuresQuery, FailuresView
from ..overview import EMPTY_SIDE
from ..palette import Entry, Group
from ..views import Side, Told
from . import asked, flows, lists, queues, schedules, workers
from .samples import ALIVE, HOSTILE, LONG, MINUTE, NOW, RUSSIAN, Sample, Section

_PILLS = (
    ("connecting", "Connecting…"), ("live", "Live"), ("live", "Live · 240/s"), ("held", "12 changes held"),
    ("reconnecting", "Reconnecting · 12 s old"), ("offline", "Offline · 4 min old"), ("stale", "Redis is away"),
    ("signed-out", "Signed out. Reload"), ("closed", "Closed. Reload"),
)  # fmt: skip
_WORKER = WorkerInfo(
    ALIVE, "mill-1", 4711, "arq:queue", 10, ["1", "2", "3"], [], NOW, NOW, True, 1, 0, "1.0", 1.0, 86_000_000
)
SIDE = Side(
    dict(zip(State, (2, 14_093, 3, 1, 12, 1_204_377, 3), strict=True)),
    [QueueInfo("arq:queue", 312, 7, 0, 1, NOW), QueueInfo(LONG, 0, 0, 0, 0, None), QueueInfo(HOSTILE, 1, 0, 0, 0, NOW)],
    [_WORKER, replace(_WORKER, id="mill-7:88:dead", alive=False, seen=NOW - 4 * MINUTE), replace(_WORKER, id=LONG)],
    1, 4, 2,
)  # fmt: skip
_GROUPS = [
    Group("Jobs", [Entry("resize_images b7d1c09ee3", "activity", "/jobs/b7d1c09ee3", "Running")]),
    Group("Go to", [Entry("Jobs", "activity", "/jobs", "g j"), Entry("Queues", "layers", "/queues", "g q")]),
    Group(
        "Functions",
        [Entry(RUSSIAN, "braces", "/jobs"), Entry(HOSTILE, "braces", "/jobs"), Entry(LONG, "braces", "/jobs", LONG)],
    ),
    Group("Do", [Entry("Change the theme", "moon", does="theme")]),
]


def _question(caption: str, question: str, answer: str, *, danger: bool = False) -> Sample:
    return Sample(caption, "dialog", asks={"question": question, "answer": answer, "danger": "yes" if danger else "no"})


def _no_failures(query: FailuresQuery, failed: int) -> FailuresView:
    return FailuresView(query, GroupPage([], 0, NOW), failed, None, 1)


def _strip(caption: str, *alerts: Alert) -> Sample:
    return Sample(caption, "alerts", {"view": alerts})


NOTES = Section(
    "toasts",
    "Notes in the corner",
    (
        Sample("Done", "done", {"told": Told("The job will run again.")}),
        Sample(
            "With a way back",
            "done",
            {"told": Told("14 093 jobs have been deleted.", ("charge_card: 14 000", HOSTILE), "b1")},
        ),
        Sample("With a place to watch it", "done", {"told": Told("It runs as a job.", url="/jobs/1")}),
        Sample("Refused", "toast", {"message": "Job b7d1c09ee3 is running, so it can’t be retried.", "is_bad": True}),
        Sample("Long and hostile", "done", {"told": Told(f"{LONG} {HOSTILE}", is_bad=True, batch="b2")}),
        Sample("Russian", "toast", {"message": RUSSIAN, "is_bad": False}),
    ),
)
QUESTIONS = Section(
    "questions",
    "Questions",
    (
        _question("A plain one", "Drain worker mill-1:4711? It finishes what it runs and takes no more.", "Drain"),
        _question(
            "What can’t be taken back", "Delete the workflow Album of March? Its jobs stay.", "Delete", danger=True
        ),
        _question("Without a reason", "Abort resize_images b7d1c09ee3?", "Abort", danger=True),
        _question("Long and hostile", f"Abort {LONG} {HOSTILE}? {RUSSIAN}.", "Abort", danger=True),
    ),
)
STRIPS = Section(
    "strips",
    "What is wrong right now",
    (
        _strip("No worker", Alert("no-worker", "Jobs wait, and no worker is running.", "/workers", is_bad=True)),
        _strip(
            "A queue is alone",
            Alert(
                "no-worker:x",
                f"Jobs wait in the queue {HOSTILE}, and no worker of it is running.",
                "/workers",
                is_bad=True,
            ),
        ),
        _strip(
            "A loop lags",
            Alert("lag:x", f"The event loop of the worker {LONG} lags: code of a job blocks it.", "/workers"),
        ),
        _strip(
            "Several, and of Redis",
            Alert("a", "Jobs wait, and no worker is running.", "/workers", is_bad=True),
            Alert("b", "Redis keeps no log of its writes: set appendonly yes, or jobs are lost with it.", "/system"),
        ),
    ),
)
PILLS = Section(
    "pills",
    "The pill",
    tuple(Sample(message, "pill", {"state": state, "message": message}) for state, message in _PILLS),
)
PALETTE = Section(
    "palette",
    "Palette and keys",
    (
        Sample("Something is found", "palette", {"groups": _GROUPS}),
        Sample("Every key", "keys", {"shell": lists.SHELL}),
    ),
)
SIDEBAR = Section(
    "sidebar",
    "Sidebar",
    (
        Sample("Nothing is known", "side", {"side": EMPTY_SIDE}, "narrow carded"),
        Sample("Nothing is there", "side", {"side": Side(dict.fromkeys(State, 0), [], [], 1)}, "narrow carded"),
        Sample("Busy", "side", {"side": SIDE}, "narrow carded"),
    ),
)
_FIRST = lists.jobs_view(Query(), first_run=True)
EMPTY = Section(
    "empty",
    "Nothing there",
    (
        Sample("No job yet, no worker", "first_run", {"view": _FIRST, "shell": lists.SHELL}),
        Sample("No job yet, a worker listens", "first_run", {"view": _FIRST, "shell": replace(lists.SHELL, side=SIDE)}),
        *lists.NONE_FOUND,
        queues.NONE_YET,
        workers.NONE_YET,
        schedules.NONE_YET,
        flows.NONE_YET,
        Sample("Nothing has failed", "failures_none", {"view": _no_failures(FailuresQuery(), 0)}, "carded"),
        Sample(
            "Nothing in this time", "failures_none", {"view": _no_failures(FailuresQuery(window="3h"), 12)}, "carded"
        ),
        Sample("In no group", "failures_none", {"view": _no_failures(FailuresQuery(By.EXCEPTION), 12)}, "carded"),
        Sample("Past the end", "failures_none", {"view": _no_failures(FailuresQuery(page=9), 12)}, "carded"),
    ),
    ("jobs", "queues", "workers", "schedules", "workflows", "failures"),
)
SECTIONS = (NOTES, QUESTIONS, STRIPS, PILLS, PALETTE, SIDEBAR, EMPTY, *asked.SECTIONS)
