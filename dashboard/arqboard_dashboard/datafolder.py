"""The folder where `arqboard up` keeps what survives it: the server's files, secret, port, logs."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile


class CannotStart(Exception):
    """Why `arqboard up` can't start, in a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths in one data folder. `create` makes it, readable by its owner only."""

    path: Path

    @property
    def server(self) -> Path:
        return self.path / "valkey"

    def log(self, service: str) -> Path:
        return self.path / f"{service}.log"

    def create(self) -> None:
        """Make the folder, with a `.gitignore` in it since it often lies in somebody's repository."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.server.mkdir(mode=0o700, exist_ok=True)
            _write_once(self.path / ".gitignore", "*\n")
        except OSError as error:
            raise CannotStart(
                f"The data folder {self.path} can't be used: {error.strerror}. "
                "Choose another with --data or ARQBOARD_DATA."
            ) from error

    @contextmanager
    def locked(self) -> Generator[int]:
        """Hold the folder for this process and for those that inherit the descriptor that is given."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor, self.path)
            yield descriptor
        finally:
            os.close(descriptor)

    def secret(self) -> str:
        """What sessions and forms are signed with: made once, so a restart logs nobody out."""
        return _write_once(self.path / "secret", secrets.token_urlsafe(32))

    def remembered_port(self) -> int | None:
        try:
            return int((self.path / "port").read_text())
        except (OSError, ValueError):
            return None

    def remember_port(self, port: int) -> None:
        _write(self.path / "port", str(port))


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        raise CannotStart(
            f"Another arqboard (process {pid}) already uses the data folder {folder}. "
            "Stop it first, or choose another folder with --data or ARQBOARD_DATA."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _write_once(path: Path, text: str) -> str:
    """The text that is in the file; `text` where the file is missing or empty."""
    if path.exists() and (kept := path.read_text().strip()):
        return kept
    _write(path, text)
    return text


def _write(path: Path, text: str) -> None:
    """Atomically, and readable by the owner only, as temporary files are."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(text)
    os.replace(file.name, path)
