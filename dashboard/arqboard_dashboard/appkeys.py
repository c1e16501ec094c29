"""What the application holds, each under one typed key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from redis.asyncio import Redis

from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.protocol.failing import FailureCommands
from arqboard.protocol.failures import Failures
from arqboard.protocol.keybrowser import KeyBrowser
from arqboard.protocol.savedviews import SavedViews
from arqboard.protocol.schedules import Schedules
from arqboard.protocol.stored import StoredReader
from arqboard.protocol.system import SystemReader
from arqboard.protocol.workflows import Workflows

from .settings import Settings

if TYPE_CHECKING:
    from .alerts import Alerts
    from .auth import Gate
    from .feed import Feed
    from .flows import Flows
    from .hub import Hub
    from .keycounting import KeyCounting
    from .metrics import Metrics
    from .overview import Overview
    from .palette import Palette
    from .queue_board import QueueBoard
    from .render import Renderer
    from .schedule_board import ScheduleBoard
    from .visits import Visits
    from .widgets import Viewers
    from .worker_board import WorkerBoard

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
SAVED_VIEWS = web.AppKey("saved_views", SavedViews)
FAILURES = web.AppKey("failures", Failures)
FAILURE_COMMANDS = web.AppKey("failure_commands", FailureCommands)
SYSTEM = web.AppKey("system", SystemReader)
STORED = web.AppKey("stored", StoredReader)
KEY_BROWSER = web.AppKey("key_browser", KeyBrowser)
KEY_COUNTING: web.AppKey[KeyCounting] = web.AppKey("key_counting")
#: ms since 1970, by our own clock.
STARTED = web.AppKey("started", int)
ALERTS: web.AppKey[Alerts] = web.AppKey("alerts")
RENDERER: web.AppKey[Renderer] = web.AppKey("renderer")
HUB: web.AppKey[Hub] = web.AppKey("hub")
FEED: web.AppKey[Feed] = web.AppKey("feed")
FLOWS: web.AppKey[Flows] = web.AppKey("flows")
OVERVIEW: web.AppKey[Overview] = web.AppKey("overview")
QUEUE_BOARD: web.AppKey[QueueBoard] = web.AppKey("queue_board")
WORKER_BOARD: web.AppKey[WorkerBoard] = web.AppKey("worker_board")
SCHEDULE_BOARD: web.AppKey[ScheduleBoard] = web.AppKey("schedule_board")
PALETTE: web.AppKey[Palette] = web.AppKey("palette")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics")
GATE: web.AppKey[Gate] = web.AppKey("gate")
VISITS: web.AppKey[Visits] = web.AppKey("visits")
VIEWERS: web.AppKey[Viewers] = web.AppKey("viewers")
#: Set on a request that was let in; error pages show strangers nothing.
ADMITTED = web.RequestKey("admitted", bool)
#: Changes with every release; pages of another build reload themselves.
BUILD = web.AppKey("build", str)
#: `/static/<hash>`, without the mount.
STATIC = web.AppKey("static", str)

__all__ = [
    "ADMITTED",
    "ALERTS",
    "BUILD",
    "COMMANDS",
    "FAILURES",
    "FAILURE_COMMANDS",
    "FEED",
    "FLOWS",
    "GATE",
    "HUB",
    "KEY_BROWSER",
    "KEY_COUNTING",
    "METRICS",
    "OVERVIEW",
    "PALETTE",
    "PATIENT_REDIS",
    "QUEUE_BOARD",
    "READER",
    "REDIS",
    "RENDERER",
    "SAVED_VIEWS",
    "SCHEDULES",
    "SCHEDULE_BOARD",
    "SETTINGS",
    "STARTED",
    "STATIC",
    "STORED",
    "SYSTEM",
    "VIEWERS",
    "VISITS",
    "WORKER_BOARD",
    "WORKFLOWS",
]
