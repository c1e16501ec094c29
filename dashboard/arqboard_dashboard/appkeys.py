"""What the application holds, each under one typed key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from redis.asyncio import Redis

from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.workflows import Workflows

from .settings import Settings

if TYPE_CHECKING:
    from .auth import Gate
    from .feed import Feed
    from .hub import Hub
    from .metrics import Metrics
    from .overview import Overview
    from .palette import Palette
    from .render import Renderer
    from .visits import Visits

SETTINGS = web.AppKey("settings", Settings)
#: For reads: short deadlines, one more try after a lost connection.
REDIS = web.AppKey("redis", Redis)
#: For the feed's subscription, which waits for as long as nothing happens.
PATIENT_REDIS = web.AppKey("patient_redis", Redis)
READER = web.AppKey("reader", Reader)
#: Writes are never repeated by the client: a lost reply is not a lost write.
COMMANDS = web.AppKey("commands", Commands)
WORKFLOWS = web.AppKey("workflows", Workflows)
SCHEDULES = web.AppKey("schedules", Schedules)
RENDERER: web.AppKey[Renderer] = web.AppKey("renderer")
HUB: web.AppKey[Hub] = web.AppKey("hub")
FEED: web.AppKey[Feed] = web.AppKey("feed")
OVERVIEW: web.AppKey[Overview] = web.AppKey("overview")
PALETTE: web.AppKey[Palette] = web.AppKey("palette")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics")
GATE: web.AppKey[Gate] = web.AppKey("gate")
VISITS: web.AppKey[Visits] = web.AppKey("visits")
#: Set on a request that was let in; error pages show strangers nothing.
ADMITTED = web.RequestKey("admitted", bool)
#: Changes with every release; pages of another build reload themselves.
BUILD = web.AppKey("build", str)
#: `/static/<hash>`, without the mount.
STATIC = web.AppKey("static", str)

__all__ = [
    "ADMITTED",
    "BUILD",
    "COMMANDS",
    "FEED",
    "GATE",
    "HUB",
    "METRICS",
    "OVERVIEW",
    "PALETTE",
    "PATIENT_REDIS",
    "READER",
    "REDIS",
    "RENDERER",
    "SCHEDULES",
    "SETTINGS",
    "STATIC",
    "VISITS",
    "WORKFLOWS",
]
