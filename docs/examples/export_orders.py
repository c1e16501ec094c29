import csv
import io
import logging
from typing import Any

from arqboard import current

logger = logging.getLogger(__name__)


async def export_orders(ctx: dict[str, Any], orders: list[dict[str, Any]]) -> None:
    """Write orders to a CSV file, to be downloaded from the job's page."""
    progress = current()
    progress.plan("Checking", "Writing")
    async with progress.phase("Checking", len(orders), unit="orders") as phase:
        for number, order in enumerate(orders, start=1):
            if order["total"] < 0:
                logger.warning("order %s has a negative total", order["id"])
            await phase(number)
    async with progress.step("Writing"):
        file = io.StringIO()
        writer = csv.DictWriter(file, ["id", "total"])
        writer.writeheader()
        writer.writerows(orders)
        await progress.artefact("orders.csv", data=file.getvalue())
