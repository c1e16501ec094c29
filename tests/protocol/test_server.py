"""A Redis that would lose jobs is told about, with what to change."""

from __future__ import annotations

from typing import Any

from arqboard.protocol.server import complaints, judge


async def test_a_server_without_an_append_only_file_is_told_about(redis: Any) -> None:
    await redis.config_set("appendonly", "no")
    assert await complaints(redis) == [
        "Redis forgets its newest jobs when it restarts (appendonly no): set appendonly yes."
    ]


async def test_a_server_that_evicts_is_told_about(redis: Any) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "allkeys-lru" in (await complaints(redis))[0]
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


def test_a_replica_is_told_about_first() -> None:
    said = judge({"role": "slave", "maxmemory_policy": "volatile-ttl", "aof_enabled": 0})
    assert said[0].startswith("This Redis is a replica")
    assert len(said) == 3


def test_a_good_server_is_not() -> None:
    assert judge({"role": "master", "maxmemory_policy": "noeviction", "aof_enabled": 1}) == []
