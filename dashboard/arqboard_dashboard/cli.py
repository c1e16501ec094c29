"""The `arqboard` command."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import click


@click.group()
@click.version_option(version("arqboard"), "-V", "--version", prog_name="arqboard")
def main() -> None:
    """arqboard: see what arq does while it does it.

    Every setting can also come from the environment as ARQBOARD_HOST, ARQBOARD_PASSWORD and so on.
    """


DEVELOPMENT = click.option("--dev", is_flag=True, help="Show /patterns, the page of all components.")
#: Without a default: what is not given here is read by the settings, from the environment or their defaults.
HOST = click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
PORT = click.option("--port", type=click.IntRange(1, 65535), help="Port of the dashboard.  [default: 8700]")
REDIS = click.option(
    "--redis",
    "redis_url",
    envvar=["REDIS_URL", "ARQBOARD_REDIS_URL"],
    metavar="URL",
    help="The Redis of your arq workers, also read from REDIS_URL.",
)


@main.command()
@HOST
@PORT
@REDIS
@click.option("--redis-port", type=click.IntRange(1, 65535), help="Port of its Redis.  [default: any free]")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=".arqboard",
    show_default=True,
    envvar="ARQBOARD_DATA",
    metavar="DIR",
    help="Where jobs, files and logs are kept.",
)
def up(host: str | None, port: int | None, redis_url: str | None, redis_port: int | None, data: Path) -> None:
    """Run everything: a worker with demo tasks, the dashboard and, unless one is named, a Redis."""
    with needs("demo"):
        from .datafolder import CannotStart
        from .up import UpOptions, run_up

    try:
        run_up(UpOptions(host, port, data, redis_url or None, redis_port))
    except CannotStart as error:
        raise click.ClickException(str(error)) from error


@main.command()
@HOST
@PORT
@REDIS
@DEVELOPMENT
def dashboard(host: str | None, port: int | None, redis_url: str | None, dev: bool) -> None:
    """Run the dashboard alone, next to the workers you have. ARQBOARD_PASSWORD makes it ask who is there."""
    with needs("dashboard"):
        from .serve import serve
        from .settings import BadSettings, Settings

    try:
        serve(Settings.read(host=host, port=port, redis_url=redis_url or None, development=dev or None))
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("job_id")
@click.option("--base", required=True, metavar="URL", help="The dashboard's address as browsers reach it.")
@click.option("--expires", default="1h", show_default=True, metavar="SPAN", help="Good for so long: 90s, 15m, 2h, 7d.")
@click.option("--show", type=click.Choice(["bar", "steps", "outcome"]), default="bar", show_default=True)
@click.option("--label", default="", help="What stands over the bar.")
def widget(job_id: str, base: str, expires: str, show: Literal["bar", "steps", "outcome"], label: str) -> None:
    """Print a link to one job's bar for a page of your own, signed with ARQBOARD_WIDGET_SECRET."""
    from arqboard.widget import link

    try:
        secret = os.environ.get("ARQBOARD_WIDGET_SECRET", "")
        click.echo(link(job_id, secret=secret, base=base, expires=seconds_in(expires), show=show, label=label))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def seconds_in(span: str) -> int:
    """`90s`, `15m`, `2h` or `7d`. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", span)
    if match is None:
        raise ValueError("expires: a span like 90s, 15m, 2h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


@contextmanager
def needs(extra: str) -> Generator[None]:
    """Turn a package that is not installed into what to install; `pip install arqboard` has no web stack."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing. Install it: pip install 'arqboard[{extra}]'") from error


if __name__ == "__main__":
    main()
