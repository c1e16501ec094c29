"""What is wrong right now stands over every page, worst first, and goes when it is over."""

from __future__ import annotations

from typing import Any

from board import Client, forget

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission, renew_args
from arqboard.protocol.scripts import register
from arqboard_dashboard.alerts import Alert, _of_redis
from arqboard_dashboard.appkeys import ALERTS
from arqboard_dashboard.meters import all_meters


async def put(commands: Commands, queue: str = "arq:queue") -> None:
    await commands.submit(Submission("resize", queue, b"payload"))


async def beat(redis: Any, keys: Keys, worker: str, queue: str = "arq:queue", **record: Any) -> None:
    """A worker's heartbeat."""
    args = renew_args(keys, worker, queue, lease_ms=10_000, record={"queue": queue, **record}, tokens={})
    await register(redis, "renew")(args=args)


async def told(client: Client) -> list[Alert]:
    await forget(client)
    return [alert for alert in await client.app[ALERTS].get() if not alert.code.startswith("redis:")]


async def test_nothing_is_wrong(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await put(commands)
    await beat(redis, keys, "w1")

    assert await told(client) == []


async def test_jobs_wait_and_nobody_works(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await put(commands)

    [alert] = await told(client)
    assert (alert.code, alert.is_bad) == ("no-worker", True)
    html = await (await client.get("/jobs")).text()
    assert "Jobs wait, and no worker is running." in html

    await beat(redis, keys, "w1")
    assert await told(client) == []


async def test_a_queue_that_nobody_works_on_is_named(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await put(commands, "emails")
    await beat(redis, keys, "w1")

    [alert] = await told(client)
    assert alert.code == "no-worker:emails"
    assert "emails" in alert.text


async def test_a_paused_queue_is_meant_to_wait(client: Client, commands: Commands) -> None:
    await put(commands)
    await commands.pause("queue", "arq:queue")

    assert await told(client) == []


async def test_a_worker_whose_loop_lags_is_named(client: Client, redis: Any, keys: Keys) -> None:
    await beat(redis, keys, "w1", lag_ms=1500)
    await beat(redis, keys, "w2", lag_ms=20)

    [alert] = await told(client)
    assert "w1" in alert.text
    assert not alert.is_bad


async def test_a_redis_that_may_lose_jobs_is_told_on_every_page(client: Client) -> None:
    """The server of the tests keeps nothing."""
    for path in ("/jobs", "/failures", "/jobs/new"):
        assert "set appendonly yes" in await (await client.get(path)).text()
    system = await (await client.get("/system")).text()
    assert 'id="alerts"' not in system
    assert "set appendonly yes" in system


async def test_the_strip_is_pushed_as_the_page_has_it(client: Client, commands: Commands) -> None:
    await put(commands)
    await forget(client)

    pushed = await all_meters()["alerts"].read(client.app, "")

    assert pushed.replace(' hx-swap-oob="outerMorph"', "") in await (await client.get("/jobs")).text()


def test_a_complaint_with_another_number_is_the_same_one() -> None:
    assert _of_redis("Its memory is 91 % full").code == _of_redis("Its memory is 97 % full").code
