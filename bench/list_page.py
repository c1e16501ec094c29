"""The list of jobs, 50 rows, over a short and a long history: time, Redis commands and round trips of a page.

    python bench/list_page.py [--rounds 3] [--requests 20] [--sizes 1000 100000] [--millions 1]

Each history has a server and an `arqboard dashboard` process of its own, all at once, and every page is asked of
them in turns, so what disturbs one disturbs the others. The time is that of a whole request over one kept
connection on this machine: parsing, reading, rendering, sending. "unseen rows" are pages 2 to 11 of a dashboard
that has never rendered them; "after a quiet second" is the first page when nothing that pages share is fresh.
Commands count those inside scripts too; trips are what Redis has read from its sockets (a pipeline is one), from
INFO before and after. "In a row" are the trips that a page has to wait for one after the other: a second dashboard
reaches the server through a proxy that holds everything back, and what its pages take longer is divided by what a
PING takes longer.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import http.client
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import redis
from distance import far_away, trip
from history import fill
from support import Dashboard, dashboard, embedded_server, show_table, typical

PAGES = {
    "all jobs": "/jobs",
    "one state": "/jobs?state=failed",
    "one function": "/jobs?function=send_email",
    "state and function": "/jobs?state=succeeded&function=send_newsletter",
    "second page": "",
}
UNSEEN, AFTER_QUIET = "unseen rows", "after a quiet second"
NEXT = re.compile(r'href="([^"]*)" rel="next"')


class Site:
    """A dashboard, and one connection to it."""

    def __init__(self, board: Dashboard) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", board.port)
        self._connection.connect()

    def get(self, path: str) -> tuple[float, str]:
        """Milliseconds and the page."""
        began = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        assert answer.status == 200, (path, answer.status)
        return took * 1000, body.decode()

    def next_of(self, path: str) -> str:
        found = NEXT.search(self.get(path)[1])
        assert found is not None, path
        return html.unescape(found[1])


@dataclass
class History:
    """So many finished jobs, and what has been measured over them (ms, by page, one list a round)."""

    jobs: int
    port: int
    took: dict[str, list[list[float]]] = field(default_factory=dict)
    cost: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Redis commands and round trips of a page"""
    in_a_row: dict[str, float] = field(default_factory=dict)

    def paths(self, site: Site) -> dict[str, str]:
        return {**PAGES, "second page": site.next_of("/jobs")}

    def note(self, page: str, took: list[float]) -> None:
        self.took.setdefault(page, []).append(took)


def measure_round(histories: list[History], requests: int) -> None:
    with ExitStack() as stack:
        sites = [Site(stack.enter_context(dashboard(history.port))) for history in histories]
        for site in sites:
            site.get("/jobs?state=aborted")  # templates are compiled by the first page that needs them
        walk(histories, sites)
        by_turns(histories, sites, requests)
        after_quiet(histories, sites, max(3, requests // 4))


def walk(histories: list[History], sites: list[Site]) -> None:
    """Pages 2 to 11, each once."""
    paths = [site.next_of("/jobs") for site in sites]
    took: list[list[float]] = [[] for _ in sites]
    for _ in range(10):
        for n, site in enumerate(sites):
            milliseconds, body = site.get(paths[n])
            took[n].append(milliseconds)
            found = NEXT.search(body)
            assert found is not None
            paths[n] = html.unescape(found[1])
    for history, values in zip(histories, took, strict=True):
        history.note(UNSEEN, values)


def by_turns(histories: list[History], sites: list[Site], requests: int) -> None:
    all_paths = [history.paths(site) for history, site in zip(histories, sites, strict=True)]
    for page in PAGES:
        took: list[list[float]] = [[] for _ in sites]
        for _ in range(requests):
            for n, site in enumerate(sites):
                took[n].append(site.get(all_paths[n][page])[0])
        for history, values in zip(histories, took, strict=True):
            history.note(page, values)


def after_quiet(histories: list[History], sites: list[Site], requests: int) -> None:
    took: list[list[float]] = [[] for _ in sites]
    for _ in range(requests):
        time.sleep(1.1)
        for n, site in enumerate(sites):
            took[n].append(site.get("/jobs")[0])
    for history, values in zip(histories, took, strict=True):
        history.note(AFTER_QUIET, values)


def count_redis(history: History, requests: int) -> None:
    """What a page costs Redis: the difference of its own counters, less what it does with nobody there."""
    with dashboard(history.port) as board, redis.Redis(port=history.port) as client:
        site = Site(board)
        for page, path in history.paths(site).items():
            site.get(path)
            before, began = _counters(client), time.monotonic()
            for _ in range(requests):
                site.get(path)
            after, seconds = _counters(client), time.monotonic() - began
            idle = seconds + 1  # the feed's look each second, and our own INFO
            history.cost[page] = (after[0] - before[0] - idle) / requests, (after[1] - before[1] - idle) / requests


def _counters(client: redis.Redis) -> tuple[int, int]:
    """Commands that have run, those inside scripts included, and reads from sockets."""
    commands: dict[str, dict[str, int]] = client.info("commandstats")  # type: ignore[assignment] # redis types no section
    stats: dict[str, int] = client.info("stats")  # type: ignore[assignment]
    return sum(entry["calls"] for entry in commands.values()), stats["total_reads_processed"]


def count_in_a_row(history: History, requests: int) -> None:
    """How much longer a page takes with Redis further away, in round trips."""
    with far_away(history.port) as away, dashboard(history.port) as near_board, dashboard(away) as far_board:
        longer_trip = trip(away) - trip(history.port)
        near, distant = Site(near_board), Site(far_board)
        for page, path in history.paths(near).items():
            pairs = [(near.get(path)[0], distant.get(path)[0]) for _ in range(requests)]
            # the quickest of each, so that neither neighbours nor a refresh of what pages share is in it
            longer = min(far for _, far in pairs) - min(near for near, _ in pairs)
            history.in_a_row[page] = longer / longer_trip


@contextmanager
def histories_of(sizes: list[int]) -> Iterator[list[History]]:
    with ExitStack() as stack:
        histories = [History(size, stack.enter_context(embedded_server())) for size in sizes]
        for history in histories:
            asyncio.run(fill(history.port, history.jobs))
        yield histories


def show(histories: list[History]) -> None:
    rows: list[list[str]] = []
    for page in (*PAGES, UNSEEN, AFTER_QUIET):
        medians = [typical(history.took[page], 0.5) for history in histories]
        for history, median in zip(histories, medians, strict=True):
            rows.append(
                [f"{page}, {history.jobs:,}", f"{median:.1f}", f"{typical(history.took[page], 0.95):.1f}",
                 f"{median / medians[0]:.2f}×", *_redis_cells(history, page)]
            )  # fmt: skip
    shortest = f"{histories[0].jobs:,}"
    show_table(["page, jobs", "median ms", "p95 ms", f"of {shortest}", "commands", "trips", "in a row"], rows)


def _redis_cells(history: History, page: str) -> list[str]:
    if page not in history.cost:
        return ["", "", ""]
    return [f"{history.cost[page][0]:.0f}", f"{history.cost[page][1]:.1f}", f"{history.in_a_row[page]:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--millions", type=int, default=0, help="also a history of so many million jobs")
    options = parser.parse_args()
    sizes = options.sizes + ([options.millions * 1_000_000] if options.millions else [])
    with histories_of(sizes) as histories:
        for _ in range(options.rounds):
            measure_round(histories, options.requests)
        counters: list[Callable[[History, int], None]] = [count_redis, count_in_a_row]
        for count in counters:
            for history in histories:
                count(history, options.requests)
        show(histories)


if __name__ == "__main__":
    main()
