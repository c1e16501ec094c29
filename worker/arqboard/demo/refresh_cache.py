"""Fetch what pages show and keep it in a file. The worker's settings run it every half hour."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from arqboard import Backoff, task

from .files import write_whole


@task(max_tries=5, retry_on=(ClientError, TimeoutError), backoff=Backoff(base=1, cap=60), timeout=60, expires=1800)
async def refresh_cache(ctx: dict[str, Any]) -> dict[str, Any]:
    """Fetch today's prices into a file.

    Readers see the old file or the new one, never a half. A run that could not start within half an hour is dropped,
    since the next one is due by then.
    """
    async with (
        ClientSession(ctx["website"], raise_for_status=True, timeout=ClientTimeout(total=20)) as session,
        session.get("/prices.json") as answer,
    ):
        prices: dict[str, int] = await answer.json()
    path: Path = ctx["data"] / "cache" / "prices.json"
    changed = await asyncio.to_thread(replace, path, prices)
    return {"file": path.name, "prices": len(prices), "changed": changed}


def replace(path: Path, prices: dict[str, int]) -> list[str]:
    """Write the file, and return what is new or other than before."""
    before: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
    write_whole(path, lambda file: file.write(json.dumps(prices, indent=1).encode()))
    return [name for name, cents in prices.items() if before.get(name) != cents]
