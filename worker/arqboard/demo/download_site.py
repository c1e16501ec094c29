"""A small web server inside the worker that serves a file slowly and, asked to, breaks off in the middle."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

BLOCKS = 40


class DownloadSite:
    """`GET /<name>?size=<bytes>&seconds=<for all of it>&broken=<1|0>` on a free port of this machine."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """The URL it answers at."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
            await _send(writer, int(query["size"]), float(query["seconds"]), query["broken"] == "1")
        writer.close()


async def _send(writer: asyncio.StreamWriter, size: int, seconds: float, is_broken: bool) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
    body = random.Random(size).randbytes(size)
    step = -(-size // BLOCKS)
    for start in range(0, size // 2 if is_broken else size, step):
        writer.write(body[start : start + step])
        await writer.drain()
        await asyncio.sleep(seconds / BLOCKS)
