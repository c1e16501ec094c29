"""The pages of the system: the Redis, this dashboard, what is stored, and single keys."""

from __future__ import annotations

import pickle
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from board import Client, MakeClient, form_token
from waiting import connect, eventually

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard_dashboard.appkeys import KEY_COUNTING
from arqboard_dashboard.meters import all_meters
from arqboard_dashboard.pages.system import effective
from arqboard_dashboard.settings import Settings

QUEUE = "arq:queue"
HTMX = {"HX-Request": "true"}


@pytest.fixture
async def managed(redis: Any, redis_url: str, make_client: MakeClient) -> AsyncIterator[Client]:
    """A dashboard at a Redis that does not let it ask about the server."""
    rules = ("on", ">pw", "~*", "&*", "+@all", "-info", "-slowlog", "-memory", "-object", "-config")
    await redis.execute_command("ACL", "SETUSER", "managed", "reset", *rules)
    limited = connect(redis_url.replace("redis://", "redis://managed:pw@"))
    yield await make_client(redis=limited)
    await limited.aclose()
    await redis.execute_command("ACL", "DELUSER", "managed")


async def put(commands: Commands, job_id: str = "j1", queue: str = QUEUE) -> None:
    await commands.submit(Submission("resize", queue, pickle.dumps({"k": "hunter2"}), job_id=job_id))


async def act(client: Client, path: str, headers: Any = None) -> Any:
    return await client.post(path, data={"token": form_token(client)}, headers=headers, allow_redirects=False)


async def test_the_system_is_shown(client: Client, commands: Commands) -> None:
    await put(commands)

    html = await (await client.get("/system")).text()

    assert "Valkey" in html
    assert "noeviction" in html
    assert "set appendonly yes" in html  # the server of the tests keeps nothing
    assert 'data-live="system"' in html
    assert 'data-live="keycount"' in html
    assert re.search(r"records|jobs</a></th><td class=\"n\">1<", html)


async def test_a_managed_redis_is_shown_as_far_as_it_says_something(managed: Client, commands: Commands) -> None:
    await put(commands)

    answer = await managed.get("/system")

    html = await answer.text()
    assert answer.status == 200
    assert "INFO is not allowed here" in html
    assert "SLOWLOG is not allowed here" in html
    assert "Latency" in html


async def test_programs_get_the_same(client: Client, commands: Commands) -> None:
    await put(commands)

    told = await (await client.get("/api/v1/system")).json()

    assert told["redis"]["product"] == "Valkey"
    assert told["redis"]["memory"]["policy"] == "noeviction"
    assert told["redis"]["started"].endswith("Z")
    assert told["ping_ms"] > 0
    assert told["refused"] == []
    assert told["dashboard"]["sockets"] == 0
    assert {"what": "jobs", "count": 1}.items() <= told["stored"][0].items()
    assert told["settings"]["prefix"] == "arqboard:"


async def test_programs_are_told_what_is_forbidden(managed: Client) -> None:
    told = await (await managed.get("/api/v1/system")).json()

    assert (told["redis"], told["slow_log"], told["refused"]) == (None, None, ["INFO", "SLOWLOG"])


def test_settings_are_shown_without_secrets() -> None:
    secrets = {"password": "pass-word-1", "token": "tok-en-2", "secret": "s" * 20}
    settings = Settings.read(redis_url="redis://me:redis-pw-3@db:7000/2", **secrets)

    shown = str(effective(settings))

    assert not [word for word in (*secrets.values(), "redis-pw-3") if word in shown]
    assert "redis://db:7000/2" in shown
    assert "password and token" in shown


@pytest.mark.parametrize(("url", "number"), [("redis://h", 0), ("redis://h/3", 3), ("unix:///run/redis.sock", 0)])
def test_the_database_is_told_by_the_url(url: str, number: int) -> None:
    assert Settings.read(redis_url=url).database == number


# Every key, counted


async def test_keys_are_counted_when_somebody_asks(client: Client, commands: Commands) -> None:
    await put(commands)
    counting = client.app[KEY_COUNTING]

    answer = await act(client, "/system/count", HTMX)

    assert (await answer.text()).startswith('<section id="keycount"')
    await eventually(lambda: not counting.is_running)
    html = await all_meters()["keycount"].read(client.app, "")
    assert "arqboard:job" in html
    assert "Count now" in html


async def test_a_count_goes_on_when_it_is_asked_for_twice(client: Client, redis: Any) -> None:
    await many_keys(redis)
    counting = client.app[KEY_COUNTING]

    counting.start()
    first = counting.count
    counting.start()

    assert counting.count is first


async def test_a_count_can_be_stopped_without_scripts(client: Client, redis: Any) -> None:
    await many_keys(redis)
    counting = client.app[KEY_COUNTING]
    await act(client, "/system/count")
    await eventually(lambda: counting.count is not None and counting.count.seen > 0)

    answer = await act(client, "/system/count/stop")

    assert (answer.status, answer.headers["Location"]) == (303, "/system")
    await eventually(lambda: not counting.is_running)
    assert "Stopped after" in await (await client.get("/system")).text()


async def test_a_count_ends_with_its_dashboard(make_client: MakeClient, redis: Any) -> None:
    await many_keys(redis)
    client = await make_client()
    counting = client.app[KEY_COUNTING]
    counting.start()

    await client.close()

    assert not counting.is_running


async def many_keys(redis: Any) -> None:
    pipe = redis.pipeline()
    for n in range(30_000):
        pipe.set(f"session:{n}", 1)
    await pipe.execute()


# Single keys


async def test_keys_are_found_and_read(client: Client, commands: Commands, keys: Keys) -> None:
    await put(commands)

    found = await (await client.get("/system/keys", params={"find": keys.job("")})).text()
    link = re.search(r'href="(/system/key\?name=[^"]+)"', found)
    assert link
    html = await (await client.get(link[1])).text()

    assert keys.job("j1") in html
    assert '<th scope="row" class="mono">function</th><td class="mono">resize</td>' in html
    assert '/jobs/j1"' in html


async def test_the_call_of_a_job_is_described_and_not_shown(client: Client, commands: Commands) -> None:
    await put(commands)

    html = await (await client.get("/system/key?name=arq:job:j1")).text()

    assert "hunter2" not in html
    assert re.search(r"pickle protocol \d, \d+ bytes, \d+ opcodes, not opened", html)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/system/key?name=session:1", 404),
        ("/system/key?name=arqboard:nope", 404),
        ("/system/key", 422),
        ("/system/keys?find=a&cursor=x", 422),
        ("/system/keys?find=a&cursor=99999999999999999999", 422),
        ("/system/key?name=arqboard:list&after=x", 422),
    ],
)
async def test_what_can_not_be_shown_is_refused_by_name(client: Client, redis: Any, path: str, status: int) -> None:
    await redis.set("session:1", "secret")
    await redis.rpush("arqboard:list", 1)

    answer = await client.get(path)

    assert answer.status == status
    assert "secret" not in await answer.text()


async def test_keys_of_others_are_not_found(client: Client, redis: Any) -> None:
    await redis.set("session:1", "secret")

    html = await (await client.get("/system/keys?find=session")).text()

    assert "No such key" in html
    assert 'href="/system/key?' not in html


async def test_names_of_keys_can_be_anything(client: Client, commands: Commands) -> None:
    name = "a b&c=<d>/../\"'"
    await put(commands, "<j>/1", name)

    for key in (name, "arqboard:job:<j>/1"):
        answer = await client.get("/system/key", params={"name": key})
        assert answer.status == 200
        assert "<d>" not in await answer.text()


async def test_a_key_in_a_managed_redis_has_no_size(managed: Client, commands: Commands) -> None:
    await put(commands)

    answer = await managed.get("/system/key?name=arqboard:job:j1")

    assert answer.status == 200
