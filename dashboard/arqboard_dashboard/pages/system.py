"""The Redis behind it all, this dashboard, and what is stored: what people open a Redis client for."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from typing import Any, cast

from aiohttp import web

from ..api import json_answer
from ..appkeys import FEED, HUB, KEY_COUNTING, OVERVIEW, RENDERER, SETTINGS, STARTED, STORED, SYSTEM
from ..jsonviews import iso
from ..language import gettext
from ..meters import Meter
from ..place import base
from ..settings import Settings
from ..system_views import CountView, DashboardInfo, Setting, SystemLive, SystemView
from .shell import html_response, is_htmx, page, see_other


async def system(request: web.Request) -> web.Response:
    app = request.app
    live, stored = await asyncio.gather(_live(app), app[STORED].all())
    hub = app[HUB]
    view = SystemView(
        live, stored, _counting(app), effective(app[SETTINGS]), hub.frames_sent, hub.fragments_sent, hub.bytes_sent
    )
    return await page(request, "pages/system.html", view, active="system", title="System")


async def count(request: web.Request) -> web.Response:
    """Begin to count all keys, or go on with the count that is under way."""
    request.app[KEY_COUNTING].start()
    return await _counted(request)


async def stop_count(request: web.Request) -> web.Response:
    request.app[KEY_COUNTING].stop()
    return await _counted(request)


async def _counted(request: web.Request) -> web.Response:
    if not is_htmx(request):
        return see_other(request, f"{base(request.app)}/system")
    return html_response(await _render_count(request.app, oob=False))


async def system_json(request: web.Request) -> web.Response:
    """The same for programs."""
    app = request.app
    live, stored = await asyncio.gather(_live(app), app[STORED].all())
    health = live.health
    return json_answer({
        "redis": None if health.info is None else _plain(health.info),
        "ping_ms": round(health.ping_ms, 3),
        "slow_log": None if health.slow is None else [{**_plain(s), "at": iso(s.at)} for s in health.slow],
        "refused": list(health.refused),
        "dashboard": {**_plain(live.dashboard), "frames": app[HUB].frames_sent, "fragments": app[HUB].fragments_sent},
        "settings": {setting.name: setting.value for setting in effective(app[SETTINGS])},
        "workers": [{"id": w.id, "version": w.version, "alive": w.alive, "lag_ms": w.lag_ms} for w in live.workers],
        "stored": [_plain(one) for one in stored],
    })  # fmt: skip


def _plain(value: Any) -> Any:
    """A dataclass as JSON has it, its times as texts."""
    told: Any = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    if isinstance(told, tuple):
        return list(cast("tuple[Any, ...]", told))
    if not isinstance(told, dict):
        return told
    return {k: iso(v) if k in ("started", "saved") else _plain(v) for k, v in cast("dict[str, Any]", told).items()}


def effective(settings: Settings) -> list[Setting]:
    """Settings that people ask about. Of secrets only that there are some."""
    ways = [name for name, secret in (("password", settings.password), ("token", settings.token)) if secret]
    unprotected = gettext("nothing: it listens on this machine only")
    return [
        Setting("redis_url", settings.redis_shown),
        Setting("prefix", settings.prefix),
        Setting("base", settings.base or "/"),
        Setting(gettext("protected by"), gettext(" and ").join(ways) or unprotected),
        Setting("session_hours", f"{settings.session_hours:g}"),
        Setting("allowed_hosts", ", ".join(settings.allowed_hosts) or gettext("this machine")),
        Setting("trusted_origins", ", ".join(settings.trusted_origins) or gettext("its own")),
        Setting("max_sockets", str(settings.max_sockets)),
    ]


# What is live


async def _live(app: web.Application) -> SystemLive:
    health, workers = await asyncio.gather(app[SYSTEM].health(), app[OVERVIEW].workers.get())
    hub, feed = app[HUB], app[FEED]
    dashboard = DashboardInfo(
        version=version("arqboard"), python=platform.python_version(), started=app[STARTED], sockets=hub.sockets,
        max_sockets=hub.max_sockets, lag_ms=feed.lag_ms, is_following=feed.store_ok,
    )  # fmt: skip
    return SystemLive(health, dashboard, workers, feed.position)


def _counting(app: web.Application) -> CountView:
    return CountView(app[KEY_COUNTING].count, app[FEED].position)


async def _render_count(app: web.Application, *, oob: bool) -> str:
    return app[RENDERER].part("keycount", await app[OVERVIEW].look(), oob=oob, view=_counting(app))


async def _read_live(app: web.Application, _: str) -> str:
    view, look = await asyncio.gather(_live(app), app[OVERVIEW].look())
    return app[RENDERER].part("system", look, oob=True, view=view)


async def _read_count(app: web.Application, _: str) -> str:
    return await _render_count(app, oob=True)


METERS = (
    Meter("system", _read_live, seconds=2.0),
    Meter("keycount", _read_count, idle_seconds=1.0),
)
