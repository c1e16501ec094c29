"""The worker of `arqboard up`: an arq settings class, as your own project has one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

from arq.connections import RedisSettings
from arq.worker import Function
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from arqboard import Schedule, crontab, every, signature

from .charge_invoice import charge_invoice
from .clean_sessions import clean_sessions
from .crash import crash
from .daily_report import daily_report
from .download_file import download_file
from .download_site import DownloadSite
from .export_csv import export_csv
from .finalize import finalize
from .flaky_download import flaky_download
from .generate_report import generate_report
from .import_csv import import_csv
from .mail import MailServer, MailSink
from .process_chunk import process_chunk
from .process_image import process_image
from .push_notification import push_notification
from .push_service import PushService
from .refresh_cache import refresh_cache
from .resize_image import resize_image
from .resize_images import resize_images
from .scrape_pages import scrape_pages
from .send_email import send_email
from .send_newsletter import send_newsletter
from .upload_file import upload_file
from .website import Website


class DemoSettings(BaseSettings):
    """What the demo is told by the environment. Without `SMTP_URL`, mail stays inside the worker."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_url: str = Field(default="redis://127.0.0.1:6379", validation_alias="REDIS_URL")
    data: Path = Field(default=Path(".arqboard"), validation_alias="ARQBOARD_DATA")
    smtp_url: str | None = Field(default=None, validation_alias="SMTP_URL")


SETTINGS = DemoSettings()
NEWSLETTER = signature("send_newsletter", recipients=300)


async def start_up(ctx: dict[str, Any]) -> None:
    """Put what tasks need into `ctx`: their folder, the mail server, and the sites they talk to."""
    ctx["data"] = SETTINGS.data / "demo"
    ctx["data"].mkdir(parents=True, exist_ok=True)
    ctx["mail_sink"], sites = MailSink(), AsyncExitStack()
    ctx["sites"] = sites  # first of all, so that shut_down ends what has started should another one fail
    ctx["mail"] = MailServer.parse(SETTINGS.smtp_url) if SETTINGS.smtp_url else await ctx["mail_sink"].start()
    sites.push_async_callback(ctx["mail_sink"].stop)
    for name, site in (("site", DownloadSite()), ("website", Website(ctx["data"])), ("push", PushService())):
        ctx[name] = await site.start()
        sites.push_async_callback(site.stop)


async def shut_down(ctx: dict[str, Any]) -> None:
    await ctx["sites"].aclose()


class WorkerSettings:
    """Runs with `arqboard-worker arqboard.demo.settings.WorkerSettings`."""

    functions: ClassVar[list[Function | Callable[..., Any]]] = [
        resize_images,
        import_csv,
        send_newsletter,
        flaky_download,
        crash,
        send_email,
        process_image,
        generate_report,
        export_csv,
        scrape_pages,
        push_notification,
        charge_invoice,
        process_chunk,
        finalize,
        download_file,
        resize_image,
        upload_file,
        clean_sessions,
        daily_report,
        refresh_cache,
    ]
    schedules: ClassVar[list[Schedule]] = [
        every(300, clean_sessions, name="clean-sessions", tags=["maintenance"]),
        crontab("0 0 * * *", daily_report, name="daily-report", tags=["report"]),
        crontab("0 9 * * mon", NEWSLETTER, tz="Europe/Berlin", name="newsletter", tags=["mail"]),
        every(1800, refresh_cache, name="refresh-cache", tags=["maintenance"]),
    ]
    on_startup = start_up
    on_shutdown = shut_down
    redis_settings = RedisSettings.from_dsn(SETTINGS.redis_url)
    max_jobs = 10
    job_timeout = 600
