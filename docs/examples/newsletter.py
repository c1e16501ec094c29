import asyncio
from typing import Any

from arqboard import Backoff, connect, current, task


class MailServerBusy(Exception):
    """Try again later."""


@task(max_tries=5, retry_on=(MailServerBusy, OSError), backoff=Backoff(base=2, cap=300), timeout=60)
async def send_newsletter(ctx: dict[str, Any], list_id: int, subject: str = "News") -> int:
    """Send the newsletter to a list; returns how many mails went out."""
    for number in range(1, 101):
        await current()(number, 100, unit="mails")
    return 100


class WorkerSettings:
    functions = [send_newsletter]


async def main(redis_url: str) -> None:
    board = await connect(redis_url)
    handle = await send_newsletter.submit(list_id=7)
    print(f"{await handle.result(timeout=60)} mails sent")
    later = await send_newsletter.options(defer_by=3600, priority=5).submit(list_id=8, subject="Good evening")
    print(await later.status())
    await later.abort()
    await board.close()


if __name__ == "__main__":
    asyncio.run(main("redis://127.0.0.1:6379/0"))
