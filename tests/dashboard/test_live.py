"""`/ws` over a real server, as a browser speaks it and as nobody should."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer
from board import MakeClient, closed, hear, own_origin
from redis.asyncio import Redis
from waiting import eventually

from arqboard.protocol import Reader
from arqboard.protocol.commands import Commands, Submission
from arqboard_dashboard import live
from arqboard_dashboard.appkeys import BUILD, FEED, GATE, HUB, VISITS
from arqboard_dashboard.auth import Gate
from arqboard_dashboard.feed import Feed
from arqboard_dashboard.hub import Hub
from arqboard_dashboard.overview import Overview
from arqboard_dashboard.render import Renderer
from arqboard_dashboard.settings import Settings
from arqboard_dashboard.visits import Visits

Site = TestClient[web.Request, web.Application]
Connect = Callable[[], Awaitable[ClientWebSocketResponse]]


@pytest.fixture
async def hub() -> Hub:
    return Hub(flush=0.01, max_keys=50, max_sockets=3)


@pytest.fixture
async def site(redis: Redis, reader: Reader, hub: Hub) -> AsyncIterator[Site]:
    overview = Overview(reader, base=lambda: "", static=lambda: "/static", form_token="t", build="b1")
    app = web.Application()
    app[BUILD], app[HUB], app[GATE] = "b1", hub, Gate(Settings.read())
    app[VISITS] = Visits(app[GATE], hub)
    app[FEED] = Feed(app, redis, reader, Commands(redis, reader.keys), Renderer(), hub, overview)
    app.router.add_get("/ws", live.socket)

    async def feeding(app: web.Application) -> AsyncIterator[None]:
        await app[FEED].start()
        yield
        await app[FEED].stop()

    async def goodbye(app: web.Application) -> None:
        app[HUB].shut_down()

    app.cleanup_ctx.append(feeding)
    app.on_shutdown.append(goodbye)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def connect(site: Site) -> Connect:
    async def open_socket() -> ClientWebSocketResponse:
        return await site.ws_connect("/ws")

    return open_socket


async def hello(ws: ClientWebSocketResponse, live: dict[str, Any] | None = None, build: str = "b1") -> None:
    await ws.send_json({"t": "hello", "p": 1, "b": build, "live": live or {}})


async def submit(commands: Commands, job_id: str) -> None:
    await commands.submit(Submission(function="resize", queue="arq:queue", payload=b"p", job_id=job_id))


async def test_a_page_says_what_it_shows_and_is_told_what_changes(
    connect: Connect, commands: Commands, reader: Reader
) -> None:
    await submit(commands, "j1")
    ws = await connect()

    before = await reader.now_ms()
    await hello(ws, {"row:j1": 0})

    ready = await hear(ws, "ready")
    assert before - 2000 < ready["now"] < await reader.now_ms() + 2000
    await hear(ws, "patch", 'id="job-j1"')
    await commands.abort("j1")
    await hear(ws, "patch", "Aborted")


async def test_after_a_swap_the_page_watches_something_else(connect: Connect, commands: Commands, hub: Hub) -> None:
    await submit(commands, "j1")
    await submit(commands, "j2")
    ws = await connect()
    await hello(ws, {"row:j1": 0})
    await hear(ws, "patch", 'id="job-j1"')

    await ws.send_json({"t": "watch", "live": {"row:j2": 0}})

    await hear(ws, "patch", 'id="job-j2"')
    assert hub.topics.keys() == {"row:j2"}


async def test_a_page_is_told_once_that_its_list_is_stale_as_long_as_it_shows_the_same(
    connect: Connect, commands: Commands
) -> None:
    await submit(commands, "j1")
    ws = await connect()
    await hello(ws, {"list:": 1})
    assert (await hear(ws, "event"))["n"] == 1

    for _ in range(3):
        await ws.send_json({"t": "watch", "live": {"list:": 1}})
    await ws.send_json({"t": "watch", "live": {"list:": 1, "row:j1": 0, "row:gone": 1}})

    assert (await hear(ws, "event"))["n"] == 0  # the next that it hears is of what it showed last


async def test_a_page_that_leaves_leaves_nothing_behind(connect: Connect, hub: Hub) -> None:
    ws = await connect()
    await hello(ws, {"row:j1": 0, "side": 0})
    await hear(ws, "ready")

    await ws.close()

    await eventually(lambda: (hub.sockets, hub.topics, hub.fragments) == (0, {}, {}))


async def test_a_page_of_another_build_is_told_to_reload(connect: Connect) -> None:
    ws = await connect()
    await hello(ws, build="b0")
    await hear(ws, "reload")


async def test_one_socket_too_many_is_refused_before_it_is_one(connect: Connect) -> None:
    for _ in range(3):
        await hello(await connect())

    with pytest.raises(WSServerHandshakeError) as refused:
        await connect()

    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) > 0


async def test_on_shutdown_pages_are_asked_to_come_back(connect: Connect, site: Site) -> None:
    ws = await connect()
    await hello(ws)
    await hear(ws, "ready")

    leaving = asyncio.create_task(site.server.close())

    assert await closed(ws) == 1012
    await asyncio.wait_for(leaving, 30)


async def test_a_page_that_keeps_its_line_open_holds_up_no_shutdown(
    connect: Connect, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As browsers do: they leave it to the server to end the line, and aiohttp no longer hears that they agree."""
    monkeypatch.setattr("arqboard_dashboard.hub.GOODBYE_SECONDS", 60)
    ws = await connect()
    await hello(ws)
    await hear(ws, "ready")

    await asyncio.wait_for(site.server.close(), 30)


async def test_a_page_that_says_nothing_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HELLO_SECONDS", 0.05)
    assert await closed(await connect()) == 4400


DEEP = "[" * 5000
BAD_FIRST = [
    "", "hello", "{", "null", "[]", '"hello"', "1e999", "NaN", DEEP, '{"t":"hello","p":1,"b":"b1","live":' + DEEP,
    '{"t":"ack","seq":1}', '{"t":"watch","live":{}}', '{"t":"abort","id":"j1"}', '{"t":"hello"}',
    '{"t":"hello","p":2,"b":"b1","live":{}}', '{"t":"hello","p":1,"live":{}}', '{"t":"hello","p":1,"b":1,"live":{}}',
    '{"t":["hello"],"p":1,"b":"b1","live":{}}', '{"t":"hello","p":1,"b":"b1","live":["row:1"]}',
    '{"t":"hello","p":1,"b":"b1","live":{},"rows":[]}', '{"t":"hello","p":1,"b":"b1","live":{},"rows":{"j1":1}}',
    '{"t":"hello","p":1,"b":"b1","live":{},"rows":{"j1":[1]}}', '{"t":"hello","p":1,"b":"b1","rows":{"j1":[1,1]}}',
    '{"t":"hello","p":1,"b":"b1","live":{},"rows":{"j1":[1,"1"]}}',
    '{"t":"hello","p":1,"b":"b1","live":{},"rows":{"":[1,1]}}',
]  # fmt: skip
BAD_LIVE: list[dict[str, Any]] = [
    {"row:j1": -1}, {"row:j1": 1.5}, {"row:j1": "1"}, {"row:j1": True}, {"row:j1": None}, {"row:j1": 2**60},
    {"arqboard:job:j1": 1}, {"row:": 1}, {"row:\ud800": 1}, {"logs:j1": 1}, {"list:state=lost": 1}, {"": 1},
    {f"list:function={n}": 1 for n in range(9)}, {f"row:{n}": 1 for n in range(51)},
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_FIRST)
async def test_what_is_not_a_hello_ends_the_socket(connect: Connect, text: str, hub: Hub) -> None:
    ws = await connect()
    await ws.send_str(text)

    assert await closed(ws) == 4400
    await eventually(lambda: hub.sockets == 0)


@pytest.mark.parametrize("live", BAD_LIVE)
async def test_only_known_keys_with_versions_can_be_watched(connect: Connect, live: dict[str, Any], hub: Hub) -> None:
    ws = await connect()
    await hello(ws, live)

    assert await closed(ws) == 4400
    assert hub.topics == {}


async def test_a_row_named_once_is_live_with_its_progress_cell(
    site: Site, connect: Connect, commands: Commands, reader: Reader, hub: Hub
) -> None:
    await submit(commands, "j1")
    newest, _ = await reader.position()
    await eventually(lambda: site.app[FEED].position == newest)  # else the first job makes these other data than before
    version = (await reader.get("j1")).version
    ws = await connect()

    await ws.send_json({"t": "hello", "p": 1, "b": "b1", "live": {}, "rows": {"j1": [version, 0]}})

    cell = await hear(ws, "patch")
    assert 'id="prog-j1"' in cell["content"]
    assert 'id="job-j1"' not in cell["content"], "of the row it has the newest version"
    assert hub.topics.keys() == {"row:j1", "prog:j1"}


async def test_a_page_of_200_rows_is_live_down_to_its_last_row(
    make_client: MakeClient, functions: Any, commands: Commands, redis: Redis
) -> None:
    client = await make_client()
    for _ in range(200):
        await commands.submit(Submission(function="resize", queue="arq:queue", payload=b"p"))
    page = await (await client.get("/jobs?limit=200")).text()
    said = shown_on(page)
    assert len(said["rows"]) == 200
    build = client.app[BUILD]
    message = json.dumps({"t": "hello", "p": 1, "b": build, **said}, separators=(",", ":"))
    assert len(message) < live.MAX_MESSAGE

    ws = await client.ws_connect("/ws", origin=own_origin(client))
    await ws.send_str(message)
    last = list(said["rows"])[-1]
    await hear(ws, "ready")
    await eventually(lambda: f"prog:{last}" in client.app[HUB].topics)
    await commands.abort(last)

    await hear(ws, "patch", f'id="job-{last}"')


def shown_on(page: str) -> dict[str, Any]:
    """What live.js says of a page: rows by their id, with the versions of the row and of the cell in it."""
    live: dict[str, int] = {}
    rows: dict[str, list[int]] = {}
    for key, version in re.findall(r'data-live="([^"]*)" data-v="(\d+)"', page):
        kind, _, name = key.partition(":")
        match kind:
            case "row":
                rows[name] = [int(version), 0]
            case "prog":
                rows[name][1] = int(version)
            case _:
                live[key] = int(version)
    return {"live": live, "rows": rows}


async def test_words_of_the_sender_are_never_sent_back(connect: Connect) -> None:
    ws = await connect()
    await hello(ws)
    await ws.send_str('{"t":"<img src=x onerror=alert(1)>"}')

    said: list[str] = []
    while (message := await ws.receive(timeout=10)).type is WSMsgType.TEXT:
        said.append(message.data)
    assert ws.close_code == 4400
    assert "img" not in f"{said} {message.extra}"


async def test_a_second_hello_and_bytes_end_the_socket(connect: Connect) -> None:
    twice, binary = await connect(), await connect()
    await hello(twice)
    await hello(twice)
    await hello(binary)
    await binary.send_bytes(b'{"t":"ack","seq":1}')

    assert await closed(twice) == 4400
    assert await closed(binary) == 4400


async def test_a_message_over_16_kb_ends_the_socket(connect: Connect) -> None:
    ws = await connect()
    await ws.send_str(json.dumps({"t": "hello", "p": 1, "b": "x" * 16_384, "live": {}}))
    assert await closed(ws) == 1009


async def test_a_flood_ends_the_socket_and_hurts_no_other(connect: Connect, commands: Commands) -> None:
    await submit(commands, "j1")
    calm, flood = await connect(), await connect()
    await hello(calm, {"row:j1": 0})
    await hear(calm, "patch")
    await hello(flood)

    for _ in range(100):
        await flood.send_str('{"t":"ack","seq":1}')

    assert await closed(flood) == 1008
    await commands.abort("j1")
    await hear(calm, "patch", "Aborted")


async def test_as_many_messages_as_a_busy_page_sends_are_allowed(connect: Connect, hub: Hub) -> None:
    ws = await connect()
    await hello(ws)
    for _ in range(55):
        await ws.send_str('{"t":"ack","seq":1}')
    await ws.send_json({"t": "watch", "live": {"row:j1": 0}})

    await eventually(lambda: "row:j1" in hub.topics)


async def test_a_mistake_of_ours_never_writes_http_onto_an_open_socket(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await make_client()

    async def broken(feed: Feed, keys: Any) -> Any:
        raise web.HTTPBadRequest(text="or anything else")

    monkeypatch.setattr(Feed, "load", broken)
    stream, line = await asyncio.open_connection("127.0.0.1", client.port)
    line.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nOrigin: http://127.0.0.1:{client.port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert (await stream.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    said = json.dumps({"t": "hello", "p": 1, "b": client.app[BUILD], "live": {}}).encode()
    line.write(bytes((0x81, 0x80 | len(said), 0, 0, 0, 0)) + said)  # masked with zeros

    answer = await asyncio.wait_for(stream.readuntil(b"\x88\x02" + (1011).to_bytes(2, "big")), 30)
    line.write(bytes((0x88, 0x82, 0, 0, 0, 0)) + (1011).to_bytes(2, "big"))
    answer += await asyncio.wait_for(stream.read(), 30)
    line.close()

    assert b"HTTP/" not in answer
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "a socket has met HTTPBadRequest"
    ]
    assert client.app[HUB].sockets == 0


async def test_while_redis_is_away_a_page_is_told_so(connect: Connect, site: Site) -> None:
    feed = site.server.app[FEED] if isinstance(site.server, TestServer) else None
    assert feed
    await feed.stop()
    feed.store_ok = False

    ws = await connect()
    await hello(ws, {"row:j1": 0})

    store = await hear(ws, "store")
    assert store["ok"] is False
    assert store["age"] >= 0


async def test_after_an_action_parts_are_sent_although_they_look_as_before(site: Site, connect: Connect) -> None:
    """The page that acted may show what came between: somebody else has undone it before the next reading."""
    ws = await connect()
    await hello(ws, {"side": 0})
    before = await hear(ws, "patch", "side")
    site.app[FEED].acted()
    assert (await hear(ws, "patch", "side"))["content"] == before["content"]
