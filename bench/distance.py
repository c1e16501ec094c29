"""A Redis that seems to be further away: a proxy that delivers everything a little later."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from support import free_port, running

#: How much later, in each direction (seconds).
LATER = 0.01


@contextmanager
def far_away(target: int) -> Iterator[int]:
    """Yields the port at which the server on port `target` seems further away."""
    port = free_port()
    with running(_serve, port, target):
        time.sleep(0.5)
        yield port


def trip(port: int) -> float:
    """Milliseconds of a PING, the median of some."""
    took: list[float] = []
    with redis.Redis(port=port) as client:
        for _ in range(20):
            began = time.perf_counter()
            client.ping()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _serve(port: int, target: int) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_carry(reader, their_writer), _carry(their_reader, writer))

    async def serve() -> None:
        async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
            await server.serve_forever()

    asyncio.run(serve())


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(262_144):
        loop.call_later(LATER, writer.write, data)
    loop.call_later(LATER, writer.close)
