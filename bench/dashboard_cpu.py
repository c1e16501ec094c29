"""What the dashboard computes for each job that ends while people look at the list.

    python bench/dashboard_cpu.py [--rounds 3] [--seconds 10] [--rate 100] [--viewers 0 1 10]

Jobs that report progress once arrive evenly and end on a worker; `arqboard dashboard` has a process of its own, and
that process' user and system time is divided by the jobs. Viewers do over HTTP and WebSocket what the list does in a
browser: watch its elements, acknowledge every frame, and fetch the list again, once a second at most, when they are
told that others are on top. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

from arq.connections import ArqRedis, RedisSettings, create_pool
from support import cpu_of, dashboard, embedded_server, running, show_table, until
from viewer import look_on

from arqboard import Worker, current
from arqboard.protocol import Query, Reader, State
from arqboard.protocol.commands import Commands
from arqboard.submitting import find_function, submit

WARM_UP = 3.0


async def resize(ctx: dict[str, Any], number: int) -> int:
    """Half done, and done."""
    await current()(1, 2, unit="pictures")
    await asyncio.sleep(0.05)
    return number


def work(port: int) -> None:
    Worker(functions=[resize], max_jobs=50, redis_settings=RedisSettings(port=port)).run()


async def stream(pool: ArqRedis, seconds: float, rate: float) -> int:
    """Submit evenly. Returns how many jobs that were."""
    commands, reader = Commands(pool), Reader(pool)
    info = find_function(await reader.functions(), "resize")
    began, sent = time.monotonic(), 0
    while (due := began + sent / rate) < began + seconds:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await submit(commands, info, [sent], {})
        sent += 1
    return sent


async def measure(port: int, pid: int, seconds: float, rate: float) -> tuple[float, float]:
    """Milliseconds of CPU for each job, and the share of a core."""
    pool = await create_pool(RedisSettings(port=port))
    reader = Reader(pool)
    await until(reader.functions)
    jobs = await stream(pool, WARM_UP, rate)
    cpu, began = cpu_of(pid), time.monotonic()
    more = await stream(pool, seconds, rate)
    used, took = cpu_of(pid) - cpu, time.monotonic() - began

    async def all_ended() -> bool:
        return (await reader.page(Query(State.SUCCEEDED))).total == jobs + more

    await until(all_ended)
    await pool.aclose()
    return used / more * 1000, used / took * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--viewers", type=int, nargs="+", default=[0, 1, 10])
    options = parser.parse_args()
    seen: dict[int, list[tuple[float, float]]] = {viewers: [] for viewers in options.viewers}
    for _ in range(options.rounds):
        for viewers, rounds in seen.items():
            with (
                embedded_server() as port,
                running(work, port),
                dashboard(port) as board,
                running(look_on, board.url(""), viewers),
            ):
                rounds.append(asyncio.run(measure(port, board.pid, options.seconds, options.rate)))
    show_table(
        ["viewers", "dashboard CPU ms/job", "% of a core"],
        [
            [str(viewers), *(f"{statistics.median(column):.2f}" for column in zip(*rounds, strict=True))]
            for viewers, rounds in seen.items()
        ],
    )
    print(f"\nAt {options.rate:g} jobs a second.")


if __name__ == "__main__":
    main()
