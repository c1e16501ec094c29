"""The `arqboard` command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

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


@contextmanager
def needs(extra: str) -> Generator[None]:
    """Turn a package that is not installed into what to install; `pip install arqboard` has no web stack."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing. Install it: pip install 'arqboard[{extra}]'") from error


if __name__ == "__main__":
    main()
