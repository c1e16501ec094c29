"""Download a file into the demo's folder."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from pydantic import Field

from arqboard import Backoff, current, task

from .files import write_whole
from .paths import file_name, shown

MAX_BYTES = 50_000_000
DEFAULT = "/photographs/1.jpg"


class TooLarge(Exception):
    """The file is larger than what the demo takes."""


@task(max_tries=3, retry_on=(ClientError, TimeoutError), backoff=Backoff(base=1), timeout=300)
async def download_file(
    ctx: dict[str, Any],
    url: Annotated[str, Field(max_length=2000, pattern=r"^(https?://\S+)?$")] = "",
) -> str:
    """Download a file and return where it is.

    Without a URL it is a photograph from the demo's own website. The path is relative to the demo's folder, as
    `resize_image` and `upload_file` take it. A file of more than 50 MB is refused.
    """
    url = url or ctx["website"] + DEFAULT
    if not url.startswith(("http://", "https://")):
        raise ValueError(f'"{url[:200]}" is not an address that starts with http:// or https://')
    folder: Path = ctx["data"]
    target = folder / "downloads" / name_of(url)
    async with (
        ClientSession(raise_for_status=True, timeout=ClientTimeout(total=None, sock_read=30)) as session,
        session.get(url) as answer,
    ):
        content = await read(answer)
    await asyncio.to_thread(write_whole, target, lambda file: file.write(content))
    return shown(folder, target)


def name_of(url: str) -> str:
    """As the URL names it, with a mark of the URL: two sites may have files of one name."""
    return f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{file_name(url.partition('?')[0], 'download')}"


async def read(answer: ClientResponse) -> bytearray:
    """All of it, as long as it is not too large."""
    progress, content = current(), bytearray()
    async for block in answer.content.iter_chunked(64 * 1024):
        content += block
        if len(content) > MAX_BYTES:
            raise TooLarge(f"{answer.url} has more than {MAX_BYTES:,} bytes")
        await progress(len(content), answer.content_length, unit="bytes")
    return content
