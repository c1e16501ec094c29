from typing import Any

from arqboard import Backoff, Retry, SoftTimeLimit, chord, connect, crontab, current, task


@task
async def price(ctx: dict[str, Any], order: int) -> int:
    return order * 100


async def order(redis_url: str) -> int:
    board = await connect(redis_url)  # once, where the application starts
    await price.options(defer_by=60).submit(8)
    total = await (await price.submit(7)).result(timeout=10)
    await board.close()
    return total


@task(retry_on=(ConnectionError,), max_tries=5, backoff=Backoff(base=2, cap=300, jitter=True))
async def charge(ctx: dict[str, Any], order: int) -> str:
    return await ask_bank(order)


@task(max_tries=5)
async def follow_parcel(ctx: dict[str, Any], order: int) -> str:
    if not await is_delivered(order):
        raise Retry(defer=30)
    return "delivered"


@task(run_in="process", soft_timeout=20, timeout=30)
def export(ctx: dict[str, Any], orders: list[int]) -> list[str]:
    lines: list[str] = []
    try:
        for number in orders:
            line = write_line(number)
            lines.append(line)
    except SoftTimeLimit:
        lines.append("and more")
    return lines


@task
async def import_rows(ctx: dict[str, Any], rows: list[str]) -> None:
    progress = current()
    for number, row in enumerate(rows, start=1):
        await save(row)
        await progress(number, len(rows))


@task
async def sum_up(ctx: dict[str, Any], prices: list[int]) -> int:
    return sum(prices)


async def close_day(orders: list[int]) -> int:
    handle = await chord((price.s(number) for number in orders), sum_up.s()).submit()
    total: int = await handle.result(timeout=60)
    return total


@task
async def remind(ctx: dict[str, Any]) -> str:
    return "reminded"


class WorkerSettings:
    functions = [price, charge, follow_parcel, export, import_rows, sum_up, remind]
    schedules = [crontab("0 9 * * mon-fri", remind, tz="Europe/Berlin")]


async def ask_bank(order: int) -> str:
    return f"order {order} is paid"


async def is_delivered(order: int) -> bool:
    return True


def write_line(order: int) -> str:
    return f"order {order}"


async def save(row: str) -> None:
    pass
