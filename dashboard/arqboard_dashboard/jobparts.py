"""Live parts of the list of jobs: tiles by window (`kpis:6h`), charts by window and function (`charts:1h/resize`)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .appkeys import OVERVIEW, RENDERER
from .meters import Meter
from .parameters import MAX_NAME
from .trends import DEFAULT, WINDOWS, Window


def window_named(name: str) -> Window:
    """The window of the tiles; "" is the usual one. Raises ValueError."""
    if name and (name not in WINDOWS or name == DEFAULT):
        raise ValueError("there is no such window")
    return WINDOWS[name or DEFAULT]


def charts_named(name: str) -> tuple[Window, str | None]:
    """The window and the function of charts. Raises ValueError."""
    window, slash, function = name.partition("/")
    if window not in WINDOWS or bool(slash) != bool(function) or len(function) > MAX_NAME:
        raise ValueError("there are no such charts")
    return WINDOWS[window], function or None


async def read_kpis(app: web.Application, name: str) -> str:
    """The tiles, as they are now."""
    overview, window = app[OVERVIEW], window_named(name)
    look, kpis, trend = await asyncio.gather(overview.look(), overview.kpis.get(), overview.trends.get(window))
    return app[RENDERER].kpis(kpis, trend, look, oob=True)


async def read_charts(app: web.Application, name: str) -> str:
    """Both charts, as they are now."""
    overview, (window, function) = app[OVERVIEW], charts_named(name)
    look, trend = await asyncio.gather(overview.look(), overview.trends.get(window, function))
    return app[RENDERER].part("charts", look, oob=True, trend=trend)


METERS = (
    Meter("kpis", read_kpis, check=window_named, seconds=1.0, idle_seconds=5.0),
    Meter("charts", read_charts, check=charts_named, seconds=5.0, idle_seconds=5.0),
)
