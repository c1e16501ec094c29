"""Signing in with a password, and programs with a token."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from board import Client, MakeClient, closed, form_token, hear, own_origin, routes

from arqboard_dashboard.appkeys import BUILD, GATE
from arqboard_dashboard.auth import COOKIE, MAX_FAILURES

PASSWORD, TOKEN = "correct horse", "s3cret-token"
#: The last four are opened by a signed link, which is more than a stranger has: see test_widget.py.
OPEN = {"/login", "/healthz", "/widget/j1", "/widget.js", "/widget.css", "/ws/widget/j1"}


@pytest.fixture
async def locked(make_client: MakeClient, functions: Any) -> Client:
    client: Client = await make_client(password=PASSWORD, token=TOKEN)
    return client


async def sign_in(client: Client, password: str = PASSWORD, **fields: str) -> Any:
    fields = {"token": client.app[GATE].login_token, "password": password, **fields}
    return await client.post("/login", data=fields, allow_redirects=False)


async def test_a_stranger_is_sent_to_the_login_page_and_back(locked: Client) -> None:
    turned_away = await locked.get("/jobs?state=failed", allow_redirects=False)
    assert turned_away.status == 303
    assert turned_away.headers["Location"] == "/login?next=%2Fjobs%3Fstate%3Dfailed"

    page = await locked.get(turned_away.headers["Location"])
    assert page.status == 200
    assert 'value="/jobs?state=failed"' in await page.text()

    welcome = await sign_in(locked, next="/jobs?state=failed")
    assert (welcome.status, welcome.headers["Location"]) == (303, "/jobs?state=failed")
    assert (await locked.get("/jobs?state=failed")).status == 200


async def test_the_session_cookie_is_for_this_site_and_no_script(locked: Client) -> None:
    cookie = (await sign_in(locked)).headers["Set-Cookie"]

    for part in (f"{COOKIE}=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="):
        assert part in cookie


async def test_the_cookie_is_secure_behind_a_tls_proxy(make_client: MakeClient) -> None:
    client = await make_client(password=PASSWORD, trusted_origins="https://ops.example.com")
    fields = {"token": client.app[GATE].login_token, "password": PASSWORD}

    answer = await client.post("/login", data=fields, headers={"Host": "ops.example.com"}, allow_redirects=False)

    assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_program_sends_the_token(locked: Client) -> None:
    good = {"Authorization": f"Bearer {TOKEN}"}

    assert (await locked.get("/api/v1/jobs", headers=good)).status == 200
    assert (await locked.get("/metrics", headers=good)).status == 200
    assert (await locked.post("/api/v1/jobs", json={"function": "nothing"}, headers=good)).status == 202


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {PASSWORD}"])
async def test_a_wrong_token_is_told_apart_from_a_right_one(locked: Client, header: str) -> None:
    answer = await locked.get("/api/v1/jobs", headers={"Authorization": header})

    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="arqboard"')
    assert (await answer.json())["error"]["code"] == "unauthorized"


async def test_every_route_but_the_door_is_closed_to_strangers(locked: Client) -> None:
    headers = {"X-Form-Token": form_token(locked), "Origin": own_origin(locked)}

    for method, path in [(m, p) for m, p in routes() if p not in OPEN]:
        answer = await locked.request(method, path, headers=headers, allow_redirects=False)
        assert answer.status in (303, 401), (method, path)
        if answer.status == 303:
            assert answer.headers["Location"].startswith("/login")


async def test_a_socket_needs_a_session(locked: Client) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await locked.ws_connect("/ws", origin=own_origin(locked))
    assert refused.value.status == 401

    await sign_in(locked)
    async with locked.ws_connect("/ws", origin=own_origin(locked)) as socket:
        assert not socket.closed


async def live_socket(client: Client, **headers: str) -> Any:
    socket = await client.ws_connect("/ws", origin=own_origin(client), headers=headers)
    await socket.send_json({"t": "hello", "p": 1, "b": client.app[BUILD], "live": {}})
    return socket


async def still_lives(socket: Any) -> None:
    """It asks for something, and is told."""
    await socket.send_json({"t": "watch", "live": {"side": 0}})
    await hear(socket, "patch", 'id="side"')


async def test_signing_out_closes_the_sockets_of_that_session_and_no_other(locked: Client) -> None:
    await sign_in(locked)
    mine, my_cookies = await live_socket(locked), {c.key: c.value for c in locked.session.cookie_jar}
    locked.session.cookie_jar.clear()
    await sign_in(locked)
    other = await live_socket(locked)
    locked.session.cookie_jar.clear()
    program = await live_socket(locked, Authorization=f"Bearer {TOKEN}")

    await locked.post("/logout", data={"token": form_token(locked)}, cookies=my_cookies, allow_redirects=False)

    assert await closed(mine) == 4401
    await still_lives(other)
    await still_lives(program)
    turned_away = await locked.get("/jobs", headers={"Cookie": f"{COOKIE}={my_cookies[COOKIE]}"}, allow_redirects=False)
    assert turned_away.status == 303, "a copy of the cookie is no good any more either"


async def test_a_session_that_expires_closes_its_sockets(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await make_client(password=PASSWORD, session_hours=5)
    await sign_in(client)
    socket = await live_socket(client)
    await still_lives(socket)

    at_sign_in = time.time()
    monkeypatch.setattr(time, "time", lambda: at_sign_in + 5 * 3600 + 1)

    assert await closed(socket) == 4401


async def test_strangers_see_no_data_on_error_pages(locked: Client, redis: Any, keys: Any) -> None:
    await redis.sadd(keys.queues, "very:secret")
    await sign_in(locked)
    await locked.get("/jobs")
    locked.session.cookie_jar.clear()

    refused = await locked.get("/login", headers={"Host": "evil.example"})

    assert "very:secret" not in await refused.text()
    assert form_token(locked) not in await refused.text()


async def test_signing_out_ends_the_session(locked: Client) -> None:
    await sign_in(locked)

    answer = await locked.post("/logout", data={"token": form_token(locked)}, allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert (await locked.get("/jobs", allow_redirects=False)).status == 303


@pytest.mark.parametrize("cookie", ["", "x", "1.2.3", "99999999999.a.b", "٣.a.b", "." * 5000])
async def test_a_made_up_session_is_none(locked: Client, cookie: str) -> None:
    answer = await locked.get("/jobs", headers={"Cookie": f"{COOKIE}={cookie}"}, allow_redirects=False)

    assert answer.status == 303


async def test_a_session_ends(make_client: MakeClient) -> None:
    client = await make_client(password=PASSWORD, session_hours=1e-9)

    await sign_in(client)

    assert not client.app[GATE].is_session(client.app[GATE].new_session())


async def test_a_session_ends_with_the_password_it_was_made_with(make_client: MakeClient) -> None:
    secret = "0123456789abcdef"
    old, new = [await make_client(password=p, secret=secret) for p in ("one", "two")]

    assert old.app[GATE].is_session(old.app[GATE].new_session())
    assert not new.app[GATE].is_session(old.app[GATE].new_session())


async def test_wrong_passwords_are_few(locked: Client) -> None:
    for _ in range(MAX_FAILURES):
        wrong = await sign_in(locked, "guess")
        assert wrong.status == 422
        assert "not the password" in await wrong.text()

    answer = await sign_in(locked)

    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    "going",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\r\nX: y", "/a\\b"],
)
async def test_signing_in_leads_nowhere_else(locked: Client, going: str) -> None:
    assert (await sign_in(locked, next=going)).headers["Location"] == "/jobs"


async def test_health_says_nothing_but_that(locked: Client) -> None:
    answer = await locked.get("/healthz")

    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_a_token_alone_signs_people_in_too(make_client: MakeClient) -> None:
    client = await make_client(token=TOKEN)

    assert (await sign_in(client, TOKEN)).status == 303
