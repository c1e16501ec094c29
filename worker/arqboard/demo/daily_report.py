"""What was ordered yesterday, as PDF. The worker's settings run it at midnight."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from arqboard import current, task

from .orders import Order, orders_of
from .report_pdf import ReportPDF, write_pdf


@task(timeout=120)
async def daily_report(ctx: dict[str, Any]) -> dict[str, Any]:
    """Make a PDF of yesterday's orders (in UTC), with a bar for each product.

    It can be downloaded from the job's page. Made twice, it is the same.
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    path: Path = ctx["data"] / "reports" / f"daily-{yesterday}.pdf"
    orders = await asyncio.to_thread(orders_of, ctx["data"] / "orders.sqlite", [yesterday])
    report = await asyncio.to_thread(make, yesterday, orders, path)
    await current().artefact(path.name, path=path, type="application/pdf")
    return {"day": str(yesterday), "orders": len(orders), "pages": report.pages_count, "file": path.name}


def make(day: date, orders: Sequence[Order], path: Path) -> ReportPDF:
    progress, turnover = current(), Counter[str]()
    for order in orders:
        turnover[order.product] += order.cents
    report = ReportPDF(f"Orders of {day}", f"{len(orders)} orders")
    report.add_chart(turnover.most_common(), lambda number: None)
    report.add_table(orders, lambda number: progress.report(number, len(orders), unit="orders"))
    write_pdf(report, path)
    return report
