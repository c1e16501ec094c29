import asyncio
from typing import Any

from arqboard import current

MONTHS = range(1, 13)


async def yearly_report(ctx: dict[str, Any], year: int) -> int:
    """Add up a year, month by month."""
    progress = current()
    turnover = 0
    for month in MONTHS:
        await progress(month - 1, len(MONTHS), unit="months", phase="Reading", note=f"{year}-{month:02}")
        turnover += await turnover_of(year, month)
    await progress(len(MONTHS), phase="Writing", note="")
    return turnover


async def turnover_of(year: int, month: int) -> int:
    await asyncio.sleep(0.05)  # where a database would be asked
    return 1000 * month
