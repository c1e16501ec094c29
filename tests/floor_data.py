"""Queues, workers and schedules as Redis has them, for the tests of their pages."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import ArqKeys
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Claimed, Commands, Submission, renew_args
from arqboard.protocol.schedule import Spec
from arqboard.protocol.schedule_record import Definition
from arqboard.protocol.scripts import register

QUEUE = "arq:queue"


async def submit(commands: Commands, job_id: str, queue: str = QUEUE, function: str = "resize", **more: Any) -> None:
    await commands.submit(Submission(function, queue, b"p", job_id=job_id, **more))


async def claim(commands: Commands, worker: str = "w1", queue: str = QUEUE, want: int = 100) -> list[Claimed]:
    return (await commands.claim(queue, worker, want, lease_ms=10_000, max_crashes=3)).jobs


async def beat(redis: Client, commands: Commands, worker: str, queue: str = QUEUE, **record: Any) -> None:
    """A worker's heartbeat."""
    given = {"host": "host-1", "pid": 7, "queue": queue, "slots": 4, "running": "[]", "heartbeat": "2", **record}
    await register(redis, "renew")(
        args=renew_args(commands.keys, worker, queue, lease_ms=10_000, record=given, tokens={})
    )


async def fall_silent(redis: Client, commands: Commands, worker: str, seconds: float = 60) -> None:
    """The last that was heard of it is so long ago."""
    await redis.zincrby(commands.keys.workers, -seconds * 1000, worker)


async def end_lease(redis: Client, job_id: str, queue: str = QUEUE) -> None:
    await redis.delete(ArqKeys.in_progress(job_id))
    await redis.zadd(queue, {job_id: 1})


def definition(name: str, spec: Spec, function: str = "resize", **more: Any) -> Definition:
    return Definition(name, spec, Submission(function, QUEUE, b"p", kwargs='{"width": 3}'), **more)
