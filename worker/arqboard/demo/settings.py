"""The worker of `arqboard up`: a plain arq settings class, as your own project has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from arq.connections import RedisSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from .crash import crash
from .download_site import DownloadSite
from .flaky_download import flaky_download
from .import_csv import import_csv
from .mail import MailServer, MailSink
from .resize_images import resize_images
from .send_newsletter import send_newsletter


class DemoSettings(BaseSettings):
    """What the demo is told by the environment. Without `SMTP_URL`, mail stays inside the worker."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_url: str = Field(default="redis://127.0.0.1:6379", validation_alias="REDIS_URL")
    data: Path = Field(default=Path(".arqboard"), validation_alias="ARQBOARD_DATA")
    smtp_url: str | None = Field(default=None, validation_alias="SMTP_URL")


SETTINGS = DemoSettings()


async def start_up(ctx: dict[str, Any]) -> None:
    """Put what tasks need into `ctx`: their folder, the mail server, the site they download from."""
    ctx["mail_sink"], ctx["download_site"] = MailSink(), DownloadSite()
    ctx["data"] = SETTINGS.data / "demo"
    ctx["data"].mkdir(parents=True, exist_ok=True)
    ctx["mail"] = MailServer.parse(SETTINGS.smtp_url) if SETTINGS.smtp_url else await ctx["mail_sink"].start()
    ctx["site"] = await ctx["download_site"].start()


async def shut_down(ctx: dict[str, Any]) -> None:
    await ctx["mail_sink"].stop()
    await ctx["download_site"].stop()


class WorkerSettings:
    """Runs with `arqboard-worker arqboard.demo.settings.WorkerSettings`, or with `arq` as well."""

    functions: ClassVar[list[Callable[..., Any]]] = [
        resize_images,
        import_csv,
        send_newsletter,
        flaky_download,
        crash,
    ]
    on_startup = start_up
    on_shutdown = shut_down
    redis_settings = RedisSettings.from_dsn(SETTINGS.redis_url)
    max_jobs = 10
    job_timeout = 600
