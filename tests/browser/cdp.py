"""Chromium over its own protocol, for what Playwright takes away: real hidden tabs and the back-forward cache."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse
from waiting import eventually


class Tab:
    """One tab, to be asked and told."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser, self.target, self._session = browser, target, session

    async def __call__(self, method: str, **params: Any) -> Any:
        return await self._browser.call(method, self._session, **params)

    async def value(self, expression: str) -> Any:
        """What an expression is; None while the page is between two documents."""
        answer = await self("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer.get("result", {}).get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true."""
        return await eventually(lambda: self.value(expression), every=0.1)

    async def bring_to_front(self) -> None:
        await self._browser.call("Target.activateTarget", targetId=self.target)


class Chromium:
    """A browser of its own; its tabs are as those of a person."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self._ws, self._numbers = ws, itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def call(self, method: str, session: str = "", **params: Any) -> Any:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._ws.send_json(
            {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        )
        async with asyncio.timeout(30):
            return (await answer).get("result", {})

    async def open(self, url: str) -> Tab:
        target = (await self.call("Target.createTarget", url=url))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        return Tab(self, target, session)

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._ws:
            answer = message.json()
            waiting = self._asked.pop(answer.get("id", 0), None)
            if waiting and not waiting.done():
                waiting.set_result(answer)


@asynccontextmanager
async def chromium(path: str, arguments: list[str], profile: Path) -> AsyncIterator[Chromium]:
    """Start one; it says on which port it listens in a file of its profile."""
    process = await asyncio.create_subprocess_exec(
        path, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", *arguments, "about:blank",
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said = profile / "DevToolsActivePort"
    try:
        await eventually(lambda: said.exists() and "\n" in said.read_text())
        port, address = said.read_text().splitlines()[:2]
        async with (
            ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}{address}", max_msg_size=0) as ws,
        ):
            browser = Chromium(ws)
            yield browser
            await browser.close()
    finally:
        process.terminate()
        await process.wait()
