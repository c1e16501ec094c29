from typing import Any

from arqboard import Backoff, chord, current, every, task


class CardDeclined(Exception):
    """The bank said no."""


@task(max_tries=3, retry_on=(ConnectionError,), backoff=Backoff(base=60))
async def charge(ctx: dict[str, Any], order: int) -> int:
    """Charge the card of an order; returns the amount in cents."""
    await current()(note=f"asking the bank about order {order}")
    if order == 13:
        raise CardDeclined(f"order {order}")
    if order == 7 and ctx["job_try"] == 1:
        raise ConnectionError("the bank does not answer")
    return order * 100


@task
async def close_day(ctx: dict[str, Any], amounts: list[int]) -> str:
    """Sum up a day."""
    return f"{len(amounts)} orders, {sum(amounts) / 100:.2f} €"


@task
async def remind(ctx: dict[str, Any]) -> None:
    """Write to those who have not paid."""


class WorkerSettings:
    functions = [charge, close_day, remind]
    schedules = [every(6 * 3600, remind)]


async def submit_day(orders: list[int]) -> str:
    """Charge all orders of a day, then sum them up. Returns the id of the workflow."""
    return (await chord((charge.s(n) for n in orders), close_day.s()).submit()).id
