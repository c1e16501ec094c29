"""A worker for tests that kill it: `python bulk_tasks.py REDIS_URL HISTORY QUEUE`. What runs is written to a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from arq.connections import RedisSettings

from arqboard import run_worker


def note(*words: object) -> None:
    with Path(sys.argv[2]).open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


async def broken(ctx: dict[str, Any]) -> None:
    note("ran", ctx["job_id"], os.getpid())
    raise ValueError("still no")


class WorkerSettings:
    functions = [broken]
    max_jobs = 50
    max_tries = 1
    poll_delay = 0.1
    queue_name = sys.argv[3]
    redis_settings = RedisSettings.from_dsn(sys.argv[1])
    arqboard = {"lease": 2.0, "heartbeat": 0.3}


if __name__ == "__main__":
    run_worker(WorkerSettings)
