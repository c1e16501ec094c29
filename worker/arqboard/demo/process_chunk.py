"""One chunk of a larger piece of work, as a job of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from typing import Annotated, Any

from pydantic import Field

from arqboard import current, task

logger = logging.getLogger(__name__)

BLOCKS, BLOCK = 20, 500_000


@task
async def process_chunk(
    ctx: dict[str, Any],
    chunk_id: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.1,
) -> int:
    """Process a chunk: make ten megabytes of data and compute their checksum.

    Returns its number. `pause` is slept after each of twenty blocks. Ten of them and `finalize` make a chord.
    """
    progress, digest, rng = current(), hashlib.sha256(), random.Random(chunk_id)
    for number in range(1, BLOCKS + 1):
        await asyncio.to_thread(lambda: digest.update(rng.randbytes(BLOCK)))
        await progress(number, BLOCKS, unit="blocks")
        await asyncio.sleep(pause)
    logger.info("chunk %s has the checksum %s", chunk_id, digest.hexdigest())
    return chunk_id
