"""Settings come from arguments or `ARQBOARD_*`, and nonsense is refused with a sentence."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import ClientSession

from arqboard_dashboard.serve import run
from arqboard_dashboard.settings import BadSettings, Settings, is_loopback


def test_without_anything_said_it_listens_to_this_machine_only() -> None:
    settings = Settings.read()

    assert (settings.host, settings.port) == ("127.0.0.1", 8700)
    assert not settings.is_protected


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARQBOARD_PORT", "9000")
    monkeypatch.setenv("ARQBOARD_ALLOWED_HOSTS", "a.example, b.example:81")
    monkeypatch.setenv("ARQBOARD_PASSWORD", "")

    settings = Settings.read()

    assert (settings.port, settings.allowed_hosts) == (9000, ("a.example", "b.example:81"))
    assert not settings.is_protected


def test_arguments_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARQBOARD_PORT", "9000")

    assert Settings.read(port=9001, host=None).port == 9001


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "jobs.example.com", "", "127.0.0.1.example.com"])
def test_an_address_that_others_reach_needs_a_password_or_a_token(host: str) -> None:
    with pytest.raises(BadSettings) as refused:
        Settings.read(host=host)

    assert f"Refusing to listen on {host}" in str(refused.value)
    assert "ARQBOARD_PASSWORD" in str(refused.value)
    assert "ARQBOARD_TOKEN" in str(refused.value)
    assert Settings.read(host=host, password="x").is_protected
    assert Settings.read(host=host, token="x").is_protected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1"])
def test_loopback_addresses_need_nothing(host: str) -> None:
    assert is_loopback(host)
    assert Settings.read(host=host).host == host


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 70_000}, "ARQBOARD_PORT has to be less than or equal to 65535."),
        ({"port": "many"}, "ARQBOARD_PORT"),
        ({"redis_url": "http://localhost"}, "ARQBOARD_REDIS_URL has to start with redis://"),
        ({"redis_url": "redis://localhost:port"}, "ARQBOARD_REDIS_URL"),
        ({"secret": "short"}, "ARQBOARD_SECRET is too short"),
        ({"trusted_origins": "ops.example.com"}, "ARQBOARD_TRUSTED_ORIGINS takes origins"),
        ({"trusted_origins": "https://ops.example.com/"}, "ARQBOARD_TRUSTED_ORIGINS takes origins"),
        ({"base": "jobs"}, "ARQBOARD_BASE has to be a path"),
        ({"base": "//evil.example"}, "ARQBOARD_BASE has to be a path"),
        ({"prefix": ""}, "ARQBOARD_PREFIX"),
        ({"max_sockets": 0}, "ARQBOARD_MAX_SOCKETS"),
        ({"colour": "red"}, 'There is no setting "colour".'),
    ],
)
def test_nonsense_is_refused_with_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=r"^[A-Z].*\.$") as refused:
        Settings.read(**given)

    assert said in str(refused.value)


def test_passwords_are_never_shown() -> None:
    settings = Settings.read(redis_url="redis://me:hunter2@db.example:6380/3", password="hunter2", token="hunter2")

    assert settings.redis_label == "db.example:6380/3"
    assert settings.redis_shown == "redis://db.example:6380/3"
    assert "hunter2" not in f"{settings.redis_label} {settings.password!r} {settings.token!r}"


async def test_it_serves_until_it_is_stopped(redis_url: str) -> None:
    stop, started = asyncio.Event(), asyncio.Queue[str]()
    serving = asyncio.create_task(
        run(Settings.read(redis_url=redis_url, port=0), started=started.put_nowait, stop=stop)
    )

    url = await started.get()
    async with ClientSession() as session, session.get(f"{url}/healthz") as answer:
        assert answer.status == 200

    stop.set()
    await asyncio.wait_for(serving, 30)


async def test_a_port_in_use_is_one_sentence(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"Can't listen on 127.0.0.1:{port}: .*ARQBOARD_PORT"):
            await run(Settings.read(redis_url=redis_url, port=port), started=print, stop=asyncio.Event())


async def test_a_connection_that_says_nothing_is_closed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arqboard_dashboard.serve.GREETING_SECONDS", 0.2)
    stop, started = asyncio.Event(), asyncio.Queue[str]()
    serving = asyncio.create_task(
        run(Settings.read(redis_url=redis_url, port=0), started=started.put_nowait, stop=stop)
    )
    port = int((await started.get()).rpartition(":")[2])

    for said in (b"", b"GET / HTTP/1.1\r\nHo"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()

    stop.set()
    await asyncio.wait_for(serving, 30)
