"""What a Redis has to be like so that no job is lost, told in sentences that say what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import Client
from .said import Said


async def complaints(redis: Client) -> list[str]:
    """What is wrong with this server, most serious first; empty when all is well. Needs INFO only."""
    pipe = redis.pipeline(transaction=False)
    for section in ("replication", "memory", "persistence"):
        pipe.info(section)
    replication, memory, persistence = await pipe.execute()
    return judge({**replication, **memory, **persistence})


def judge(info: Mapping[str, Any]) -> list[str]:
    """The same for what INFO said."""
    found: list[str] = []
    if info.get("role", "master") != "master":
        found.append(Said("This Redis is a replica and takes no writes: connect to its master."))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(
            Said(
                "Redis may throw jobs away when its memory is full (maxmemory-policy %(policy)s):"
                " set maxmemory-policy noeviction.",
                policy=policy,
            )
        )
    if info.get("aof_enabled", 1) == 0:
        found.append(Said("Redis forgets its newest jobs when it restarts (appendonly no): set appendonly yes."))
    return found
