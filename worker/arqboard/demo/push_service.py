"""A receiver of signed messages inside the worker, as the services that push to phones have one."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .local_server import LocalServer

#: A message that was signed longer ago (seconds) may be one that somebody recorded and sends again.
TOLERANCE = 300
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class PushServer:
    """Where messages go, and the secret that both sides know."""

    url: str
    secret: str = field(repr=False)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of time and body: neither can be changed, and the time can't be left out."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class PushService:
    """`POST /messages`: takes what is signed, each `Idempotency-Key` once, and remembers what it took."""

    def __init__(self) -> None:
        self.delivered: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._secret = secrets.token_hex(32)
        app = web.Application()
        app.router.add_post("/messages", self._receive)
        self._server = LocalServer(app)

    async def start(self) -> PushServer:
        return PushServer(f"{await self._server.start()}/messages", self._secret)

    async def stop(self) -> None:
        await self._server.stop()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._verify(request, body)
        key = request.headers.get("Idempotency-Key", "")
        is_new = key not in self.delivered
        if is_new:
            self.delivered[key] = json.loads(body)
            if len(self.delivered) > REMEMBERED:
                self.delivered.popitem(last=False)
        return web.json_response({"id": key, "new": is_new}, status=202)

    def _verify(self, request: web.Request, body: bytes) -> None:
        timestamp = request.headers.get("X-Timestamp", "")
        expected = f"sha256={sign(self._secret, timestamp, body)}"
        if not hmac.compare_digest(expected.encode(), request.headers.get("X-Signature", "").encode()):
            raise web.HTTPUnauthorized(text="The signature is not right")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
            raise web.HTTPUnauthorized(text="The message was signed too long ago")
