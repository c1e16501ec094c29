"""Live parts of the list of jobs: tiles by window (`kpis:6h`), charts by window and function (`charts:1h/resize`) or
queue (`charts:1h@media`)."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from .appkeys import OVERVIEW, RENDERER
from .meters import Meter
from .parameters import MAX_NAME
from .trends import DEFAULT, WINDOWS, Window

_CHARTS = re.compile(r"(\w+)(?:([/@])(.+))?", re.DOTALL)


def window_named(name: str) -> Window:
    """The window of the tiles; "" is the usual one. Raises ValueError."""
    if name and (name not in WINDOWS or name == DEFAULT):
        raise ValueError("there is no such window")
    return WINDOWS[name or DEFAULT]


def charts_named(name: str) -> tuple[Window, str | None, str | None]:
    """The window of charts, and their function or their queue. Raises ValueError."""
    found = _CHARTS.fullmatch(name)
    if not found or found[1] not in WINDOWS or len(found[3] or "") > MAX_NAME:
        raise ValueError("there are no such charts")
    window, of = WINDOWS[found[1]], found[3]
    if found[2] == "@" and not window.counts_queues:
        raise ValueError("queues are not counted for so long")
    return window, of if found[2] == "/" else None, of if found[2] == "@" else None


async def read_kpis(app: web.Application, name: str) -> str:
    """The tiles, as they are now."""
    overview, window = app[OVERVIEW], window_named(name)
    look, kpis, trend = await asyncio.gather(overview.look(), overview.kpis.get(), overview.trends.get(window))
    return app[RENDERER].kpis(kpis, trend, look, oob=True)


async def read_charts(app: web.Application, name: str) -> str:
    """Both charts, as they are now."""
    overview, (window, function, queue) = app[OVERVIEW], charts_named(name)
    look, trend = await asyncio.gather(overview.look(), overview.trends.get(window, function, queue))
    return app[RENDERER].part("charts", look, oob=True, trend=trend)


METERS = (
    Meter("kpis", read_kpis, check=window_named, seconds=1.0, idle_seconds=5.0),
    Meter("charts", read_charts, check=charts_named, seconds=5.0, idle_seconds=5.0),
)
