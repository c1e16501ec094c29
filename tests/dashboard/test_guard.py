"""Who may ask: one browser's own pages, and programs. Every route is walked, so that a new one can't be forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import TestServer
from board import Client, MakeClient, form_token, own_origin, routes
from yarl import URL

from arqboard.protocol import Keys
from arqboard_dashboard.app import create_app
from arqboard_dashboard.appkeys import GATE, STATIC
from arqboard_dashboard.guard import CSP, HEADERS
from arqboard_dashboard.settings import Settings

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


ALL = routes()
ACTING = [(method, path) for method, path in ALL if method not in ("GET", "HEAD")]
FORMS = [path for method, path in ACTING if not path.startswith("/api")]


async def test_a_form_of_our_own_page_is_taken(client: Client) -> None:
    fields = {"function": "nothing", "token": form_token(client)}
    browser = {"Sec-Fetch-Site": "same-origin", "Origin": own_origin(client)}

    answer = await client.post("/jobs", data=fields, headers=browser, allow_redirects=False)

    assert answer.status == 303
    assert answer.headers["Location"].startswith("/jobs/")


async def test_htmx_sends_the_token_as_a_header(client: Client) -> None:
    headers = {"X-Form-Token": form_token(client), "HX-Request": "true"}

    answer = await client.post("/jobs", data={"function": "nothing"}, headers=headers)

    assert answer.headers["HX-Redirect"].startswith("/jobs/")


def test_there_are_routes_to_walk() -> None:
    assert ("POST", "/jobs/j1/retry") in ACTING
    assert ("DELETE", "/api/v1/jobs/j1") in ACTING
    assert len(ALL) > 30


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:80:80", "", "[::1", "a b"]
)
async def test_another_name_for_this_host_is_refused_everywhere(client: Client, host: str) -> None:
    for method, path in ALL:
        answer = await client.request(method, path, headers={"Host": host}, allow_redirects=False)
        assert answer.status in ((403,) if host else (400, 403)), (method, path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST:1234", "[::1]:8700", "ops.example.com", "jobs:81"]
)
async def test_own_names_are_answered(make_client: MakeClient, host: str) -> None:
    client = await make_client(allowed_hosts="ops.example.com, jobs:81")

    assert (await client.get("/api/v1/jobs", headers={"Host": host})).status == 200
    assert (await client.get("/api/v1/jobs", headers={"Host": "jobs:82"})).status == 403


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
async def test_another_sites_page_can_do_nothing(client: Client, sent: dict[str, str]) -> None:
    """Even with the right token, which it should not have."""
    headers = {**sent, "X-Form-Token": form_token(client)}

    for method, path in ACTING:
        answer = await client.request(method, path, headers=headers, allow_redirects=False)
        assert answer.status == 403, (method, path)


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
async def test_a_form_without_its_token_is_refused(client: Client, token: str | None) -> None:
    data = {} if token is None else {"token": token}

    for path in FORMS:
        answer = await client.post(path, data=data, headers=FORM, allow_redirects=False)
        assert answer.status == 403, path
        assert "Reload the page" in await answer.text()


async def test_the_token_that_strangers_can_read_is_good_for_signing_in_only(client: Client) -> None:
    data = {"token": client.app[GATE].login_token, "function": "nothing"}

    assert (await client.post("/jobs", data=data)).status == 403


async def test_a_trusted_origin_may_act_over_a_proxy(make_client: MakeClient, functions: Any) -> None:
    client = await make_client(trusted_origins="https://ops.example.com")
    headers = {"Host": "ops.example.com", "Origin": "https://ops.example.com", "Sec-Fetch-Site": "same-origin"}

    answer = await client.post("/api/v1/jobs", json={"function": "nothing"}, headers=headers)

    assert answer.status == 202
    assert answer.headers["Strict-Transport-Security"]


# The socket


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"],
)
async def test_a_socket_from_elsewhere_is_refused_and_the_connection_closed(client: Client, origin: str | None) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect("/ws", origin=origin)

    assert refused.value.status == 403
    assert refused.value.headers is not None
    assert refused.value.headers["Connection"] == "close"
    assert refused.value.headers["Content-Security-Policy"] == CSP


async def test_a_socket_of_our_own_page_is_opened(client: Client) -> None:
    async with client.ws_connect("/ws", origin=own_origin(client)) as socket:
        assert not socket.closed


async def test_what_follows_a_refused_upgrade_is_not_read_as_a_request(client: Client, redis: Any, keys: Keys) -> None:
    """CVE-2026-69243: a request hidden behind a refused upgrade was executed."""
    host = f"{client.host}:{client.port}"
    hidden = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n"
    )
    upgrade = (
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write((upgrade + hidden + '{"function":"nothing"}').encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 403")
    assert answer.count(b"HTTP/1.1") == 1
    assert await redis.zcard(keys.jobs()) == 0


# Headers


async def test_every_answer_has_the_headers(client: Client) -> None:
    """Those that other sites may frame are in test_widget.py."""
    ours = [(method, path) for method, path in ALL if not path.startswith("/widget")]
    for method, path in [*ours, ("GET", "/nothing"), ("PUT", "/jobs"), ("GET", "/static/0/app.css")]:
        answer = await client.request(method, path, allow_redirects=False)
        for name, value in HEADERS.items():
            assert answer.headers.getall(name) == [value], (method, path, name)
        assert "Cache-Control" in answer.headers


async def test_files_are_kept_for_ever_under_the_hash_of_their_contents(client: Client) -> None:
    css = f"{client.app[STATIC]}/app.css"

    first = await client.get(css)
    again = await client.get(css, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status, again.status) == (200, 304)
    for answer in (first, again):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Security-Policy"] == CSP
    assert (await client.get("/static/00000000/app.css")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/%2e%2e/pyproject.toml", "/", "//etc/passwd", "/vendor"])
async def test_files_outside_are_not_served(client: Client, path: str) -> None:
    answer = await client.get(URL(client.app[STATIC] + path, encoded=True))

    assert answer.status in (403, 404)


async def test_pages_may_be_kept_by_back_and_data_by_nobody(client: Client) -> None:
    assert (await client.get("/jobs")).headers["Cache-Control"] == "no-cache"
    assert "HX-Request" in (await client.get("/jobs")).headers["Vary"]
    assert (await client.get("/api/v1/jobs")).headers["Cache-Control"] == "no-store"


# Bodies


async def test_a_form_over_256_kb_is_refused(client: Client) -> None:
    answer = await client.post("/jobs", data={"token": "x" * 300_000})

    assert answer.status == 413


async def test_files_are_not_taken(client: Client) -> None:
    import io

    assert (await client.post("/jobs", data={"file": io.BytesIO(b"x")})).status == 415


@pytest.mark.parametrize("body", [b"token=%ff", b"&".join([b"a=1"] * 501), b"\xff\xfe"])
async def test_a_form_that_can_not_be_read_is_refused(client: Client, body: bytes) -> None:
    assert (await client.post("/jobs", data=body, headers=FORM)).status == 400


# Mounted


async def test_it_works_under_any_prefix(redis: Any, functions: Any) -> None:
    outer = web.Application()
    inner = create_app(Settings.read(), redis=redis)
    outer.add_subapp("/ops/board", inner)
    async with Client(TestServer(outer)) as client:
        assert (await client.get("/ops/board", allow_redirects=False)).headers["Location"] == "/ops/board/jobs"
        assert (await client.get("/ops/board/", allow_redirects=False)).headers["Location"] == "/ops/board/jobs"
        page = await client.get("/ops/board/jobs")
        text = await page.text()
        assert (page.status, page.headers["Content-Security-Policy"]) == (200, CSP)
        assert f'"/ops/board{inner[STATIC]}/app.css"' in text
        assert 'href="/jobs' not in text
        assert (await client.get(f"/ops/board{inner[STATIC]}/app.css")).status == 200
        answer = await client.post("/ops/board/api/v1/jobs", json={"function": "nothing"})
        assert (await answer.json())["url"].startswith("/ops/board/api/v1/jobs/")
        assert (await client.get("/ops/board/api/nothing")).content_type == "application/json"
