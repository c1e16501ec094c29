"""Upload a file by HTTP PUT."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import Field

from arqboard import Backoff, current, task

from .paths import inside
from .photographs import take_photograph

BLOCK = 64 * 1024


@task(max_tries=3, retry_on=(ClientError, TimeoutError), backoff=Backoff(base=1), timeout=300)
async def upload_file(ctx: dict[str, Any], path: Annotated[str, Field(max_length=500)] = "") -> dict[str, Any]:
    """Upload a file to the demo's own website and return its address.

    Without a path it is one of the demo's photographs. A path is relative to the demo's folder and can't leave it.
    """
    source = await asyncio.to_thread(find, ctx["data"], path)
    size = source.stat().st_size
    url = f"{ctx['website']}/uploads/{source.name}"
    async with (
        ClientSession(raise_for_status=True, timeout=ClientTimeout(total=120)) as session,
        session.put(url, data=blocks(source, size), headers={"Content-Length": str(size)}),
    ):
        return {"url": url, "bytes": size}


def find(folder: Path, path: str) -> Path:
    return inside(folder, path) if path else take_photograph(folder / "photographs", 1)


async def blocks(source: Path, size: int) -> AsyncIterator[bytes]:
    """The file, told as progress while the connection takes it."""
    progress, sent = current(), 0
    with source.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
            sent += len(block)
            await progress(sent, size, unit="bytes")
