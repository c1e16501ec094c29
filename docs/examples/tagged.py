"""Jobs that are found by what they belong to."""

from __future__ import annotations

from typing import Any

from arqboard import JobHandle, every, task


@task(tags=["import"])
async def import_orders(ctx: dict[str, Any], shop: str) -> str:
    return f"orders of {shop}"


async def import_now(customer: int) -> JobHandle[str]:
    """The job has the tags `import` and, say, `customer:42`."""
    return await import_orders.options(tags=[f"customer:{customer}"]).submit("north")


class WorkerSettings:
    functions = [import_orders]
    schedules = [every(3600, import_orders.s("south"), tags=["hourly"])]
