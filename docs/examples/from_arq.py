from typing import Any

from arqboard import Backoff, JobExists, chain, connect, crontab, current, task


@task(max_tries=5, timeout=60, retry_on=(ConnectionError,), backoff=Backoff(base=1))
async def charge(ctx: dict[str, Any], order: int) -> str:
    return await ask_bank(order)


async def order(redis_url: str) -> str:
    board = await connect(redis_url)
    await charge.options(defer_by=60).submit(8)
    try:
        paid = await (await charge.options(job_id="charge-7").submit(7)).result(timeout=10)
    except JobExists:
        paid = "it is under way"
    await board.close()
    return paid


@task(run_in="thread")
def render(ctx: dict[str, Any], order: int) -> str:
    return write_pdf(order)


@task
async def mail(ctx: dict[str, Any], path: str) -> None:
    print("mailed", path)


async def send_invoice(order: int) -> None:
    await chain(render.s(order), mail.s()).submit()


@task
async def import_rows(ctx: dict[str, Any], rows: list[str]) -> None:
    progress = current()
    for number, row in enumerate(rows, start=1):
        await save(row)
        await progress(number, len(rows), unit="rows")


@task
async def remind(ctx: dict[str, Any]) -> None:
    print("reminded")


class WorkerSettings:
    functions = [charge, render, mail, import_rows, remind]
    schedules = [crontab("0 9 * * mon", remind, tz="Europe/Berlin")]


async def ask_bank(order: int) -> str:
    return f"order {order} is paid"


def write_pdf(order: int) -> str:
    return f"order-{order}.pdf"


async def save(row: str) -> None:
    pass
