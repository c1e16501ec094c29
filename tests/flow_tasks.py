"""The worker of the workflow tests: `python flow_tasks.py REDIS_URL HISTORY`. What runs is written to a local file."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from arq.connections import RedisSettings

from arqboard import run_worker, task

HISTORY = Path(sys.argv[2] if __name__ == "__main__" else os.devnull)


def note(*words: object) -> None:
    with HISTORY.open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


@task(name="member")
async def member(ctx: dict[str, Any], n: int) -> int:
    note("member", ctx["job_id"], os.getpid())
    await asyncio.sleep(0.1)
    return n


@task(name="step")
async def step(ctx: dict[str, Any], before: list[int], n: int) -> list[int]:
    note("step", ctx["job_id"], os.getpid())
    await asyncio.sleep(0.1)
    return [*before, n]


@task(name="callback")
async def callback(ctx: dict[str, Any], results: list[int]) -> list[int]:
    note("callback", ctx["job_id"], os.getpid())
    return results


class WorkerSettings:
    functions = [member, step, callback]
    max_jobs = 20
    poll_delay = 0.1
    arqboard = {"lease": 1.5, "heartbeat": 0.4, "max_crashes": 25}  # each job outlives as many kills as there are


if __name__ == "__main__":
    run_worker(WorkerSettings, redis_settings=RedisSettings.from_dsn(sys.argv[1]))
