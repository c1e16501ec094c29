"""What workers run, and what became of the jobs of those that are lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .client import Client
from .keys import Keys


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that another worker took over, and when (ms since 1970)."""

    job_id: str
    function: str
    by: str
    at: int


async def read_taken(redis: Client, keys: Keys, workers: Sequence[str], limit: int = 50) -> dict[str, list[Taken]]:
    """What others took over from each of these workers in the last hour, newest first. One round trip."""
    pipe = redis.pipeline(transaction=False)
    for worker in workers:
        pipe.lrange(keys.taken(worker), 0, limit - 1)
    rows: list[Any] = await pipe.execute(raise_on_error=False) if workers else []
    return {
        worker: [] if isinstance(row, Exception) else [taken for taken in map(_taken, row) if taken]
        for worker, row in zip(workers, rows, strict=True)
    }


async def read_leases(redis: Client, queue_of: dict[str, str]) -> dict[str, int]:
    """Until when (ms since 1970) a running job is left to its worker, by job id: its score in arq's queue."""
    pipe = redis.pipeline(transaction=False)
    for job_id, queue in queue_of.items():
        pipe.zscore(queue, job_id)
    scores: list[Any] = await pipe.execute(raise_on_error=False) if queue_of else []
    return {job_id: int(score) for job_id, score in zip(queue_of, scores, strict=True) if isinstance(score, float)}


def _taken(raw: bytes) -> Taken | None:
    try:
        d = json.loads(raw)
        return Taken(str(d["job"]), str(d["function"]), str(d["by"]), int(d["at"]))
    except (ValueError, KeyError, TypeError):
        return None
