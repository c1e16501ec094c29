"""What a Redis says of itself, read so that nothing of it can break a page."""

from __future__ import annotations

import asyncio
import pickle
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import NoPermissionError, ResponseError
from waiting import connect, eventually

from arqboard.protocol import Keys
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.inert import describe
from arqboard.protocol.keycount import OTHERS, KeyCount, kind_of
from arqboard.protocol.stored import StoredReader
from arqboard.protocol.system import SystemReader, is_refusal, read_info, shown_command, verbs

QUEUE = "arq:queue"


@pytest.fixture
async def limited(redis: Any, redis_url: str) -> AsyncIterator[Any]:
    """A client of somebody who may not ask the server about itself, as with a managed Redis."""
    rules = ("on", ">pw", "~*", "&*", "+@all", "-info", "-slowlog", "-memory", "-object", "-config")
    await redis.execute_command("ACL", "SETUSER", "limited", "reset", *rules)
    client = connect(redis_url.replace("redis://", "redis://limited:pw@"))
    yield client
    await client.aclose()
    await redis.execute_command("ACL", "DELUSER", "limited")


async def test_a_server_is_described(redis: Any) -> None:
    health = await SystemReader(redis).health()

    assert health.info is not None
    assert health.info.product == "Valkey"
    assert health.info.version
    assert health.info.memory.used > 100_000
    assert health.info.memory.policy == "noeviction"
    assert health.info.replication.role == "master"
    assert health.info.clients > 0
    assert 0 < health.ping_ms < 60_000
    assert 0 <= health.now - health.info.started < 10**9
    assert health.refused == ()
    assert any("appendonly" in said for said in health.info.complaints)  # the server of the tests keeps nothing


async def test_what_may_not_be_asked_is_none_and_named(limited: Any) -> None:
    health = await SystemReader(limited).health()

    assert (health.info, health.slow) == (None, None)
    assert health.refused == ("INFO", "SLOWLOG")
    assert health.ping_ms > 0


async def test_other_errors_are_not_taken_for_a_refusal() -> None:
    assert is_refusal(NoPermissionError("User limited has no permissions to run the 'info' command"))
    assert is_refusal(ResponseError("unknown command 'SLOWLOG', with args beginning with: 'GET'"))
    assert not is_refusal(ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"))


async def test_slow_commands_show_no_values(redis: Any, keys: Keys, commands: Commands) -> None:
    await redis.config_set("slowlog-log-slower-than", 0)
    try:
        await redis.slowlog_reset()
        await redis.set("session:abcdef", "secret-value")
        await redis.hset(keys.job("j1"), "password", "secret-value")
        slow = (await SystemReader(redis).health()).slow or []
        await commands.submit(Submission("resize", QUEUE, b"secret-value", job_id="j2"))
        slow += (await SystemReader(redis).health()).slow or []
    finally:
        await redis.config_set("slowlog-log-slower-than", 10_000)

    shown = [command.shown for command in slow]
    assert not [text for text in shown if "secret-value" in text or "abcdef" in text]
    assert any(text.startswith(f"HSET {keys.job('j1')} … ") for text in shown)
    assert any(text.startswith("EVALSHA submit … ") for text in shown)
    assert all(command.us >= 0 and command.at > 10**12 for command in slow)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET arqboard:position", "GET arqboard:position"),
        ("get other:key", "GET … 9 more characters"),
        ("AUTH name password", "AUTH … 13 more characters"),
        ("CONFIG SET requirepass x", "CONFIG … 17 more characters"),
        ("EVALSHA 0123456789abcdef 0 arqboard:", "EVALSHA 01234567 … 11 more characters"),
        ("PING", "PING"),
        ("", ""),
        ("GET arq:job:" + "x" * 200, "GET arq:job:" + "x" * 72 + "…"),
    ],
)
def test_a_slow_command_is_its_name_and_a_key_of_ours(text: str, shown: str) -> None:
    assert shown_command(text, Keys()) == shown


def test_every_verb_is_known_by_its_hash() -> None:
    assert {"submit", "claim", "finish", "failures"} <= set(verbs().values())
    assert not [name for name in verbs().values() if name.startswith("_")]


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"used_memory": "x", "maxmemory": None, "db0": 7, "uptime_in_seconds": "never"},
        {"db0": {"keys": "many"}, "maxmemory_policy": 3, "master_link_status": "down", "role": "slave"},
    ],
)
def test_info_that_makes_no_sense_is_read_as_far_as_it_does(info: dict[str, Any]) -> None:
    read = read_info(info, now=10**12)

    assert (read.memory.used, read.keys) == (0, 0)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"maxmemory": 100, "used_memory": 95}, "95 % full"),
        ({"maxmemory_policy": "allkeys-lru"}, "noeviction"),
        ({"aof_enabled": 0}, "appendonly"),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, "append-only file failed"),
        ({"rdb_last_bgsave_status": "err"}, "snapshot failed"),
        ({"role": "slave", "master_link_status": "down"}, "lost its master"),
    ],
)
def test_what_is_wrong_is_said(info: dict[str, Any], said: str) -> None:
    assert any(said in complaint for complaint in read_info(info, 0).complaints)


def test_products_that_speak_like_redis_are_told_apart() -> None:
    assert read_info({"redis_version": "7.2.4", "valkey_version": "8.1.0"}, 0).product == "Valkey"
    assert read_info({"redis_version": "7.4.0"}, 0).version == "7.4.0"


# What is stored


async def test_what_is_stored_is_counted_by_indexes_and_guessed_by_samples(
    redis: Any, keys: Keys, commands: Commands
) -> None:
    for n in range(30):
        await commands.submit(Submission("resize", QUEUE, b"payload", job_id=f"j{n}"))

    stored = {one.what: one for one in await StoredReader(redis, keys).all()}

    assert stored["jobs"].count == 30
    each = await redis.memory_usage(keys.job("j0"))
    assert stored["jobs"].bytes is not None
    assert abs(stored["jobs"].bytes - 30 * each) < 30 * 40
    assert (stored["changes"].count, stored["queues"].count) == (30, 1)
    assert "workflows" not in stored


async def test_sizes_that_may_not_be_asked_are_none(limited: Any, keys: Keys, commands: Commands) -> None:
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j1"))

    stored = {one.what: one for one in await StoredReader(limited, keys).all()}

    assert (stored["jobs"].count, stored["jobs"].bytes, stored["changes"].bytes) == (1, None, None)


async def test_nothing_is_stored_yet(redis: Any, keys: Keys) -> None:
    assert await StoredReader(redis, keys).all() == []


# Every key


async def test_every_key_is_counted_by_kind(redis: Any, keys: Keys, commands: Commands) -> None:
    for n in range(3000):
        await redis.set(f"session:{n}", "x")
    for n in range(20):
        await commands.submit(Submission("resize", QUEUE, b"payload", job_id=f"j{n}"))
    count = KeyCount(keys)

    await count.run(redis)

    assert count.is_over
    assert count.seen == count.total == await redis.dbsize()
    assert (count.kinds[OTHERS].count, count.kinds["arqboard:job"].count, count.kinds["arq:job"].count) == (
        3000,
        20,
        20,
    )
    others = count.kinds[OTHERS]
    assert others.measured < 300
    assert others.bytes == pytest.approx(3000 * await redis.memory_usage("session:1"), rel=0.2)


async def test_a_count_can_be_stopped(redis: Any, keys: Keys) -> None:
    pipe = redis.pipeline()
    for n in range(20_000):
        pipe.set(f"k{n}", "x")
    await pipe.execute()
    count = KeyCount(keys)
    running = asyncio.create_task(count.run(redis))
    await eventually(lambda: count.seen > 0)

    count.stop()
    await running

    assert count.is_over
    assert 0 < count.seen < 20_000


async def test_a_count_without_sizes(limited: Any, redis: Any, keys: Keys) -> None:
    await redis.set(keys.position, 1)
    count = KeyCount(keys)

    await count.run(limited)

    assert count.kinds["arqboard:position"].count == 1
    assert count.kinds["arqboard:position"].bytes is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("arqboard:job:j1", "arqboard:job"),
        ("arqboard:jobs:failed/*/a:b", "arqboard:jobs"),
        ("arqboard:stats:hour:9", "arqboard:stats"),
        ("arqboard:schedule-runs:x", "arqboard:schedule-runs"),
        ("arqboard:", "arqboard:?"),
        ("arq:in-progress:j1", "arq:in-progress"),
        ("arq:queue", "arq:queue"),
        ("session:1", OTHERS),
        ("arqboard", OTHERS),
    ],
)
def test_the_kind_of_a_key_is_what_its_name_begins_with(name: str, kind: str) -> None:
    assert kind_of(name, Keys()) == kind


def test_there_are_not_too_many_kinds(keys: Keys) -> None:
    count = KeyCount(keys)
    for a in "abcdefghij":
        for b in "abcdefghij":
            count._kind_of(f"arq:{a}{b}").count += 1

    assert len(count.kinds) == 61
    assert sum(kind.count for kind in count.kinds.values()) == 100


# Bytes that are not opened


class Opened(Exception):
    """What loading one of these pickles would raise."""


class Trap:
    def __reduce__(self) -> Any:
        return (raises_opened, ())


def raises_opened() -> None:
    raise Opened


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_described_and_not_loaded(protocol: int) -> None:
    raw = pickle.dumps({"f": "resize", "trap": Trap(), "again": OrderedDict()}, protocol=protocol)

    said = describe(raw)

    assert said.startswith(f"pickle protocol {protocol}, {len(raw)} bytes, ")
    assert "not opened" in said
    assert f"{__name__}.raises_opened" in said
    assert "collections.OrderedDict" in said


@pytest.mark.parametrize("raw", [b"\x80\x05", b"\x80\x05\xff\xff", b"\x80\x04" + b"\x8c\xffshort", b"\x80\x05." + b"x"])
def test_broken_pickles_are_described_as_well(raw: bytes) -> None:
    assert "not opened" in describe(raw)


def test_a_long_pickle_is_only_looked_into() -> None:
    raw = pickle.dumps(["x" * 100] * 2 + [str(n) for n in range(50_000)])

    assert "or more opcodes" in describe(raw)


def test_other_bytes_are_counted(tmp_path: Path) -> None:
    assert describe(b"") == "0 bytes, not opened"
    assert describe(b'{"a": 1}') == "8 bytes, not opened"
