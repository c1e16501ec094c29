from typing import Any

from aiohttp import ClientError, ClientSession
from arq import func

from arqboard import Retry


async def fetch_rates(ctx: dict[str, Any], url: str) -> dict[str, float]:
    """Fetch today's exchange rates; wait 1, 2, 4 and 8 seconds between tries."""
    try:
        async with ClientSession(raise_for_status=True) as session, session.get(url) as answer:
            rates: dict[str, float] = await answer.json()
            return rates
    except ClientError as error:
        raise Retry(defer=2 ** (ctx["job_try"] - 1)) from error


class WorkerSettings:
    functions = [func(fetch_rates, max_tries=5, timeout=30)]
