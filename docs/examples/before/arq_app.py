import asyncio

from arq import Retry, create_pool, cron, func
from arq.connections import RedisSettings


async def charge(ctx, order):
    try:
        return await ask_bank(order)
    except ConnectionError as error:
        raise Retry(defer=2 ** (ctx["job_try"] - 1)) from error


async def order(redis_url):
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    await pool.enqueue_job("charge", 8, _defer_by=60)
    job = await pool.enqueue_job("charge", 7, _job_id="charge-7")
    paid = await job.result(timeout=10) if job else "it is under way"
    await pool.aclose()
    return paid


async def render(ctx, order):
    path = await asyncio.to_thread(write_pdf, order)
    await ctx["redis"].enqueue_job("mail", path)


async def mail(ctx, path):
    print("mailed", path)


async def import_rows(ctx, rows):
    for number, row in enumerate(rows, start=1):
        await save(row)
        await ctx["redis"].set(f"import:{ctx['job_id']}", f"{number}/{len(rows)}", ex=3600)


async def remind(ctx):
    print("reminded")


class WorkerSettings:
    functions = [func(charge, max_tries=5, timeout=60), render, mail, import_rows]
    cron_jobs = [cron(remind, weekday="mon", hour=9, minute=0)]


async def ask_bank(order):
    return f"order {order} is paid"


def write_pdf(order):
    return f"order-{order}.pdf"


async def save(row):
    pass
