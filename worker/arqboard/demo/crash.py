"""Kill the worker in the middle of a chunk, to see what becomes of the job."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from arqboard import chunks


async def crash(
    ctx: dict[str, Any],
    after: Annotated[float, Field(ge=0, le=600)] = 4,
    steps: Annotated[int, Field(ge=1, le=1000)] = 20,
    crashes: Annotated[int, Field(ge=0, le=10)] = 1,
) -> str:
    """Kill its own worker, as an operating system short of memory does.

    The first `crashes` attempts end with SIGKILL after so many seconds. The job starts again on a new worker,
    at the step it was at. A job that has killed three workers is not started again.
    """
    clock = asyncio.get_running_loop().time
    deaths = Deaths(ctx["data"], ctx["job_id"])
    started = clock()
    async for chunk in chunks(range(steps), size=1, unit="steps"):
        await asyncio.sleep(0.4)
        if deaths.count < crashes and (clock() - started >= after or chunk.number == steps):
            deaths.add_one()
            os.kill(os.getpid(), signal.SIGKILL)
    return f"{steps} steps done, {deaths.count} workers killed"


class Deaths:
    """How often a job has killed its worker. It is kept in a file, since the worker's memory is gone."""

    def __init__(self, folder: Path, job_id: str) -> None:
        self._file = folder / f"deaths-{hashlib.sha256(job_id.encode()).hexdigest()[:16]}"

    @property
    def count(self) -> int:
        return self._file.stat().st_size if self._file.exists() else 0

    def add_one(self) -> None:
        with self._file.open("ab") as file:
            file.write(b"x")
