import asyncio
import sys

from arq import create_pool
from arq.connections import RedisSettings


async def main(redis_url: str, folder: str) -> None:
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    job = await pool.enqueue_job("compress_logs", folder, level=9)
    assert job is not None  # None: a job with this id exists already
    print(await job.result(timeout=60))
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
