"""The application: alone on a port, or mounted under any prefix of another one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as LostConnection

from arqboard.protocol import Keys, Reader
from arqboard.protocol.commands import Commands
from arqboard.protocol.failing import FailureCommands
from arqboard.protocol.failures import Failures
from arqboard.protocol.keybrowser import KeyBrowser
from arqboard.protocol.savedviews import SavedViews
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.stored import StoredReader
from arqboard.protocol.system import SystemReader
from arqboard.protocol.workflows import Workflows

from . import answers, auth, guard, metrics, preferences, store
from .alerts import Alerts
from .appkeys import (
    ALERTS,
    BUILD,
    COMMANDS,
    FAILURE_COMMANDS,
    FAILURES,
    FEED,
    FLOWS,
    GATE,
    HUB,
    KEY_BROWSER,
    KEY_COUNTING,
    METRICS,
    OVERVIEW,
    PALETTE,
    PATIENT_REDIS,
    QUEUE_BOARD,
    READER,
    REDIS,
    RENDERER,
    SAVED_VIEWS,
    SCHEDULE_BOARD,
    SCHEDULES,
    SETTINGS,
    STARTED,
    STATIC,
    STORED,
    SYSTEM,
    VIEWERS,
    VISITS,
    WORKER_BOARD,
    WORKFLOWS,
)
from .assets import LOCALE, TEMPLATES
from .assets import STATIC as STATIC_FILES
from .feed import Feed
from .flows import Flows
from .hub import Hub
from .keycounting import KeyCounting, closing
from .overview import Overview
from .palette import Palette
from .place import base, kind
from .queue_board import QueueBoard
from .render import Renderer
from .routes import ROUTES
from .schedule_board import ScheduleBoard
from .settings import Settings
from .visits import Visits, checking
from .widgets import Viewers
from .worker_board import WorkerBoard

#: The order counts: what is counted, then told in whose language, then refused, then let in, then believed.
MIDDLEWARES = [
    metrics.count, preferences.speak, answers.tell, guard.known_host, guard.own_origin, auth.admit, guard.form_token,
]  # fmt: skip


def create_app(settings: Settings | None = None, *, redis: Redis | None = None) -> web.Application:
    """The dashboard. Mount it with `app.add_subapp("/jobs", create_app(settings))`, or serve it as it is.

    With `redis` that client is used for everything and left open at the end; without it clients are made from
    `settings.redis_url`. Raises BadSettings when the settings are read here and make no sense.
    """
    settings = settings or Settings.read()
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=guard.MAX_BODY)
    app[SETTINGS] = settings
    app[BUILD] = _fingerprint(STATIC_FILES, TEMPLATES, LOCALE)
    app[STATIC] = f"/static/{_fingerprint(STATIC_FILES)}"
    app[GATE] = auth.Gate(settings)
    app.add_routes(ROUTES)
    app.router.add_static(app[STATIC], STATIC_FILES)
    _connect(app, settings, redis)
    _go_live(app)
    app.on_response_prepare.append(guard.add_headers)
    return app


def _connect(app: web.Application, settings: Settings, given: Redis | None) -> None:
    keys = Keys(settings.prefix)
    again = Retry(ExponentialBackoff(cap=0.1, base=0.02), 1, supported_errors=(LostConnection,))
    app[REDIS] = given or store.prompt(settings.redis_url, retry=again)
    app[PATIENT_REDIS] = given or store.patient(settings.redis_url)
    app[READER] = Reader(app[REDIS], keys)
    writing = given or store.prompt(settings.redis_url)
    app[COMMANDS] = Commands(writing, keys)
    app[WORKFLOWS] = Workflows(app[REDIS], keys)
    app[SCHEDULES] = Schedules(writing, keys)
    app[SAVED_VIEWS] = SavedViews(writing, keys)
    app[FAILURES] = Failures(app[REDIS], keys)
    app[FAILURE_COMMANDS] = FailureCommands(writing, keys)
    app[SYSTEM] = SystemReader(app[REDIS], keys, settings.database)
    app[STORED] = StoredReader(app[REDIS], keys)
    app[KEY_BROWSER] = KeyBrowser(app[REDIS], keys)
    if given is None:
        clients = (app[REDIS], app[PATIENT_REDIS], writing)

        async def close_clients(_: web.Application) -> AsyncIterator[None]:
            yield
            for client in clients:
                await client.aclose()

        app.cleanup_ctx.append(close_clients)


def _go_live(app: web.Application) -> None:
    renderer = app[RENDERER] = Renderer()
    renderer.install(app)
    overview = app[OVERVIEW] = Overview(
        app[READER],
        base=lambda: base(app),
        static=lambda: base(app) + app[STATIC],
        form_token=app[GATE].form_token,
        build=app[BUILD],
    )
    app[QUEUE_BOARD] = QueueBoard(app[REDIS], app[READER], overview)
    app[WORKER_BOARD] = WorkerBoard(app[REDIS], app[READER], overview)
    app[SCHEDULE_BOARD] = ScheduleBoard(app[SCHEDULES], app[READER])
    app[FLOWS] = Flows(app[REDIS], app[READER].keys, app[READER], overview, renderer)
    hub = app[HUB] = Hub(max_sockets=app[SETTINGS].max_sockets)
    app[FEED] = Feed(app, app[PATIENT_REDIS], app[READER], app[COMMANDS], renderer, hub, overview)
    app[VISITS] = Visits(app[GATE], hub)
    app[VIEWERS] = Viewers(hub.max_sockets)
    app[PALETTE] = Palette(app[READER], overview, app[SCHEDULES], app[WORKFLOWS])
    app[METRICS] = metrics.Metrics()
    app[KEY_COUNTING] = KeyCounting(app)
    app[ALERTS] = Alerts(overview, app[SYSTEM])
    app[STARTED] = round(time.time() * 1000)
    metrics.watch(app)
    app.on_startup.insert(0, _warm_up)
    app.on_response_prepare.append(_after_action)
    app.cleanup_ctx.extend((_feeding, checking, closing))
    app.on_shutdown.append(_close_sockets)


async def _after_action(request: web.Request, response: web.StreamResponse) -> None:
    if request.method == "POST" and response.status < 400 and kind(request) == "page":
        request.app[FEED].acted()


async def _warm_up(app: web.Application) -> None:
    app[RENDERER].warm()


async def _feeding(app: web.Application) -> AsyncIterator[None]:
    await app[FEED].start()
    yield
    await app[FEED].stop()


async def _close_sockets(app: web.Application) -> None:
    """Browsers are told to come back later (1012); otherwise aiohttp would wait for each of them."""
    app[HUB].shut_down()


def _fingerprint(*folders: Path) -> str:
    """Eight hex digits that change with any file, and with the release."""
    digest = hashlib.sha256(version("arqboard").encode())
    for path in _files(folders):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def _files(folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
