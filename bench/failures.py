"""What the verbs cost Redis when jobs end: successes, failures of one fault and of many, and their retry.

Microseconds of the server's own time for each job, as it counts them itself, so a busy machine between client and
server changes little. Each round is a fresh start; the median of the rounds is told. It also runs with an older version
on the PYTHONPATH, to compare the lines.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from support import embedded_server, show_table

from arqboard.protocol import Outcome
from arqboard.protocol.commands import MAX_BATCH, Claimed, Commands, Ended, Submission

QUEUE = "arq:queue"
JOBS = 2_000
KEEP: dict[str, int] = {"keep_jobs": 10**6, "keep_jobs_ms": 10**12}


def ended(attempt: Claimed, number: int, faults: int) -> Ended:
    """A success without faults, else a failure of one of so many."""
    if faults == 0:
        return Ended(attempt.job_id, attempt.token, Outcome.SUCCEEDED, result=b"x" * 60, keep_result_ms=60_000)
    place = number % faults
    told: dict[str, Any] = {"frame": f"shop.tasks:step_{place}"} if "frame" in Ended.__slots__ else {}
    return Ended(
        attempt.job_id, attempt.token, Outcome.FAILED, result=b"x" * 60, keep_result_ms=60_000,
        error_type="ConnectionError", error=f"host {number} is away", traceback="t" * 800, **told,
    )  # fmt: skip


async def spent_us(redis: Any) -> float:
    """What all scripts have cost so far."""
    stats = await redis.info("commandstats")
    return float(sum(stats.get(f"cmdstat_{name}", {}).get("usec", 0) for name in ("evalsha", "eval")))


async def all_claimed(commands: Commands) -> list[Claimed]:
    """The jobs of a round, as a worker has them."""
    attempts: list[Claimed] = []
    while len(attempts) < JOBS:
        attempts += (await commands.claim(QUEUE, "w", MAX_BATCH, lease_ms=10**6, max_crashes=3)).jobs
    return attempts


async def one_round(redis: Any, commands: Commands, faults: int) -> tuple[float, float]:
    """µs for each job of finish, and of retry where jobs failed."""
    await redis.flushall()
    submissions = [Submission("work", QUEUE, b"p" * 100, job_id=f"j{n}") for n in range(JOBS)]
    await commands.submit_many(submissions)
    attempts = await all_claimed(commands)
    ends = [ended(attempt, number, faults) for number, attempt in enumerate(attempts)]
    before = await spent_us(redis)
    for start in range(0, JOBS, MAX_BATCH):
        await commands.finish(ends[start : start + MAX_BATCH], **KEEP)
    between = await spent_us(redis)
    if faults:
        await commands.retry_many([attempt.job_id for attempt in attempts])
    after = await spent_us(redis)
    return (between - before) / JOBS, (after - between) / JOBS


async def measure(port: int, rounds: int) -> list[Sequence[str]]:
    redis = Redis(port=port)
    commands = Commands(redis)
    rows: list[Sequence[str]] = []
    for name, faults in (("succeeded", 0), ("failed, one fault", 1), ("failed, 100 faults", 100)):
        found = [await one_round(redis, commands, faults) for _ in range(rounds)]
        finish, retry = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append((name, f"{finish:.1f}", f"{retry:.1f}" if faults else "–"))
    await redis.aclose()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with embedded_server() as port:
        rows = asyncio.run(measure(port, given.rounds))
    show_table(("jobs that", "finish, µs a job", "retry, µs a job"), rows)


if __name__ == "__main__":
    main()
