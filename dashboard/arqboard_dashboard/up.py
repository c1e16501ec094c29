"""`arqboard up`: a server, a worker with the demo tasks and the dashboard, in one command."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from arqboard.protocol.reader import Reader

from .datafolder import CannotStart, DataFolder
from .embedded import EmbeddedServer, embed
from .settings import BadSettings, Settings
from .supervisor import Service, supervise

WORKER_SETTINGS = "arqboard.demo.settings.WorkerSettings"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `arqboard up` was asked for. None leaves it to the settings. No `redis_url`: an own server."""

    host: str | None
    port: int | None
    data: Path
    redis_url: str | None = None
    redis_port: int | None = None


def run_up(options: UpOptions) -> None:
    """Run until Ctrl-C or SIGTERM. Raises CannotStart, where it can be known before anything was started."""
    settings = _read_settings(options)
    refuse_missing_packages()
    refuse_taken_port(settings.host, settings.port)
    data = DataFolder(options.data)
    data.create()
    with data.locked() as lock, suppress(asyncio.CancelledError):  # cancelled: we were asked to stop, and did
        server = None if options.redis_url else embed(data, options.redis_port)
        asyncio.run(_Up(settings, data, server, lock).run())


def _read_settings(options: UpOptions) -> Settings:
    try:
        return Settings.read(host=options.host, port=options.port, redis_url=options.redis_url)
    except BadSettings as error:
        raise CannotStart(str(error)) from error


def refuse_missing_packages() -> None:
    """Raise CannotStart where the demo's tasks could not be imported."""
    missing = [name for name in ("PIL", "aiosmtplib", "aiosmtpd") if find_spec(name) is None]
    if missing:
        raise CannotStart(f"{', '.join(missing)} is missing. Install it: pip install 'arqboard[demo]'")


def refuse_taken_port(host: str, port: int) -> None:
    """Raise CannotStart where nothing can listen there."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((str(address[0]), port), family=family).close()
    except OSError as error:
        raise CannotStart(_why_not_listening(host, port, error)) from error


def _why_not_listening(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Choose another, for example: arqboard up --port {port + 1}"
    return f"Nothing can listen on {host}, port {port}: {error.strerror}. Choose with --host and --port."


class _Up:
    """The three services, and how to tell that each of them serves."""

    def __init__(self, settings: Settings, data: DataFolder, server: EmbeddedServer | None, lock: int) -> None:
        self.settings = settings
        self.data = data
        self.server = server
        self.lock = lock
        self.redis_url = server.url if server else settings.redis_url

    @property
    def page_url(self) -> str:
        host = self.settings.host
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

    async def run(self) -> None:
        _cancel_on_signals()
        if self.server is None:
            await refuse_unreachable_redis(self.settings)
        await supervise(self._services(), announce=self._announce, say=_say)

    def _services(self) -> list[Service]:
        services = [self._worker(), self._dashboard()]
        return [self._server(self.server), *services] if self.server else services

    def _server(self, server: EmbeddedServer) -> Service:
        return Service(
            name="server",
            command=server.command,
            environment=dict(os.environ),
            log=self.data.log("server"),
            ready=self._redis_answers,
            orphan_signal=signal.SIGTERM,
            # It holds the folder's lock, so one that outlived its parent is never joined by a second.
            inherited=(self.lock,),
        )

    def _worker(self) -> Service:
        return Service(
            name="worker",
            # -P: what lies in the folder this was started from must not shadow a module of ours.
            command=[sys.executable, "-P", "-m", "arqboard.cli", WORKER_SETTINGS],
            environment=self._environment(),
            log=self.data.log("worker"),
            ready=self._worker_is_registered,
        )

    def _dashboard(self) -> Service:
        return Service(
            name="dashboard",
            command=[
                *(sys.executable, "-P", "-m", "arqboard_dashboard.cli", "dashboard"),
                *("--host", self.settings.host, "--port", str(self.settings.port)),
            ],
            environment=self._environment(),
            log=self.data.log("dashboard"),
            ready=self._dashboard_is_healthy,
        )

    def _environment(self) -> dict[str, str]:
        """By environment and not by argument, which any user of the machine could read."""
        return {
            **os.environ,
            "REDIS_URL": self.redis_url,
            "ARQBOARD_DATA": str(self.data.path.resolve()),
            "ARQBOARD_SECRET": os.environ.get("ARQBOARD_SECRET") or self.data.secret(),
        }

    async def _redis_answers(self, _pid: int) -> bool:
        try:
            await ping(self.redis_url)
        except (RedisError, OSError):
            return False
        return True

    async def _worker_is_registered(self, pid: int) -> bool:
        try:
            async with _connect(self.redis_url) as redis:
                return any(worker.pid == pid and worker.alive for worker in await Reader(redis).workers())
        except (RedisError, OSError):
            return False

    async def _dashboard_is_healthy(self, _pid: int) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"{self.page_url}/healthz") as answer,
            ):
                return answer.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _announce(self) -> None:
        own = f"own server on port {self.server.port}, kept in {self.data.server}" if self.server else ""
        _say(f"\n  arqboard runs: {self.page_url}\n")
        _say(f"  redis    {own or self.settings.redis_shown}")
        _say("  worker   one, with the demo tasks")
        _say(f"  logs     {self.data.path}/*.log\n")
        _say("Press Ctrl-C to stop.")


def _cancel_on_signals() -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP, and means it
            loop.add_signal_handler(number, task.cancel)


async def refuse_unreachable_redis(settings: Settings) -> None:
    """Raise CannotStart where no Redis answers."""
    try:
        await ping(settings.redis_url)
    except (RedisError, OSError, ValueError) as error:
        raise CannotStart(
            f"No Redis answers at {settings.redis_shown}: {error}. "
            "Check --redis or REDIS_URL; without them arqboard runs a server of its own."
        ) from error


async def ping(url: str) -> None:
    """Raises RedisError or OSError."""
    async with _connect(url) as redis:
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]


def _connect(url: str) -> Redis:
    redis: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its options are not typed
        url, socket_connect_timeout=5, socket_timeout=5
    )
    return redis


def _say(line: str) -> None:
    with suppress(OSError):  # whoever read our output is gone; the processes are not
        print(line, flush=True)
