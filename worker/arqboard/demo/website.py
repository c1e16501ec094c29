"""A small website inside the worker: articles to read, a photograph to download, prices, and a place for uploads."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path
from typing import cast

from aiohttp import web

from .customers import CITIES
from .files import write_whole
from .local_server import LocalServer
from .photographs import take_photograph

#: Among the articles there is one that takes its time, and one that the index names and nobody has.
SLOW, MISSING = 7, 13
SLOW_SECONDS = 1.0
MAX_UPLOAD = 50_000_000
TOPICS = ["Coffee", "Bread", "Tea", "Soup", "Plum cake", "Olives"]
PRODUCTS = {"Coffee beans": 1290, "Teapot": 3450, "Bread knife": 2499, "Olive oil": 1650, "Plum jam": 590}

_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


class Website:
    """`/articles?count=20` and `/articles/1`, `/photographs/1.jpg`, `/prices.json`, and `PUT /uploads/<name>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        app = web.Application(client_max_size=MAX_UPLOAD)
        app.add_routes(
            [
                web.get("/articles", index),
                web.get(r"/articles/{number:\d{1,6}}", article),
                web.get(r"/photographs/{number:\d{1,4}}.jpg", self._photograph),
                web.get("/prices.json", prices),
                web.put("/uploads/{name}", self._store),
                web.get("/uploads/{name}", self._stored),
            ]
        )
        self._server = LocalServer(app)

    async def start(self) -> str:
        """The URL it answers at."""
        return await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def _photograph(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["number"])
        return web.FileResponse(await asyncio.to_thread(take_photograph, self._folder / "photographs", number))

    async def _store(self, request: web.Request) -> web.Response:
        path = self._upload(request)
        content = await request.read()
        await asyncio.to_thread(write_whole, path, lambda file: file.write(content))
        return web.Response(status=201, headers={"Location": f"/uploads/{path.name}"})

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        path = self._upload(request)
        if not path.is_file():
            raise web.HTTPNotFound(text=f"Nobody uploaded {path.name}")
        return web.FileResponse(path)

    def _upload(self, request: web.Request) -> Path:
        name = request.match_info["name"]
        if not _NAME.fullmatch(name):
            raise web.HTTPBadRequest(text="A name has letters, digits, dots, dashes and underscores")
        return self._folder / "uploads" / name


async def index(request: web.Request) -> web.Response:
    count = min(int(request.query.get("count", "20")), 1000)
    links = "\n".join(f'<li><a href="/articles/{number}">{title(number)}</a></li>' for number in range(1, count + 1))
    return page("All articles", f"<ul>\n{links}\n</ul>")


async def article(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    if number == MISSING:
        raise web.HTTPNotFound(text="This article was taken down")
    if number == SLOW:
        await asyncio.sleep(SLOW_SECONDS)
    rng = random.Random(number)
    text = " ".join(f"{rng.choice(TOPICS)} from {rng.choice(CITIES)}." for _ in range(rng.randrange(40, 400)))
    return page(title(number), f"<p>{text}</p>")


async def prices(_: web.Request) -> web.Response:
    """Today's prices in cents; they change a little with each request."""
    today = {name: cents + random.randrange(-20, 21) for name, cents in PRODUCTS.items()}
    return web.json_response(cast("dict[str, object]", today))


def title(number: int) -> str:
    return f"{TOPICS[number % len(TOPICS)]} from {CITIES[number % len(CITIES)]}, part {number}"


def page(heading: str, content: str) -> web.Response:
    html = f"<!doctype html>\n<html><head><title>{heading}</title></head><body>\n{content}\n</body></html>\n"
    return web.Response(text=html, content_type="text/html")
