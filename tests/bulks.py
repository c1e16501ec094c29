"""What the tests of bulk jobs share: jobs that have failed, and a bulk job as the dashboard submits it."""

from __future__ import annotations

from arqboard.protocol import Job, Outcome, Query, Reader, State
from arqboard.protocol.acting import Wish
from arqboard.protocol.bulk import Bulk, count
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.payload import encode_call

QUEUE = "arq:queue"


async def waiting(commands: Commands, number: int, function: str = "resize", queue: str = QUEUE) -> list[str]:
    """Jobs that wait, in the order they were submitted."""
    ids = [f"{function}-{n:05}" for n in range(number)]
    payload = encode_call(function, [], {})
    calls = [Submission(function=function, queue=queue, payload=payload, job_id=job_id) for job_id in ids]
    for answer in await commands.submit_many(calls):
        assert not isinstance(answer, Exception)
    return ids


async def failed(commands: Commands, number: int, function: str = "resize", queue: str = QUEUE) -> list[str]:
    """Jobs that have failed; nobody else may be at work in their queue."""
    ids = await waiting(commands, number, function, queue)
    left = number
    while left:
        claim = await commands.claim(queue, "w0", 500, lease_ms=60_000, max_crashes=3)
        ends = [Ended(a.job_id, a.token, Outcome.FAILED, error_type="ValueError", error="no") for a in claim.jobs]
        await commands.finish(ends, keep_jobs=10**6, keep_jobs_ms=10**9)
        left -= len(ends)
    return ids


async def order(commands: Commands, reader: Reader, wish: Wish, query: Query, queue: str = QUEUE) -> str:
    """Submit a bulk job, and return its id."""
    total = await count(reader, wish.action, query)
    asked = Bulk(wish, query, until=await reader.now_ms(), total=total)
    return (await commands.submit(asked.submission(queue))).job_id


async def ended(reader: Reader, job_id: str) -> Job | None:
    found = (await reader.many([job_id]))[0]
    return found if isinstance(found, Job) and found.state.is_terminal else None


async def in_state(reader: Reader, state: State, function: str = "resize") -> int:
    return (await reader.counts(function=function))[state]


async def attempts_of(redis: Client, reader: Reader, job_ids: list[str]) -> list[int]:
    """How often each has started."""
    raw = [await redis.hget(reader.keys.job(job_id), "attempt") for job_id in job_ids]
    return [int(number or 0) for number in raw]
