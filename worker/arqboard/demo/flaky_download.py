"""Download a file from a server that breaks off, and try again later each time."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Annotated, Any

from aiohttp import ClientError, ClientSession
from pydantic import Field

from arqboard import Retry, current

from .files import write_whole

logger = logging.getLogger(__name__)


async def flaky_download(
    ctx: dict[str, Any],
    kilobytes: Annotated[int, Field(ge=1, le=100_000)] = 8_000,
    failures: Annotated[int, Field(ge=0, le=10)] = 2,
    seconds: Annotated[float, Field(ge=0, le=600)] = 6,
) -> dict[str, Any]:
    """Download a file over a bad line.

    The server breaks off in the middle of the first `failures` tries; each time the task asks to be tried
    again after twice as long. The whole file takes `seconds`.
    """
    size, attempt = kilobytes * 1000, ctx["job_try"]
    url = f"{ctx['site']}/survey.bin?size={size}&seconds={seconds}&broken={int(attempt <= failures)}"
    try:
        content = await download(url)
    except ClientError as error:
        logger.warning("try %s broke off: %s", attempt, type(error).__name__)
        raise Retry(defer=2 ** (attempt - 1)) from error
    path: Path = write_whole(ctx["data"] / f"survey-{size}.bin", lambda file: file.write(content))
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "bytes": size, "sha256": digest, "tries": attempt}


async def download(url: str) -> bytes:
    progress, content = current(), bytearray()
    async with ClientSession(raise_for_status=True) as session, session.get(url) as answer:
        logger.info("the server has %s bytes", answer.content_length)
        async for block in answer.content.iter_any():
            content += block
            await progress(len(content), answer.content_length, unit="bytes")
    return bytes(content)
