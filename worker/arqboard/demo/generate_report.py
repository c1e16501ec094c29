"""A customer's year as PDF, made in phases."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from arqboard import Phase, SoftTimeLimit, current, task

from .orders import Month, Order, last_months, orders_of
from .report_pdf import ReportPDF, write_pdf

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Collected:
    """Orders by month. `is_complete` is false where the time was too short for all months."""

    months: dict[Month, list[Order]] = field(default_factory=dict[Month, "list[Order]"])
    is_complete: bool = True

    @property
    def orders(self) -> list[Order]:
        return [order for orders in self.months.values() for order in orders]

    @property
    def bars(self) -> list[tuple[str, int]]:
        return [(month.name, sum(order.cents for order in orders)) for month, orders in self.months.items()]


@task(soft_timeout=30, timeout=60)
async def generate_report(
    ctx: dict[str, Any],
    user_id: Annotated[int, Field(ge=1)] = 1,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.2,
) -> dict[str, Any]:
    """Make a PDF of what a customer ordered in the last twelve months, with a chart and a table.

    It can be downloaded from the job's page. `pause` follows each month that was collected; when that takes longer
    than the soft limit of 30 seconds, the report is made of the months that are there, and says so.
    """
    progress = current()
    progress.plan("Collecting", "Drawing", "Writing")
    collected = await collect(ctx["data"] / "orders.sqlite", user_id, pause)
    logger.info("customer %s has %s orders in %s months", user_id, len(collected.orders), len(collected.months))
    async with progress.phase("Drawing", len(collected.months), unit="bars") as phase:
        report = await asyncio.to_thread(draw, user_id, collected, phase)
    path: Path = ctx["data"] / "reports" / f"report-{user_id}.pdf"
    async with progress.phase("Writing", len(collected.orders), unit="rows") as phase:
        await asyncio.to_thread(write, report, collected.orders, path, phase)
        await progress.artefact(path.name, path=path, type="application/pdf")
    return {
        "user_id": user_id,
        "pages": report.pages_count,
        "bytes": await asyncio.to_thread(lambda: path.stat().st_size),
        "file": path.name,
        "is_complete": collected.is_complete,
    }


async def collect(database: Path, user_id: int, pause: float) -> Collected:
    """The orders of a year, or of as many months as the soft limit allows."""
    collected, today = Collected(), datetime.now(UTC).date()
    months = last_months(today)
    try:
        async with current().phase("Collecting", len(months), unit="months") as phase:
            for number, month in enumerate(months, start=1):
                collected.months[month] = await of_month(database, month, today, user_id)
                await phase(number, note=month.name)
                await asyncio.sleep(pause)
    except SoftTimeLimit:
        logger.warning("out of time after %s of %s months", len(collected.months), len(months))
        collected.is_complete = False
    return collected


async def of_month(database: Path, month: Month, today: date, user_id: int) -> list[Order]:
    return await asyncio.to_thread(orders_of, database, month.days(today), user_id)


def draw(user_id: int, collected: Collected, phase: Phase) -> ReportPDF:
    report = ReportPDF(f"Customer {user_id}", subtitle(collected))
    report.add_chart(collected.bars, phase.report)
    return report


def subtitle(collected: Collected) -> str:
    names = [month.name for month in collected.months] or ["no month"]
    missing = "" if collected.is_complete else " (not all months: there was no time)"
    return f"{len(collected.orders)} orders, {names[0]} to {names[-1]}{missing}"


def write(report: ReportPDF, orders: list[Order], path: Path, phase: Phase) -> None:
    report.add_table(orders, phase.report)
    write_pdf(report, path)
