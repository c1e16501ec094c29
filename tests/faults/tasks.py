"""A worker of its own process, for tests that kill it: `python tasks.py REDIS_URL HISTORY`.

Each chunk that runs is written to a local file, not through Redis, so a test can tell what really happened.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from arq.connections import RedisSettings

from arqboard import chunks, run_worker

HISTORY = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(os.devnull)


def note(*words: object) -> None:
    with HISTORY.open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


async def count(ctx: dict[str, Any], total: int, pause: float) -> int:
    """Do `total` chunks, one after the other."""
    async for chunk in chunks(range(total), size=1, unit="steps"):
        note("chunk", ctx["job_id"], chunk.number - 1, os.getpid())
        await asyncio.sleep(pause)
    note("end", ctx["job_id"], os.getpid())
    return total


async def quick(ctx: dict[str, Any], n: int) -> int:
    note("quick", ctx["job_id"], os.getpid())
    await asyncio.sleep(0.01)
    return n


class WorkerSettings:
    functions = [count, quick]
    max_jobs = 20
    poll_delay = 0.1
    redis_settings = RedisSettings.from_dsn(sys.argv[1]) if len(sys.argv) > 1 else None


if __name__ == "__main__":
    run_worker(WorkerSettings)
