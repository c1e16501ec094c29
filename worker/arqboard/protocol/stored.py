"""How much of everything is stored, from our own indexes and a few samples: cheap enough for every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from .client import Client
from .keys import Keys
from .said import Said

#: So many jobs are measured.
SAMPLED = 20
#: What is kept of a job beside its record, named as in keys.py.
_PARTS = {
    "payload": Said("payload of jobs"), "attempts": Said("attempts of jobs"), "chunks": Said("chunks of jobs"),
    "chunk_info": Said("chunk info of jobs"), "log": Said("log of jobs"), "artefacts": Said("artefacts of jobs"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stored:
    """`bytes` are guessed from samples where `is_guess`; None where they can't be asked for. `key` is where to look."""

    what: str
    count: int
    bytes: int | None
    key: str
    is_guess: bool = False


class StoredReader:
    """Over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()

    async def all(self) -> list[Stored]:
        """Jobs with all that is kept of them, and everything there is one key of. Two round trips."""
        k = self.keys
        single = {
            Said("workflows"): k.workflows(), Said("schedules"): k.schedules, Said("changes"): k.changes,
            Said("ended jobs"): k.ended, Said("faults"): k.failures("fingerprint"), Said("workers"): k.workers,
            Said("deploys"): k.deploys, Said("queues"): k.queues, Said("functions"): k.functions,
            Said("limits"): k.limits, Said("totals"): k.stats_totals,
        }  # fmt: skip
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(k.jobs())
        pipe.zrandmember(k.jobs(), SAMPLED)
        for key in single.values():
            _length(pipe, key, k)
            pipe.memory_usage(key)
        jobs, ids, *answers = await pipe.execute(raise_on_error=False)
        found = [
            Stored(what, _number(count), _bytes(size), key)
            for (what, key), count, size in zip(single.items(), answers[::2], answers[1::2], strict=True)
        ]
        sampled = cast("list[bytes]", ids) if isinstance(ids, list) else []
        of_jobs = await self._jobs(_number(jobs), [i.decode(errors="replace") for i in sampled])
        return [*of_jobs, *(one for one in found if one.count)]

    async def _jobs(self, count: int, ids: list[str]) -> list[Stored]:
        """The keys of jobs by kind. How many of the samples have one says how many jobs do."""
        kinds = ("job", *_PARTS)
        keys = [f"{self.keys.prefix}{kind}:{job_id}" for kind in kinds for job_id in ids]
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.memory_usage(key)
        answers: list[Any] = await pipe.execute(raise_on_error=False) if keys else []
        found: list[Stored] = []
        for n, kind in enumerate(kinds):
            sizes = answers[n * len(ids) : (n + 1) * len(ids)]
            found.append(_guess(kind, f"{self.keys.prefix}{kind}:", sizes, count))
        return [one for one in found if one.count]  # a part that no sample has is not guessed to be there


def _guess(kind: str, key: str, sizes: list[Any], jobs: int) -> Stored:
    there = [size for size in sizes if isinstance(size, int)]
    if kind == "job":
        count, refused = jobs, any(isinstance(size, Exception) for size in sizes)
        return Stored(Said("jobs"), count, None if refused or not there else sum(there) * jobs // len(there), key, True)
    share = len(there) / len(sizes) if sizes else 0
    size = sum(there) * jobs // len(sizes) if sizes else None
    return Stored(_PARTS[kind], round(share * jobs), size, key, True)


def _length(pipe: Any, key: str, keys: Keys) -> None:
    if key == keys.queues:
        pipe.scard(key)
    elif key in (keys.functions, keys.limits, keys.stats_totals):
        pipe.hlen(key)
    else:
        pipe.zcard(key)


def _number(answer: Any) -> int:
    return answer if isinstance(answer, int) else 0


def _bytes(answer: Any) -> int | None:
    """None also for what is not there."""
    return answer if isinstance(answer, int) else None
