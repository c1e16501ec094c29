import sys

from aiohttp import web

from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


def shop(redis_url: str) -> web.Application:
    app = web.Application()
    app.router.add_get("/", hello)
    app.add_subapp("/ops", create_app(Settings.read(redis_url=redis_url)))
    return app


if __name__ == "__main__":
    web.run_app(shop(sys.argv[1]), host="127.0.0.1", port=8080)
