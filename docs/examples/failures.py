import asyncio
import sys
from typing import Any

from arqboard import Backoff, connect, task
from arqboard.protocol import Job, Query, State


@task(max_tries=3, retry_on=(ConnectionError, TimeoutError), backoff=Backoff(base=5, cap=60))
async def deliver(ctx: dict[str, Any], address: str) -> str:
    """Hand a message over; wait about 5 and 10 seconds between tries."""
    if "@" not in address:
        raise ValueError(f"{address} is no address")
    return await hand_over(address)


async def hand_over(address: str) -> str:
    return f"delivered to {address}"


async def look_through_failures(redis_url: str) -> None:
    board = await connect(redis_url)
    page = await board.reader.page(Query(State.FAILED, function="deliver", limit=200))
    broken: list[str] = []
    for job in page.jobs:
        if isinstance(job, Job) and job.error and job.error.type == "ConnectionError":
            broken.append(job.id)
        elif isinstance(job, Job) and job.error:
            print(f"{job.id} {job.error} after {job.tries} tries")
            await deliver.options(retry_of=job.id).submit("postmaster@example.com")
    print(await board.commands.retry_many(broken), "retried")
    await board.close()


class WorkerSettings:
    functions = [deliver]


if __name__ == "__main__":
    asyncio.run(look_through_failures(*sys.argv[1:]))
