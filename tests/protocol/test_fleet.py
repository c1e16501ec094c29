"""What became of the jobs of a lost worker."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import ArqKeys, Keys, Reader
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.fleet import read_leases, read_taken

QUEUE = "arq:queue"


async def claim(commands: Commands, worker: str, lease_ms: int = 10_000) -> list[str]:
    found = await commands.claim(QUEUE, worker, 10, lease_ms=lease_ms, max_crashes=3)
    return [claimed.job_id for claimed in found.jobs]


async def lose(redis: Any, *job_ids: str) -> None:
    """Their leases are over."""
    for job_id in job_ids:
        await redis.delete(ArqKeys.in_progress(job_id))
        await redis.zadd(QUEUE, {job_id: 1})


async def test_a_job_that_is_taken_over_is_listed_with_the_worker_that_lost_it(
    commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    await commands.submit(Submission("send", QUEUE, b"p", job_id="a"))
    assert await claim(commands, "old") == ["a"]
    until = (await read_leases(redis, {"a": QUEUE, "none": QUEUE}))["a"]
    assert 0 < until - await reader.now_ms() <= 10_000
    assert await read_taken(redis, keys, ["old"]) == {"old": []}

    await lose(redis, "a")
    assert await claim(commands, "new") == ["a"]
    [taken] = (await read_taken(redis, keys, ["old"]))["old"]
    assert (taken.job_id, taken.function, taken.by) == ("a", "send", "new")
    assert 0 <= await reader.now_ms() - taken.at < 60_000
    assert 0 < await redis.ttl(keys.taken("old")) <= 3600


async def test_of_many_jobs_the_newest_are_listed(commands: Commands, redis: Any, keys: Keys) -> None:
    for n in range(260):
        await commands.submit(Submission("send", QUEUE, b"p", job_id=f"j{n:03}"))
    ids = [i for _ in range(26) for i in await claim(commands, "old")]
    await lose(redis, *ids)
    for _ in range(26):
        await claim(commands, "new")
    assert await redis.llen(keys.taken("old")) == 200
    found = await read_taken(redis, keys, ["old"], limit=3)
    assert [taken.job_id for taken in found["old"]] == ["j259", "j258", "j257"]


async def test_what_cannot_be_read_is_left_out(redis: Any, keys: Keys) -> None:
    await redis.set(keys.taken("text"), "no list")
    await redis.rpush(keys.taken("old"), "{", "[]", '{"job": "a", "function": "f", "by": "w", "at": 5}', '{"job": 1}')
    found = await read_taken(redis, keys, ["text", "old"])
    assert found["text"] == [] and [taken.job_id for taken in found["old"]] == ["a"]


async def test_a_worker_whose_record_has_expired_is_not_shown(redis: Any, keys: Keys, reader: Reader) -> None:
    await redis.zadd(keys.workers, {"gone": await reader.now_ms()})
    assert await reader.workers() == []
