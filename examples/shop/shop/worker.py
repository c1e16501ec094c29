"""The shop's worker: `arqboard-worker shop.worker.WorkerSettings`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from arq.connections import RedisSettings
from arq.worker import Function

from arqboard.demo.mail import MailServer, MailSink

from .tasks import congratulate, generate_report, send_email


async def start_up(ctx: dict[str, Any]) -> None:
    """Mail goes to SMTP_URL, or stays in a sink of the worker; files go to SHOP_DATA."""
    ctx["data"] = Path(os.environ.get("SHOP_DATA", ".shop"))
    ctx["data"].mkdir(parents=True, exist_ok=True)
    ctx["sink"], url = MailSink(), os.environ.get("SMTP_URL")
    ctx["mail"] = MailServer.parse(url) if url else await ctx["sink"].start()


async def shut_down(ctx: dict[str, Any]) -> None:
    await ctx["sink"].stop()


class WorkerSettings:
    functions: ClassVar[list[Function | Callable[..., Any]]] = [send_email, congratulate, generate_report]
    on_startup = start_up
    on_shutdown = shut_down
    redis_settings = RedisSettings.from_dsn(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
