"""What tags cost Redis: jobs submitted, and jobs that the history lets go, with no tag, one and three.

Microseconds of the server's own time for each job, as it counts them itself. Each job has one tag that all share and
others of its own, which is what `import` and `customer:42` come to. Each round is a fresh start; the median is told.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from typing import Any

from failures import JOBS, KEEP, QUEUE, all_claimed, ended, spent_us
from redis.asyncio import Redis
from support import embedded_server, show_table

from arqboard.protocol.commands import MAX_BATCH, Commands, Submission


def tags_of(number: int, count: int) -> tuple[str, ...]:
    return ("import", f"customer:{number}", f"shop:{number % 50}")[:count]


async def one_round(redis: Any, commands: Commands, count: int, *, others: int) -> tuple[float, float]:
    """µs for each job of submit, and of deleting it. `others` are untagged jobs; one of them is tagged, so that the
    verbs know that there are tags."""
    await redis.flushall()
    if others:
        await commands.submit(Submission("work", "elsewhere", b"p", tags=("import",)))
    calls = [Submission("work", QUEUE, b"p" * 100, job_id=f"j{n}", tags=tags_of(n, count)) for n in range(JOBS)]
    before = await spent_us(redis)
    await commands.submit_many(calls)
    between = await spent_us(redis)
    attempts = await all_claimed(commands)
    await commands.finish([ended(a, n, 0) for n, a in enumerate(attempts)], **KEEP)
    start = await spent_us(redis)
    ids = [attempt.job_id for attempt in attempts]
    for first in range(0, JOBS, MAX_BATCH):
        await commands.discard_each(ids[first : first + MAX_BATCH])
    return (between - before) / JOBS, (await spent_us(redis) - start) / JOBS


async def measure(port: int, rounds: int) -> list[Sequence[str]]:
    redis = Redis(port=port)
    commands = Commands(redis)
    rows: list[Sequence[str]] = []
    cases = (("no tag, nobody uses tags", 0, 0), ("no tag, others use them", 0, 1), ("one tag", 1, 1), ("three", 3, 1))
    for name, count, others in cases:
        found = [await one_round(redis, commands, count, others=others) for _ in range(rounds)]
        submit, delete = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append((name, f"{submit:.1f}", f"{delete:.1f}"))
    await redis.aclose()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with embedded_server() as port:
        rows = asyncio.run(measure(port, given.rounds))
    show_table(("jobs with", "submit, µs a job", "delete, µs a job"), rows)


if __name__ == "__main__":
    main()
