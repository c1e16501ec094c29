"""The `arqboard-worker` command. It takes what arq's own takes, but for `--watch`."""

from __future__ import annotations

import asyncio
import logging.config
import os
import sys
from importlib.metadata import version
from typing import Any, cast

import click
from arq.connections import RedisSettings
from arq.logs import default_log_config
from arq.utils import import_string
from arq.worker import async_check_health
from pydantic import ValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .protocol.errors import ArqboardError, BadSchedule
from .running import create_worker, get_kwargs
from .settings import ToolkitSettings, sentence
from .worker import Worker

Settings = type[Any] | dict[str, Any]


@click.command()
@click.version_option(version("arqboard"), "-V", "--version", prog_name="arqboard-worker")
@click.argument("worker-settings")
@click.option("--burst/--no-burst", default=None, help="Exit once no jobs are left in the queue.")
@click.option("--check", is_flag=True, help="Say whether a worker of this queue lives, and exit with 0 or 1.")
@click.option("-v", "--verbose", is_flag=True, help="Log more, and show tracebacks of start-up errors.")
@click.option("--custom-log-dict", help="Import path of a logging configuration in dictConfig form.")
def main(worker_settings: str, burst: bool | None, check: bool, verbose: bool, custom_log_dict: str | None) -> None:
    """Run a worker with any arq settings class or dict, like myapp.worker.WorkerSettings."""
    sys.path.append(os.getcwd())  # last, as arq does it: installed packages win over files that lie around
    try:
        settings = find(worker_settings)
        logging.config.dictConfig(find(custom_log_dict) if custom_log_dict else log_config(verbose))
        refuse_empty(settings)
        if check:
            sys.exit(is_alive(settings))
        run(settings, burst)
    except click.ClickException:
        if verbose:
            logging.getLogger("arqboard").exception("why the worker could not start")
        raise


def find(path: str) -> Any:
    """What an import path names. Raises ClickException where there is no such thing."""
    try:
        return import_string(path)
    except (ImportError, ArqboardError) as error:
        raise click.ClickException(f"{path} can't be imported: {error}") from error


def log_config(verbose: bool) -> dict[str, Any]:
    """arq's own, which our loggers join."""
    config = default_log_config(verbose)
    config["loggers"]["arqboard"] = config["loggers"]["arq"]
    return config


def refuse_empty(settings: Any) -> None:
    """Raise ClickException where this is no settings class or dict, or one with nothing to run."""
    if not isinstance(settings, (type, dict)):
        raise click.ClickException(f"The worker settings have to be a class or a dict, not {settings!r}.")
    given = get_kwargs(cast("Settings", settings))
    if not (given.get("functions") or given.get("cron_jobs")):
        raise click.ClickException(
            "The worker settings have no functions: give them `functions = [...]` or `cron_jobs = [...]`."
        )


def made(settings: Settings, burst: bool | None) -> Worker:
    """The worker. Raises ClickException where the settings make no sense."""
    try:
        return create_worker(settings, **({} if burst is None else {"burst": burst}))
    except ValidationError as error:
        if error.title != ToolkitSettings.__name__:
            raise
        raise click.ClickException(" ".join(map(sentence, error.errors()))) from error
    except (ImportError, ArqboardError) as error:
        raise click.ClickException(str(error)) from error


def run(settings: Settings, burst: bool | None) -> None:
    worker = made(settings, burst)
    try:
        worker.run()
    except BadSchedule as error:
        raise click.ClickException(str(error)) from error
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise unreachable(settings, error) from error


def is_alive(settings: Settings) -> int:
    """The exit code of arq's health check: 0 if a worker wrote its sign of life lately."""
    given = get_kwargs(settings)
    where = (given.get(name) for name in ("redis_settings", "health_check_key", "queue_name"))
    try:
        return asyncio.run(async_check_health(*where))
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise unreachable(settings, error) from error


def unreachable(settings: Settings, error: Exception) -> click.ClickException:
    redis = get_kwargs(settings).get("redis_settings") or RedisSettings()
    return click.ClickException(f"Redis at {redis.host}:{redis.port} can't be reached: {error}")


if __name__ == "__main__":
    main()
