"""No-op jobs per second of one worker process: stock arq, ours, and ours with recording off, in the same run.

    python bench/throughput.py [--jobs 5000] [--rounds 3]

Jobs are queued before the clock starts; it runs from the first to the last job inside the worker process. CPU is
user and system time of the worker process and of Redis over the same span. "Recording off" is our worker with
verbs that only touch arq's own keys (no record, no index, no counters, no announcement): what recording costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import arq.worker
import redis
import redis.asyncio
from arq.connections import RedisSettings
from support import embedded_server, show_table

from arqboard import Worker
from arqboard.protocol.commands import Claim, Claimed, Commands, Submission

MODES = ("stock 10", "stock 100", "ours 10", "ours 100", "unrecorded 100", "ours 100 5ms", "unrecorded 100 5ms")

LEAN_CLAIM = """
local clock = redis.call('TIME'); local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local out = {}
for _, id in ipairs(redis.call('ZRANGE', ARGV[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  if redis.call('SET', 'arq:in-progress:' .. id, ARGV[2], 'NX', 'PX', ARGV[3]) then
    redis.call('ZADD', ARGV[1], 'XX', now + ARGV[3], id)
    local try = redis.call('INCR', 'arq:retry:' .. id)
    redis.call('EXPIRE', 'arq:retry:' .. id, 88400)
    out[#out + 1] = { id, redis.call('GET', 'arq:job:' .. id) or '', try }
  end
end
return out"""
LEAN_FINISH = """
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('GET', 'arq:in-progress:' .. id) == ARGV[2] then
    redis.call('SET', 'arq:result:' .. id, ARGV[i + 1], 'PX', 3600000)
    redis.call('ZREM', ARGV[1], id); redis.call('ZREM', 'arq:abort', id)
    redis.call('DEL', 'arq:in-progress:' .. id, 'arq:retry:' .. id, 'arq:job:' .. id)
  end
end"""


async def noop(ctx: dict[str, Any]) -> None:
    return None


async def short(ctx: dict[str, Any]) -> None:
    await asyncio.sleep(0.005)


class Unrecorded(Commands):
    """The same batches, arq's keys only."""

    async def claim(
        self, queue: str, worker: str, want: int, *, lease_ms: int, max_crashes: int, takes_suspect: bool = True
    ) -> Claim:
        rows = await self._lean(LEAN_CLAIM, queue, "w", lease_ms, want)
        return Claim([Claimed(i.decode(), p, "w", t, 0, False, False, 0, 0, 0, "", 0) for i, p, t in rows], [])

    async def finish(self, ended: Any, *, keep_jobs: int, keep_jobs_ms: int) -> list[bool]:
        await self._lean(LEAN_FINISH, "arq:queue", "w", *(part for e in ended for part in (e.job_id, e.result)))
        return [True] * len(ended)

    async def _lean(self, text: str, *args: Any) -> Any:
        return await self._redis.register_script(text)(args=list(args))


class UnrecordedWorker(Worker):
    async def _start_duties(self) -> None:
        await super()._start_duties()
        self.commands = self.outbox._commands = Unrecorded(self.pool, self.commands.keys)

    async def _housekeep(self) -> None:
        """No records for what waits."""
        await asyncio.Event().wait()


async def fill(port: int, jobs: int, function: str, *, recorded: bool) -> None:
    client: Any = redis.asyncio.Redis(port=port)
    await client.flushall()
    payload = pickle.dumps({"t": None, "f": function, "a": (), "k": {}, "et": int(time.time() * 1000)})
    if recorded:
        commands = Commands(client)
        for start in range(0, jobs, 100):
            some = [Submission(function, "arq:queue", payload) for _ in range(start, min(jobs, start + 100))]
            await asyncio.gather(*(commands.submit(s) for s in some))
    else:
        pipe = client.pipeline(transaction=False)
        now = int(time.time() * 1000)
        for n in range(jobs):
            pipe.psetex(f"arq:job:j{n}", 86_400_000, payload)
            pipe.zadd("arq:queue", {f"j{n}": now})
        await pipe.execute()
    await client.aclose()


def work(port: int, mode: str, jobs: int) -> None:
    """In the worker process: run everything, print the figures."""
    kind, slots, *rest = mode.split()
    function = short if rest else noop
    cls: Any = {"stock": arq.worker.Worker, "ours": Worker, "unrecorded": UnrecordedWorker}[kind]
    settings = {"functions": [function], "max_jobs": int(slots), "redis_settings": RedisSettings(port=port)}
    first: list[tuple[float, float, float]] = []

    async def mark(ctx: Any) -> None:
        if not first:
            first.append((time.perf_counter(), _cpu(), _redis_cpu(port)))

    worker = cls(**settings, burst=True, on_startup=mark, log_results=False)
    worker.run()
    began, cpu, redis_cpu = first[0]
    took = time.perf_counter() - began
    assert worker.jobs_complete == jobs, worker.jobs_complete
    print(json.dumps([jobs / took, (_cpu() - cpu) / jobs * 1e6, (_redis_cpu(port) - redis_cpu) / jobs * 1e6]))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _redis_cpu(port: int) -> float:
    with redis.Redis(port=port) as client:
        info: Any = client.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def measure(port: int, mode: str, jobs: int) -> list[float]:
    function = "short" if mode.endswith("5ms") else "noop"
    asyncio.run(fill(port, jobs, function, recorded=mode.startswith("ours")))
    command = [sys.executable, __file__, "--work", mode, "--port", str(port), "--jobs", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    if options.work:
        work(options.port, options.work, options.jobs)
        return
    seen: dict[str, list[list[float]]] = {mode: [] for mode in MODES}
    with embedded_server() as port:
        for _ in range(options.rounds):
            for mode in MODES:
                jobs = min(options.jobs, 1000) if mode == "stock 10" else options.jobs
                seen[mode].append(measure(port, mode, jobs))
    medians = {m: [statistics.median(column) for column in zip(*rows, strict=True)] for m, rows in seen.items()}
    show_table(
        ["worker", "jobs/s", "× stock 10", "× stock 100", "worker µs/job", "Redis µs/job"],
        [
            [m, f"{v[0]:.0f}", f"{v[0] / medians['stock 10'][0]:.1f}", f"{v[0] / medians['stock 100'][0]:.1f}",
             f"{v[1]:.0f}", f"{v[2]:.0f}"]
            for m, v in medians.items()
        ],
    )  # fmt: skip
    for ours, bare in (("ours 100", "unrecorded 100"), ("ours 100 5ms", "unrecorded 100 5ms")):
        print(f"recording costs {(1 - medians[ours][0] / medians[bare][0]) * 100:.0f} % of jobs/s ({ours})")


if __name__ == "__main__":
    main()
