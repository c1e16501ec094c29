import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from aiohttp import web

from arqboard import connect, current, task
from arqboard.widget import link, script

ORDERS: dict[str, str] = {}


@task
async def print_photos(ctx: dict[str, Any], photos: int) -> None:
    progress = current()
    for done in range(photos):
        await progress(done, photos, unit="photos")
    await progress(photos)


async def order(request: web.Request) -> web.Response:
    handle = await print_photos.submit(photos=24)
    number = str(len(ORDERS) + 1)
    ORDERS[number] = handle.id
    raise web.HTTPSeeOther(f"/orders/{number}")


async def show(request: web.Request) -> web.Response:
    job_id = ORDERS.get(request.match_info["number"])
    if job_id is None:
        raise web.HTTPNotFound
    url = link(
        job_id,
        secret=os.environ["ARQBOARD_WIDGET_SECRET"],
        base=os.environ["DASHBOARD"],
        expires=timedelta(hours=2),
        show="steps",
        label="Your prints",
    )
    return web.Response(text=f"<!doctype html><h1>Thank you</h1>{script(url)}", content_type="text/html")


def shop(redis_url: str) -> web.Application:
    app = web.Application()
    app.add_routes([web.post("/orders", order), web.get("/orders/{number}", show)])

    async def jobs(app: web.Application) -> AsyncIterator[None]:
        board = await connect(redis_url)
        yield
        await board.close()

    app.cleanup_ctx.append(jobs)
    return app


class WorkerSettings:
    functions = [print_photos]
