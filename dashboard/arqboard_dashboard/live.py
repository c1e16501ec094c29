"""The browser's side of `/ws`: what it says, checked, and told to hub and feed.

A page only says what it shows and what it has painted. Nothing here acts on a job.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import WSMsgType, web

from arqboard.protocol import ArqboardError

from . import frames
from .appkeys import BUILD, FEED, GATE, HUB, VISITS
from .feed import Feed
from .fragments import parse_key
from .hub import Hub, Socket
from .language import ENGLISH, LANGUAGES
from .lists import STALE
from .topics import topics_of

log = logging.getLogger(__name__)

HELLO_SECONDS = 5.0
PING_SECONDS = 20.0
MAX_MESSAGE = 16 * 1024
#: Messages a page may send: this many a second for long, this many at once.
RATE, BURST = 20.0, 60.0
#: Lists and tabs cost a read for each distinct filter, and a page shows one.
MAX_QUERIES = 8
MAX_VERSION = 2**53
RETRY_AFTER_SECONDS = 5
_BAD_MESSAGE, _TOO_MANY, _OUR_MISTAKE = 4400, 1008, 1011


class Refused(ArqboardError):
    """A page broke the protocol. It is told a number and no words, so nothing is echoed."""

    def __init__(self, code: int = _BAD_MESSAGE) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Hello:
    """First message on every open: what the page shows, by key with version, which build and language it is."""

    live: dict[str, int]
    build: str
    language: str = ENGLISH
    """what the page is in; its fragments come in the same"""


@dataclass(frozen=True, slots=True)
class Watch:
    """The page shows something else now."""

    live: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ack:
    """All frames up to this number are painted."""

    seq: int


async def socket(request: web.Request) -> web.StreamResponse:
    """`GET /ws`. Who may open it has been checked by the middlewares."""
    if request.app[HUB].is_full:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    ws = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=MAX_MESSAGE, compress=False)
    await ws.prepare(request)
    try:
        await _converse(request, ws)
    except Refused as refused:
        await ws.close(code=refused.code)
    except Exception as error:
        log.error("a socket has met %s", type(error).__name__, exc_info=error)
        await ws.close(code=_OUR_MISTAKE)
    return ws


async def _converse(request: web.Request, ws: web.WebSocketResponse) -> None:
    hub, visits = request.app[HUB], request.app[VISITS]
    if request.transport is None:
        return
    page = Page(hub, request.app[FEED], hub.join(request.transport), request.app[BUILD])
    visits.begin(page.socket, request.app[GATE].session_of(request))
    try:
        await page.converse(ws)
    finally:
        hub.drop(page.socket)
        visits.end(page.socket)


@dataclass(slots=True)
class Page:
    """One open page, from its hello to its end."""

    hub: Hub
    feed: Feed
    socket: Socket
    build: str
    language: str = ENGLISH
    told: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict[str, tuple[int, frozenset[str]]])
    """lists that it was told are stale, with what it showed of them"""

    async def converse(self, ws: web.WebSocketResponse) -> None:
        """Take messages until the page is gone. Raises Refused."""
        hello = await _first(ws)
        if hello is None:
            return
        if hello.build != self.build:
            self.hub.write(self.socket, frames.RELOAD)
            return
        self.language = hello.language
        with self.feed.spoken(hello.language):
            self._greet()
            await self._watch(hello.live)
            await self._listen(ws)

    async def _listen(self, ws: web.WebSocketResponse) -> None:
        allowance = Allowance(RATE, BURST)
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                raise Refused
            allowance.take()
            await self._obey(parse(message.data))

    def _greet(self) -> None:
        self.hub.write(self.socket, self.feed.ready_frame())
        if not self.feed.store_ok:
            self.hub.write(self.socket, self.feed.store_frame())

    async def _obey(self, message: Hello | Watch | Ack) -> None:
        match message:
            case Ack(seq):
                self.hub.ack(self.socket, seq)
            case Watch(live):
                await self._watch(live)
            case Hello():
                raise Refused

    async def _watch(self, live: Mapping[str, int]) -> None:
        """Subscribe first, then read, then compare: what changes in between is only marked twice."""
        if len(live) > self.hub.max_keys:
            raise Refused
        topics = topics_of(live, self.language)
        self.hub.watch(self.socket, topics)
        self.hub.offer(self.socket, topics, await self.feed.load(topics))
        self._tell_behind(live)

    def _tell_behind(self, live: Mapping[str, int]) -> None:
        """Once for the same rows: a page that has fetched them again knows no better, and would ask for ever."""
        rows = frozenset(key for key in live if key.startswith("row:"))
        behind = self.feed.behind(live)
        for key, new in behind.items():
            if self.told.get(key) != (live[key], rows):
                self.hub.tell(self.socket, key, STALE, new)
        self.told = {key: (live[key], rows) for key in behind}


@dataclass(slots=True)
class Allowance:
    """A token bucket: `rate` messages a second, `burst` at once."""

    rate: float
    burst: float
    left: float = 0.0
    counted: float = 0.0

    def __post_init__(self) -> None:
        self.left, self.counted = self.burst, time.monotonic()

    def take(self) -> None:
        """Pay for one message. Raises Refused when there is nothing left."""
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.counted) * self.rate)
        self.counted = now
        if self.left < 1:
            raise Refused(_TOO_MANY)
        self.left -= 1


async def _first(ws: web.WebSocketResponse) -> Hello | None:
    """The hello, or None from a page that left without one. Raises Refused, also when none comes in time."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            message = await ws.receive()
    except TimeoutError:
        raise Refused from None
    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        return None
    if message.type is WSMsgType.TEXT and isinstance(hello := parse(message.data), Hello):
        return hello
    raise Refused


def parse(text: str) -> Hello | Watch | Ack:
    """One message. Raises Refused where it is not exactly one of the three."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused from None
    match message:
        case {"t": "ack", "seq": int(seq)}:
            return Ack(seq)
        case {"t": "watch", "live": live}:
            return Watch(_live(live, message.get("rows", {})))
        case {"t": "hello", "p": 1, "live": live, "b": str(build)}:
            return Hello(_live(live, message.get("rows", {})), build, _language(message.get("l", ENGLISH)))
        case _:
            raise Refused


def _live(keys: Any, rows: Any) -> dict[str, int]:
    """What a page shows: known keys with versions. A row is named once for itself and its progress cell."""
    live = dict(_pairs(keys))
    for job_id, versions in _pairs(rows).items():
        match versions:
            case [row, progress]:
                live[f"row:{job_id}"], live[f"prog:{job_id}"] = row, progress
            case _:
                raise Refused
    for key, version in live.items():
        if type(version) is not int or not 0 <= version < MAX_VERSION:
            raise Refused
        _check(key)
    if sum(key.startswith(("list:", "tabs:")) for key in live) > MAX_QUERIES:
        raise Refused
    return live


def _language(code: Any) -> str:
    if not isinstance(code, str) or code not in LANGUAGES:
        raise Refused
    return code


def _pairs(raw: Any) -> dict[str, Any]:
    """The members of a JSON object, which have no other names than text."""
    if not isinstance(raw, dict):
        raise Refused
    return cast("dict[str, Any]", raw)


def _check(key: str) -> None:
    try:
        parse_key(key)
    except ValueError:
        raise Refused from None
