"""A page without a browser: it watches the list of jobs, acknowledges, and fetches the list anew when it is told to."""

from __future__ import annotations

import asyncio
import html
import json
import re
from dataclasses import dataclass, field

import aiohttp

#: As in static/live.js.
REFRESH_GAP = 1.0
_LIVE = re.compile(r'data-live="([^"]+)"(?: data-v="(\d+)")?')
_BUILD = re.compile(r'name="arqboard-build" content="([^"]*)"')


def live_of(page: str) -> dict[str, int]:
    """What a page shows, as it tells the server. Lists are on their first page."""
    shown = {html.unescape(key): int(version or 0) for key, version in _LIVE.findall(page)}
    return {key: 1 if key.startswith("list:") else version for key, version in shown.items()}


def hello_of(page: str) -> bytes:
    build = _BUILD.search(page)
    assert build is not None
    return json.dumps({"t": "hello", "p": 1, "b": build[1], "live": live_of(page)}).encode()


@dataclass
class Viewer:
    """One open page."""

    http: aiohttp.ClientSession
    url: str
    _stale: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self) -> None:
        """Until cancelled."""
        page = await self._fetch()
        async with self.http.ws_connect(f"{self.url}/ws", headers={"Origin": self.url}) as ws:
            await ws.send_str(hello_of(page).decode())
            async with asyncio.TaskGroup() as group:
                group.create_task(self._refresh(ws))
                async for message in ws:
                    await self._hear(ws, json.loads(message.data))
                raise ConnectionError(f"the server has closed the socket: {ws.close_code}")

    async def _hear(self, ws: aiohttp.ClientWebSocketResponse, said: dict[str, object]) -> None:
        if said["t"] == "patch":
            await ws.send_json({"t": "ack", "seq": said["seq"]})
        elif said["t"] == "event" and said["name"] == "live:stale":
            self._stale.set()

    async def _refresh(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            await ws.send_json({"t": "watch", "live": live_of(await self._fetch())})
            await asyncio.sleep(REFRESH_GAP)

    async def _fetch(self) -> str:
        async with self.http.get(f"{self.url}/jobs") as answer:
            return await answer.text()


def look_on(url: str, viewers: int) -> None:
    """That many viewers in this process, until it ends."""

    async def look() -> None:
        async with aiohttp.ClientSession() as http:
            await asyncio.gather(asyncio.Event().wait(), *(Viewer(http, url).look() for _ in range(viewers)))

    asyncio.run(look())
