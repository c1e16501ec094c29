"""Fills a server with finished jobs quickly: real jobs run once, then are copied by a script inside the server.

A few functions run on a real worker, in every way a job can end. Each copy gets the whole record of one of them, with
an id, times and a position of its own, and its entries are written by the very Lua functions that the verbs use
(`_tail.lua`). `check` compares a copy with its model in every key that knows the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from arq.connections import RedisSettings, create_pool
from arq.worker import func

from arqboard import Worker, chunks, current
from arqboard.protocol import Keys, Query, Reader
from arqboard.protocol.commands import Commands
from arqboard.protocol.scripts import source
from arqboard.submitting import find_function, submit

#: Jobs copied in one call of the script.
BATCH = 500
#: Between two jobs of the history (ms), so that a million reaches back over a day.
EVERY_MS = 100
TIMES = ("enqueued", "run_at", "started", "ended", "reported", "base_at", "mid_at")
OWN = {*TIMES, "position", "version", "nonce", "token"}

COPY = """
-- ARGV  1 prefix  2 first number  3 how many  4 ms between two  5 how many names of times follow  then those names,
--       then ids of jobs to copy in turns
local names, models = {}, {}
for i = 6, 5 + ARGV[5] do names[#names + 1] = ARGV[i] end
for i = 6 + ARGV[5], #ARGV do
  local flat, job = redis.call('HGETALL', job_key(ARGV[i])), {}
  for n = 1, #flat, 2 do job[flat[n]] = flat[n + 1] end
  models[#models + 1] = { id = ARGV[i], job = job, payload = redis.call('GET', prefix .. 'payload:' .. ARGV[i]),
    marks = redis.call('GET', prefix .. 'chunks:' .. ARGV[i]) }
end
for n = tonumber(ARGV[2]), ARGV[2] + ARGV[3] - 1 do
  local model = models[n % #models + 1]
  local id = string.format('%08x%s', n, string.sub(model.id, 9))
  local job, fields = setmetatable({}, { __index = model.job }), {}
  for _, name in ipairs(names) do job[name] = model.job[name] and model.job[name] - n * ARGV[4] end
  job.version = next_position(id)
  job.position = model.job.position and job.version
  for name in pairs(model.job) do fields[#fields + 1] = name; fields[#fields + 1] = job[name] end
  redis.call('HSET', job_key(id), unpack(fields))
  index(job.state, job.queue, job['function'], job.ended, id)
  index('*', job.queue, job['function'], job.enqueued, id)
  zadd(prefix .. 'ended', job.ended, id)
  if job.state == 'failed' then
    zadd(group_of('fingerprint', job.fingerprint).jobs, job.ended, id)
    zadd(group_of('exception', job.error_type).jobs, job.ended, id)
  end
  if model.payload then redis.call('SET', prefix .. 'payload:' .. id, model.payload) end
  if model.marks then redis.call('SET', prefix .. 'chunks:' .. id, model.marks) end
end
announce()
"""


async def send_email(ctx: dict[str, Any], user_id: int, template: str = "welcome") -> str:
    return f"sent {template} to user {user_id}"


async def send_newsletter(ctx: dict[str, Any], campaign: str) -> int:
    async for chunk in chunks(range(500), size=100, unit="mails"):
        assert chunk.number
    return 500


async def make_report(ctx: dict[str, Any], month: str, notify: bool = True) -> dict[str, Any]:
    await current()(12, 12, unit="pages", note="done")
    return {"month": month, "pages": 12, "file": f"reports/{month}.pdf"}


async def fetch_page(ctx: dict[str, Any], url: str) -> None:
    raise ConnectionError(f"{url} answered 503 Service Unavailable")


BODIES = (send_email, send_newsletter, make_report, fetch_page)
FUNCTIONS = [func(body, name=body.__name__, max_tries=1) for body in BODIES]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("send_email", {"user_id": 4711}),
    ("send_newsletter", {"campaign": "autumn"}),
    ("send_email", {"user_id": 4712, "template": "invoice"}),
    ("make_report", {"month": "2026-10"}),
    ("send_email", {"user_id": 4713}),
    ("fetch_page", {"url": "https://example.com/prices"}),
]


async def fill(port: int, jobs: int) -> None:
    """Leave that many finished jobs behind, six of them real."""
    pool = await create_pool(RedisSettings(port=port))
    models = await _run_models(pool, port)
    script = pool.register_script(_tail() + COPY)
    prefix = Keys().prefix
    for first in range(1, jobs - len(models) + 1, BATCH):
        count = min(BATCH, jobs - len(models) + 1 - first)
        await script(args=[prefix, first, count, EVERY_MS, len(TIMES), *TIMES, *models])
    await check(pool, models)
    assert (await Reader(pool).page(Query())).total == jobs
    await pool.aclose()


async def _run_models(pool: Any, port: int) -> list[str]:
    """Run each call on a real worker. Returns the ids of the jobs."""
    logging.getLogger("arq.worker").setLevel(logging.CRITICAL)  # one of the jobs is made to fail
    worker = Worker(FUNCTIONS, redis_settings=RedisSettings(port=port), burst=True, handle_signals=False)
    await worker.main()
    functions, commands = await Reader(pool).functions(), Commands(pool)
    ids = [(await submit(commands, find_function(functions, name), [], kwargs)).job_id for name, kwargs in CALLS]
    await worker.main()
    await worker.close()
    return ids


def _tail() -> str:
    return source("_tail")


async def check(pool: Any, models: Sequence[str]) -> None:
    """Each model and a copy of it have the same fields, and are in the same sets."""
    keys = Keys()
    sets = [key async for key in pool.scan_iter(f"{keys.prefix}*", _type="zset")]
    assert sets
    for n, model in enumerate(models):
        number = n or len(models)
        copy = f"{number:08x}{model[8:]}"
        old, new = await asyncio.gather(pool.hgetall(keys.job(model)), pool.hgetall(keys.job(copy)))
        assert old.keys() == new.keys(), old.keys() ^ new.keys()
        assert all(new[name] == value for name, value in old.items() if name.decode() not in OWN)
        for key in sets:
            assert (await pool.zscore(key, model) is None) == (await pool.zscore(key, copy) is None), key
        for kind in (keys.payload, keys.chunks):
            assert await pool.get(kind(model)) == await pool.get(kind(copy))
