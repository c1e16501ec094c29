"""Runs the dashboard on a host and port until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from .app import create_app
from .settings import BadSettings, Settings

log = logging.getLogger("arqboard.dashboard")

#: Seconds in which a new connection has to send one whole request.
GREETING_SECONDS = 10.0
KEEPALIVE_SECONDS = 75.0
SHUTDOWN_SECONDS = 5.0


def serve(settings: Settings, *, started: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `started` is told the URL. Raises BadSettings when the port is taken."""
    asyncio.run(run(settings, started=started or _say))


async def run(settings: Settings, *, started: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
    """The same inside a running loop, until `stop` is set."""
    stop = stop or _stop_on_signals()
    app = create_app(settings)
    runner = web.AppRunner(
        app, keepalive_timeout=KEEPALIVE_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None,
    )  # fmt: skip
    patience = _Patience(runner)
    await runner.setup()
    try:
        await _listen(runner, settings)
        started(_url(runner, settings))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(patience.keep())
            await stop.wait()
            waiting.cancel()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        raise BadSettings(
            f"Can't listen on {settings.host}:{settings.port}: {error.strerror or error}. "
            "Another program may use that port; choose one with ARQBOARD_PORT."
        ) from error


class _Patience:
    """Closes connections that never finish their first request: aiohttp waits for them for ever."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._greeted: set[RequestHandler] = set()
        runner.app.middlewares.insert(0, self._greet)

    @web.middleware
    async def _greet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._greeted.add(request.protocol)
        return await handler(request)

    async def keep(self) -> None:
        """Look twice in the time that a greeting may take."""
        strangers: set[RequestHandler] = set()
        while True:
            await asyncio.sleep(GREETING_SECONDS / 2)
            connections = self._runner.server.connections if self._runner.server else []
            for connection in connections:
                if connection in strangers - self._greeted:
                    connection.force_close()
            self._greeted &= set(connections)
            strangers = set(connections) - self._greeted


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _url(runner: web.AppRunner, settings: Settings) -> str:
    port = runner.addresses[0][1] if runner.addresses else settings.port
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def _say(url: str) -> None:
    print(f"arqboard is at {url}", flush=True)
