"""From submitting a job to the first line of its body: ours beside stock arq, at about 30 jobs a second.

    python bench/submit_latency.py [--rounds 3] [--seconds 10] [--rate 30]

Jobs come at random (Poisson), to one idle worker process at its defaults. Each job carries the time at which its
submission began, and the first line of its body takes the difference: time.monotonic_ns is one clock for all
processes of a machine. So the call, its two trips over Redis and the start in the worker are all in the figure.
"ours" submits as the dashboard and its API do; "ours, enqueue_job" is code that still calls arq's own function.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

import arq.worker
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import Job
from support import SPAWN, embedded_server, percentile, running, show_table, typical, until

from arqboard import Worker
from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands
from arqboard.submitting import find_function, submit

WAYS = ("ours", "ours, enqueue_job", "stock arq")
WARM_UP = 5
Send = Callable[[int], Awaitable[Job | None]]

#: What the worker process has measured (ms), in the order of the starts.
took: list[float] = []


async def started(ctx: dict[str, Any], sent: int) -> None:
    took.append((time.monotonic_ns() - sent) / 1e6)


def work(port: int, way: str, results: Connection) -> None:
    """The worker process. It tells what it measured when it is asked to stop."""

    async def tell(ctx: dict[str, Any]) -> None:
        results.send(took[WARM_UP:])

    cls: Any = arq.worker.Worker if way == "stock arq" else Worker
    cls(functions=[started], redis_settings=RedisSettings(port=port), on_shutdown=tell).run()


async def sender(pool: ArqRedis, way: str) -> Send:
    """The call to be measured. Waits for the worker, so that it is up and every connection is warm."""

    async def by_arq(sent: int) -> Job | None:
        return await pool.enqueue_job("started", sent)

    for _ in range(WARM_UP):
        job = await by_arq(time.monotonic_ns())
        assert job is not None
        await job.result(timeout=30, poll_delay=0.05)
    if way != "ours":
        return by_arq
    commands = Commands(pool)
    info = find_function(await Reader(pool).functions(), "started")

    async def by_submit(sent: int) -> Job | None:
        return Job((await submit(commands, info, [sent], {})).job_id, pool)

    await by_submit(time.monotonic_ns())
    return by_submit


async def stream(port: int, way: str, seconds: float, rate: float) -> None:
    """Submit at random times, then wait until everything has run."""
    pool = await create_pool(RedisSettings(port=port))
    send = await sender(pool, way)
    due = time.monotonic()
    end = due + seconds
    while (due := due + random.expovariate(rate)) < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await send(time.monotonic_ns())
    await until(lambda: _is_empty(pool), every=0.05)
    await pool.aclose()


async def _is_empty(pool: ArqRedis) -> bool:
    return not await pool.zcard("arq:queue")


def measure(way: str, seconds: float, rate: float) -> list[float]:
    receiving, sending = SPAWN.Pipe(duplex=False)
    with embedded_server() as port:
        with running(work, port, way, sending):
            asyncio.run(stream(port, way, seconds, rate))
        if not receiving.poll(10):
            raise RuntimeError("the worker ended without its figures")
        figures: list[float] = receiving.recv()
    return figures[1:] if way == "ours" else figures  # the first submit loads the script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=30.0)
    options = parser.parse_args()
    seen: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            seen[way].append(measure(way, options.seconds, options.rate))
    show_table(
        ["submit → start, ms", "jobs", "p50", "p90", "p99", "max"],
        [
            [way, str(sum(map(len, rounds))), *(f"{typical(rounds, share):.1f}" for share in (0.5, 0.9, 0.99)),
             f"{max(percentile(values, 1) for values in rounds):.1f}"]
            for way, rounds in seen.items()
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
