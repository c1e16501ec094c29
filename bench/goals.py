"""The goals, each with the cell of a benchmark's table that it is judged by."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from arqboard.settings import ToolkitSettings

#: A table by its rows' first cells; each row by the column's heads.
Table = dict[str, dict[str, str]]
Figure = Callable[["Measured"], float]

#: Differences of so many percent mean nothing.
NOISE = 10
JOBS, FIRST = "throughput", "first change after quiet"

FLUSH_MS = float(ToolkitSettings.model_fields["flush"].default) * 1000
STEADY = f"≤ {FLUSH_MS + 30:.0f} ms (flush interval + 30)"


class NotMeasured(Exception):
    """The tables have no such figure."""


@dataclass(frozen=True, slots=True)
class Goal:
    what: str
    wanted: str
    figure: Figure
    is_met: Callable[[float], bool]
    unit: str = " ms"

    def show(self, value: float) -> str:
        return f"{value:,.0f}{self.unit}" if value >= 100 else f"{value:.3g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Measured:
    """All tables, by the script that printed them."""

    tables: dict[str, Table]

    def value(self, goal: Goal) -> float | None:
        """What was measured for a goal, None where it was not."""
        try:
            return goal.figure(self)
        except NotMeasured:
            return None

    def cell(self, script: str, row: str, column: str) -> float:
        try:
            return _number(self.tables[script][row][column])
        except KeyError:
            raise NotMeasured(script, row, column) from None

    def column(self, script: str, column: str, pattern: str = "") -> list[float]:
        """A column of all rows whose first cell begins in a certain way."""
        rows = [cells for name, cells in self.tables.get(script, {}).items() if re.match(pattern, name)]
        found = [_number(cells[column]) for cells in rows if cells.get(column)]
        if not found:
            raise NotMeasured(script, column)
        return found


def read_tables(text: str) -> Table:
    """The rows of all Markdown tables in a text."""
    rows: Table = {}
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not head:
            head = cells
        elif not set(line) <= set("|-"):
            rows[cells[0]] = dict(zip(head, cells, strict=True))
    return rows


def _number(cell: str) -> float:
    found = re.search(r"-?[\d,]*\.?\d+", cell)
    if found is None:
        raise NotMeasured(cell)
    return float(found[0].replace(",", ""))


def cell(script: str, row: str, column: str) -> Figure:
    return lambda measured: measured.cell(script, row, column)


def worst(script: str, column: str, rows: str = "") -> Figure:
    return lambda measured: max(measured.column(script, column, rows))


def recording(kind: str) -> Figure:
    """What recording takes off the jobs a second, in percent."""

    def share(measured: Measured) -> float:
        ours, bare = (measured.cell(JOBS, f"{who} {kind}", "jobs/s") for who in ("ours", "unrecorded"))
        cost = (1 - ours / bare) * 100
        if cost < -NOISE:
            raise NotMeasured("what does less was slower: the two can't be compared")
        return cost

    return share


def trips_in_a_row(measured: Measured) -> float:
    """Measured through time, so it is only nearly a whole number."""
    return round(max(measured.column("list_page", "in a row")))


def at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


PAGE, UNSEEN, QUIET = "(?!unseen|after)", "unseen", "after"
LATENCY = "first|steady"
OURS, CPU = "a job|the list", "dashboard CPU ms/job"
GOALS = (
    Goal("list page of 50 rows, the slowest filter", "≤ 15 ms", worst("list_page", "median ms", PAGE), at_most(15)),
    Goal("the same, rows not rendered before", "≤ 15 ms", worst("list_page", "median ms", UNSEEN), at_most(15)),
    Goal("the same, after a quiet second", "≤ 15 ms", worst("list_page", "median ms", QUIET), at_most(15)),
    Goal("list page, longest history against shortest", "≤ 1.3×", worst("list_page", "of 1,000"), at_most(1.3), "×"),
    Goal("list page, Redis trips in a row", "≤ 3", trips_in_a_row, at_most(3), ""),
    Goal("progress → bar, first change, p50", "≤ 25 ms", cell("progress_latency", FIRST, "p50"), at_most(25)),
    Goal("progress → bar, steady, p50", STEADY, cell("progress_latency", "steady", "p50"), at_most(FLUSH_MS + 30)),
    Goal("progress → bar, p99 of both", "≤ 250 ms", worst("progress_latency", "p99", LATENCY), at_most(250)),
    Goal("hub against raw, 1,000 sockets", "≥ 85 %", cell("fanout", "hub, 1,000", "of raw"), at_least(85), " %"),
    Goal("hub against raw, 100 sockets", "≥ 85 %", cell("fanout", "hub, 100", "of raw"), at_least(85), " %"),
    Goal("the same, 1,000 and acks", "≥ 85 %", cell("fanout", "hub + acks, 1,000", "of raw"), at_least(85), " %"),
    Goal("the same, 100 and acks", "≥ 85 %", cell("fanout", "hub + acks, 100", "of raw"), at_least(85), " %"),
    Goal("no-op jobs/s against stock arq, defaults", "≥ 20×", cell(JOBS, "ours 10", "× stock 10"), at_least(20), "×"),
    Goal("the same at `max_jobs=100`", "≥ 10×", cell(JOBS, "ours 100", "× stock 100"), at_least(10), "×"),
    Goal("worker CPU of a no-op job", "≤ 120 µs", cell(JOBS, "ours 100", "worker µs/job"), at_most(120), " µs"),
    Goal("Redis CPU of a no-op job", "≤ 120 µs", cell(JOBS, "ours 100", "Redis µs/job"), at_most(120), " µs"),
    Goal("submit → start, p50", "≤ 3 ms", cell("submit_latency", "ours", "p50"), at_most(3)),
    Goal("submit → start, p99", "≤ 15 ms", cell("submit_latency", "ours", "p99"), at_most(15)),
    Goal("recording, jobs of 5 ms", "costs ≤ 5 % of jobs/s", recording("100 5ms"), at_most(5), " %"),
    Goal("recording, no-op jobs", "costs ≤ 25 % of jobs/s", recording("100"), at_most(25), " %"),
    Goal("idle browser, server memory", "≤ 20 KB", worst("idle_socket", "KB of memory", OURS), at_most(20), " KB"),
    Goal("dashboard CPU of a finished job, viewers", "≤ 0.2 ms", worst("dashboard_cpu", CPU, "[1-9]"), at_most(0.2)),
    Goal("idle browser, frames", "0", worst("idle_socket", "frames in the quiet time", OURS), at_most(0), ""),
)
