"""The list of jobs with its tiles, charts, tabs and search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import Counts, Deploy, Job, Page, Query, State, StatsBucket, Unreadable
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.bulk import BULK as BULK_FUNCTION
from arqboard.protocol.gauges import Gauge
from arqboard.protocol.listing import Looked
from arqboard.protocol.savedviews import SavedView
from arqboard.protocol.search import SearchError
from arqboard.protocol.search import parse as parse_search
from arqboard.protocol.stats import BUCKETS, EMPTY

from ..bulk_views import BulksView, QuestionView
from ..jobs_views import JobsView
from ..suggestions import Suggestion
from ..trends import WINDOWS, Trend
from ..views import Kpis, Shell, Side, Tabs
from . import made_jobs as made
from .samples import HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, SECOND, Sample, Section

SIDE = Side(dict.fromkeys(State, 0) | {State.RUNNING: 3, State.FAILED: 12}, [], [], 1)
SHELL = Shell("jobs", "Jobs", "127.0.0.1:6379/0", SIDE)
_COUNTS: dict[State, int] = dict(zip(State, (2, 14_093, 37, 1, 1_204_377, 12, 3), strict=True))
_WINDOW = WINDOWS["1h"]


def _histogram(step: int, count: int) -> tuple[int, ...]:
    """So many times of the same length: the upper bound of a step."""
    return tuple(count if n == step else 0 for n in range(BUCKETS))


def _counts(n: int) -> Counts:
    """What a busy shop does in a minute."""
    done, failed = 40 + n * 13 % 37, n * 5 % 7 if n % 9 == 0 else 0
    ended = done + failed
    return Counts(
        submitted=ended, started=ended, succeeded=done, failed=failed, retried=n % 4,
        run=_histogram(6 + n % 5, ended), wait=_histogram(3 + n * 7 % 8, ended),
    )  # fmt: skip


def _trend(filled: dict[int, Counts], deploys: tuple[Deploy, ...] = (), before: Counts = EMPTY) -> Trend:
    """An hour by the minute, with something in the buckets of these numbers."""
    first = _WINDOW.first(NOW)
    buckets = [StatsBucket(first + n * MINUTE, filled.get(n, EMPTY)) for n in range(_WINDOW.count)]
    gauges = [_gauge(n) if n in filled else None for n in range(_WINDOW.count)]
    return Trend(_WINDOW, None, NOW, buckets, sum(filled.values(), EMPTY), before, list(deploys), gauges=gauges)


def _gauge(n: int) -> Gauge:
    """What a worker has seen in that minute."""
    return Gauge(4 + n * 11 % 7, 90 + n * 29 % 60 + n)


NO_TREND = _trend({})
ONE_BUCKET = _trend({41: _counts(9)})
_HOUR_BEFORE = sum((_counts(n) for n in range(3, 60)), EMPTY)
BUSY = _trend({n: _counts(n) for n in range(60)}, before=_HOUR_BEFORE)
GAPS = _trend(
    {n: _counts(n) for n in range(60) if n % 17 > 5 or n == 59},
    (Deploy("2026.03.4", NOW - 36 * MINUTE), Deploy(HOSTILE, NOW - 11 * MINUTE)),
)
NO_KPIS = Kpis(0, 0, 0, 0, 0, 0, None, 1)
SOME_KPIS = Kpis(7, 7, 20, 2, 312, 4, NOW - 95 * SECOND, 1)
FULL_KPIS = Kpis(400, 400, 400, 40, 2_204_377, 1, NOW - 3 * HOUR, 1)


def jobs_view(
    query: Query, jobs: tuple[Job | Unreadable, ...] = (), page: Page | None = None, **changes: Any
) -> JobsView:
    """The page of jobs with these rows, or another page of them."""
    view = JobsView(
        query=query, page=page or Page(list(jobs), None, len(jobs)), tabs=Tabs(query, _COUNTS, 1), kpis=SOME_KPIS,
        overall=BUSY, trend=BUSY, window="", functions=["resize_images", "charge_card", LONG, RUSSIAN, HOSTILE],
        queues=["arq:queue", "mail", "queue:" + LONG], first_run=False, redis_ms=0.4,
        redis_url="redis://127.0.0.1:6379/0",
    )  # fmt: skip
    return replace(view, **changes)


def _problem(text: str) -> SearchError:
    """What the search says of a text that can't be understood."""
    try:
        parse_search(text)
    except SearchError as error:
        return error
    raise AssertionError(f"{text} is a good search")


_PLAIN = Query()
_SEARCHED = Query(
    state=State.FAILED, function="charge_card", queue="mail", q=f'error:timeout -worker:mill-2 "{RUSSIAN}" took:>10s'
)
_BAD = "took:>soon fn:charge_card"
_SECOND = Page(list(made.ALL[:3]), "1772634400000:b7", 14_093, "1772634000000:c9")
_LOOKED = Page(list(made.ALL[:2]), "1772634400000:b7", 14_093, None, Looked(5000, NOW - 3 * HOUR, False))
_NONE_YET = Page([], "1772634400000:b7", 14_093, None, Looked(5000, NOW - 3 * HOUR, False))
_ASKED: dict[str, Any] = {"view": jobs_view(_PLAIN, made.ALL), "shell": SHELL}
_BULK = replace(
    made.RUNNING, id="bulk-1", function=BULK_FUNCTION, kwargs={"action": "retry", "state": "failed", "q": RUSSIAN}
)


def _question(caption: str, wish: Wish, total: int, **more: Any) -> Sample:
    view = QuestionView(wish, _SEARCHED, "state=failed", total, **more)
    return Sample(caption, "bulk_question", {"view": view}, "carded")


ROWS = Section(
    "rows",
    "Rows of jobs",
    (
        Sample("Every state, an unreadable record, long, Russian and hostile text", "list", _ASKED, "carded rows"),
        Sample("Dense", "list", {"view": jobs_view(_PLAIN, made.ALL[:6])}, "carded compact"),
        Sample("Selected", "list", {"view": jobs_view(_PLAIN, made.ALL[9:12])}, "carded selected"),
        Sample("What can be done with them", "bulk", {"view": jobs_view(_PLAIN, made.ALL)}, "barred"),
    ),
    ("jobs", "bulk"),
)
TILES = Section(
    "tiles",
    "Tiles",
    (
        Sample("Nothing has happened, nobody works", "kpis", {"kpis": NO_KPIS, "trend": NO_TREND}),
        Sample("One job so far", "kpis", {"kpis": replace(SOME_KPIS, queued=1, retrying=0), "trend": ONE_BUCKET}),
        Sample("A usual hour", "kpis", {"kpis": SOME_KPIS, "trend": BUSY}),
        Sample("Large numbers", "kpis", {"kpis": FULL_KPIS, "trend": BUSY}),
    ),
    ("jobs", "bulk"),
)
CHARTS = Section(
    "charts",
    "Charts",
    (
        Sample("Empty", "charts", {"trend": NO_TREND}),
        Sample("One bucket", "charts", {"trend": ONE_BUCKET}),
        Sample("Full, the last bucket is not over", "charts", {"trend": BUSY}),
        Sample("Gaps and deploys", "charts", {"trend": GAPS}),
    ),
    ("jobs", "bulk"),
)
SEARCH = Section(
    "search",
    "Tabs, search and pager",
    (
        Sample("Tabs", "tabs", {"tabs": Tabs(_PLAIN, _COUNTS, 1)}, "carded"),
        Sample("Tabs of a search, which can't be counted", "tabs", {"tabs": Tabs(_SEARCHED, None, 1)}, "carded"),
        Sample("Nothing is asked", "filters", _ASKED, "carded"),
        Sample("Filters as chips", "filters", {"view": jobs_view(_SEARCHED), "shell": SHELL}, "carded"),
        Sample(
            "A mistake is marked",
            "bad_search",
            {"view": jobs_view(_PLAIN, typed=_BAD, problem=_problem(_BAD))},
            "carded",
        ),
        Sample(
            "Suggestions",
            "patterns/suggestions",
            {
                "name": "Suggestions",
                "options": [
                    Suggestion("fn:", "fn:", "the function, * for any text", is_done=False),
                    Suggestion("fn:charge_card", "fn:charge_card"),
                    Suggestion(HOSTILE, HOSTILE, RUSSIAN),
                    Suggestion(LONG, LONG),
                ],
            },
        ),
        Sample(
            "Saved views",
            "saved_views",
            {
                "view": jobs_view(
                    _PLAIN,
                    saved=[
                        SavedView("Everything", ""),
                        SavedView(RUSSIAN, "state=failed"),
                        SavedView(LONG, "q=x"),
                        SavedView(HOSTILE, "q=y"),
                    ],
                )
            },
        ),
        Sample("First page", "pager", {"view": jobs_view(_PLAIN, page=replace(_SECOND, previous=None))}, "carded"),
        Sample("A page in between", "pager", {"view": jobs_view(replace(_PLAIN, after="1:x"), page=_SECOND)}, "carded"),
        Sample("A search that has looked so far", "pager", {"view": jobs_view(_SEARCHED, page=_LOOKED)}, "carded"),
    ),
    ("jobs", "bulk"),
)
BULK = Section(
    "bulk",
    "Many jobs at once",
    (
        Sample(
            "Under way, and waiting",
            "bulks",
            {"bulks": BulksView([_BULK, replace(made.QUEUED, id="bulk-2", kwargs={"action": "delete"})])},
        ),
        Sample("Nobody works", "bulks", {"bulks": BulksView([replace(made.QUEUED, id="bulk-3")], has_worker=False)}),
        _question(
            "Of a few that are named",
            Wish(Action.RETRY),
            3,
            ids=("1", "2", "3"),
            names=("charge_card 4711", LONG, HOSTILE),
        ),
        _question("Of many: the number is typed", Wish(Action.DELETE), 14_093),
        _question(
            "What was typed is another number",
            Wish(Action.ABORT),
            14_093,
            problem="14 093 was meant.",
            has_worker=False,
        ),
        _question("Of a search, of which only a bound is known", Wish(Action.REPRIORITISE, 9), 80, is_exact=False),
        _question("None matches", Wish(Action.DELETE), 0),
    ),
    ("jobs", "bulk"),
)
NONE_FOUND = (
    Sample("No job matches", "nothing_found", {"view": jobs_view(_SEARCHED)}, "carded"),
    Sample("Nothing found yet", "nothing_found", {"view": jobs_view(_SEARCHED, page=_NONE_YET)}, "carded"),
    Sample("The end of the list", "nothing_found", {"view": jobs_view(replace(_PLAIN, after="1:x"))}, "carded"),
    Sample("An empty history", "nothing_found", {"view": jobs_view(_PLAIN)}, "carded"),
)
SECTIONS = (ROWS, TILES, CHARTS, SEARCH, BULK)
