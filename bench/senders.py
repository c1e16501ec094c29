"""The ways to bring one fragment to all sockets of an aiohttp server that `fanout.py` compares."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from aiohttp import web
from support import until

from arqboard_dashboard import frames
from arqboard_dashboard.frames import Fragment
from arqboard_dashboard.hub import Hub, Socket


class Sender(ABC):
    """A way to bring one burst to all sockets."""

    @abstractmethod
    def join(self, ws: web.WebSocketResponse, wire: asyncio.Transport) -> Socket | None: ...

    @abstractmethod
    async def send(self, fragment: Fragment) -> None: ...

    def ack(self, member: Socket | None, seq: int) -> None:
        """A socket has answered. Plain servers do nothing about it."""
        return

    def leave(self, member: Socket | None) -> None:
        """A socket is gone."""
        return


class SendStr(Sender):
    def __init__(self) -> None:
        self.members: list[web.WebSocketResponse] = []

    def join(self, ws: web.WebSocketResponse, wire: asyncio.Transport) -> None:
        self.members.append(ws)

    async def send(self, fragment: Fragment) -> None:
        text = frames.patch(fragment.version, [fragment])[4:].decode()
        for ws in self.members:
            await ws.send_str(text)


class Raw(Sender):
    def __init__(self) -> None:
        self.members: list[asyncio.Transport] = []

    def join(self, ws: web.WebSocketResponse, wire: asyncio.Transport) -> None:
        self.members.append(wire)

    async def send(self, fragment: Fragment) -> None:
        frame = frames.patch(fragment.version, [fragment])
        for wire in self.members:
            wire.write(frame)


class OurHub(Sender):
    """The hub with (almost) no pause between two frames to a socket."""

    def __init__(self, key: str, window: int) -> None:
        self.key, self.hub = key, Hub(flush=0.0001, window=window)
        self._expected = 0

    def join(self, ws: web.WebSocketResponse, wire: asyncio.Transport) -> Socket:
        member = self.hub.join(wire)
        self.hub.watch(member, {self.key: 0})
        return member

    async def send(self, fragment: Fragment) -> None:
        # a change before the flush of the last one would be merged with it
        await until(lambda: self.hub.frames_sent >= self._expected, every=0)
        self._expected = self.hub.frames_sent + self.hub.sockets
        self.hub.publish(fragment.key, fragment.version, fragment.html)

    def ack(self, member: Socket | None, seq: int) -> None:
        assert member is not None
        self.hub.ack(member, seq)

    def leave(self, member: Socket | None) -> None:
        assert member is not None
        self.hub.drop(member)


def sender(name: str, key: str, all_answer: bool) -> Sender:
    """A fresh sender. Our hub waits for acknowledgements, so where there are none its window is endless."""
    match name:
        case "send_str":
            return SendStr()
        case "raw":
            return Raw()
        case _:
            return OurHub(key, Hub().window if all_answer else 1_000_000)
