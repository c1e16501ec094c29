from collections.abc import Sequence
from typing import Any

from aiohttp import ClientSession

from arqboard import chunks


class NotPublished(Exception):
    """Some prices did not reach the shop."""


async def publish_prices(ctx: dict[str, Any], shop: str, prices: dict[str, float]) -> int:
    """Send prices to a shop, a hundred per request and four requests at once."""
    async with ClientSession(raise_for_status=True) as session:

        async def send(batch: Sequence[tuple[str, float]]) -> None:
            async with session.put(shop, json=dict(batch)):
                pass  # raised, if the shop said no

        summary = await chunks.each(
            send, sorted(prices.items()), size=100, concurrency=4, on_error="continue", unit="prices"
        )
    if summary.failed:
        raise NotPublished(f"{summary.failed} of {summary.total} requests failed: {summary.errors}")
    return len(prices)
