"""The socket of a bar in somebody's page: one job, as much of it as the link says, until the link expires.

The address says all there is to say, so what comes from the browser is only that it has painted a frame.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time

from aiohttp import WSCloseCode, WSMsgType, web

from arqboard.protocol.widget import Grant

from .appkeys import FEED, HUB, VIEWERS
from .guard import text_of
from .hub import Hub, Socket
from .language import ENGLISH, LANGUAGES
from .live import PING_SECONDS, RETRY_AFTER_SECONDS, Ack, Allowance, Refused, parse
from .topics import topic_of
from .widgets import grant_of

log = logging.getLogger(__name__)

#: `{"t":"ack","seq":…}` has room in it several times.
MAX_MESSAGE = 200
#: The hub sends ten frames a second at most, and each is answered once.
RATE, BURST = 15.0, 30.0
EXPIRED = 4410


async def socket(request: web.Request) -> web.StreamResponse:
    """`GET /ws/widget/{id}`, from our own frame only, which the middlewares have checked."""
    grant = grant_of(request)
    if request.app[VIEWERS].is_full or request.app[HUB].is_full:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    ws = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=MAX_MESSAGE, compress=False)
    with request.app[VIEWERS].one():
        await ws.prepare(request)
        try:
            await ws.close(code=await _show(request, ws, grant))
        except Refused as refused:
            await ws.close(code=refused.code)
        except Exception as error:
            log.error("the socket of a bar has met %s", type(error).__name__, exc_info=error)
            await ws.close(code=WSCloseCode.INTERNAL_ERROR)
    return ws


async def _show(request: web.Request, ws: web.WebSocketResponse, grant: Grant) -> int:
    """Push until the browser has gone or the link has expired; the code to close with. Raises Refused."""
    if request.transport is None:
        return WSCloseCode.OK
    hub, feed, language = request.app[HUB], request.app[FEED], _language(request)
    viewer = hub.join(request.transport)
    try:
        with feed.spoken(language):
            hub.write(viewer, feed.ready_frame())
            if not feed.store_ok:
                hub.write(viewer, feed.store_frame())
            shown = {topic_of(f"widget-{grant.show}:{grant.job_id}", language): _version(request)}
            hub.watch(viewer, shown)
            hub.offer(viewer, shown, await feed.load(shown))
            return await _until_over(ws, hub, viewer, grant)
    finally:
        hub.drop(viewer)


async def _until_over(ws: web.WebSocketResponse, hub: Hub, viewer: Socket, grant: Grant) -> int:
    """Take acknowledgements, and nothing else, until the browser goes or the link expires. Raises Refused."""
    allowance = Allowance(RATE, BURST)
    try:
        async with asyncio.timeout(grant.until - time.time()):
            async for message in ws:
                if message.type is not WSMsgType.TEXT:
                    raise Refused
                allowance.take()
                match parse(message.data):
                    case Ack(seq):
                        hub.ack(viewer, seq)
                    case _:
                        raise Refused
    except TimeoutError:
        return EXPIRED
    return WSCloseCode.OK


def _language(request: web.Request) -> str:
    wanted = text_of(request.query, "lang") or ENGLISH
    return wanted if wanted in LANGUAGES else ENGLISH


def _version(request: web.Request) -> int:
    """What the page shows already; 0 for whatever is no version."""
    text = request.query.get("v", "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else 0
