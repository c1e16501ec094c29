"""What a browser that only looks costs the dashboard: memory of its socket, frames and CPU while nothing happens.

    python bench/idle_socket.py [--rounds 3] [--sockets 1000] [--quiet 5]

Memory is the growth of the server's resident set from 50 sockets (so that everything has been used once) to 50 more
than `--sockets`, divided. "bare aiohttp" is a handler that only reads, in a process of its own; the others are
`arqboard dashboard` over a history of a thousand jobs, with sockets that greet it as the page of one job or the list
of 50 rows would, from the elements in that very page. Then everybody is quiet for a while. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from aiohttp import web
from crowd import hold
from history import fill
from support import SPAWN, cpu_of, dashboard, embedded_server, free_port, memory_of, running, show_table
from viewer import hello_of, live_of

from arqboard.protocol import Keys

FIRST = 50


@dataclass(frozen=True, slots=True)
class Target:
    """A server to open sockets on."""

    port: int
    pid: int
    hello: bytes
    elements: int
    is_ours: bool

    def frames(self) -> int:
        """Frames sent so far."""
        if not self.is_ours:
            return 0
        found = re.search(r"^arqboard_frames_total (\S+)", _get(self.port, "/metrics"), re.MULTILINE)
        assert found is not None
        return int(float(found[1]))


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.read().decode())


def serve_bare(port: int) -> None:
    """aiohttp and nothing else: it answers the first message and reads on."""

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=20, max_msg_size=16 * 1024, compress=False)
        await ws.prepare(request)
        await ws.receive()
        await ws.send_str("{}")
        async for _ in ws:
            pass
        return ws

    app = web.Application()
    app.router.add_get("/ws", socket)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


@contextmanager
def bare() -> Iterator[Target]:
    port = free_port()
    with running(serve_bare, port) as process:
        time.sleep(1)
        assert process.pid is not None
        yield Target(port, process.pid, b"{}", 0, is_ours=False)


@contextmanager
def ours(redis_port: int, path: str) -> Iterator[Target]:
    with dashboard(redis_port) as board:
        page = _get(board.port, path)
        yield Target(board.port, board.pid, hello_of(page), len(live_of(page)), is_ours=True)


def measure(target: Target, sockets: int, quiet: float) -> tuple[float, float, float]:
    """KB of a socket; frames to one, and µs of CPU a second for one, while nothing happens."""
    here, there = SPAWN.Pipe()
    with running(hold, target.port, "/ws", [FIRST, sockets], target.hello, there):
        here.send("open")
        here.recv()
        before = memory_of(target.pid)
        here.send("open")
        count = here.recv()
        time.sleep(2)  # what the greeting has caused
        memory = (memory_of(target.pid) - before) / sockets / 1000
        frames, cpu = target.frames(), cpu_of(target.pid)
        time.sleep(quiet)
        used = (cpu_of(target.pid) - cpu) / quiet / count * 1e6
        return memory, (target.frames() - frames) / count, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--quiet", type=float, default=5.0)
    options = parser.parse_args()
    seen: dict[str, list[tuple[float, float, float]]] = {}
    with embedded_server() as port, redis.Redis(port=port) as client:
        asyncio.run(fill(port, 1000))
        newest = client.zrange(Keys().jobs(), 0, 0, desc=True)[0].decode()
        for _ in range(options.rounds):
            targets = {"bare aiohttp": bare(), "a job": ours(port, f"/jobs/{newest}"), "the list": ours(port, "/jobs")}
            for name, target in targets.items():
                with target as opened:
                    label = f"{name}, {opened.elements} elements" if opened.is_ours else name
                    seen.setdefault(label, []).append(measure(opened, options.sockets, options.quiet))
    show_table(
        ["idle socket", "KB of memory", "frames in the quiet time", "CPU µs/s"],
        [
            [name, *(f"{statistics.median(column):.1f}" for column in zip(*rounds, strict=True))]
            for name, rounds in seen.items()
        ],
    )


if __name__ == "__main__":
    main()
