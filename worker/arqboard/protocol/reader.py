"""Reads jobs, and what surrounds them, from our own indexes. O(rows shown), few round trips, no SCAN, no pickles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import ResponseError

from .errors import JobNotFound
from .gauges import Gauge, read_gauges
from .job import DETAIL_FIELDS, ROW_FIELDS, Attempt, Job, State, Unreadable
from .keys import ArqKeys
from .listing import MAX_PAGE, Cursor, ListReader, Page
from .query import Query, Sort
from .queues import read_queue_counts
from .said import Said
from .signature import FunctionInfo
from .stats import BUCKETS, Counts, Deploy, Stats, Step, Totals, read_deploys, read_stats, read_totals

__all__ = [
    "MAX_PAGE",
    "Changes",
    "Cursor",
    "MinuteStats",
    "Page",
    "Query",
    "QueueInfo",
    "Reader",
    "Sort",
    "WorkerInfo",
]
#: How many attempts of one job are read. A job can have more; the newest are shown.
MAX_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a position. `reset` means: too much or unknown, load everything anew."""

    position: int
    epoch: str
    ids: list[str]
    more: bool
    reset: bool


@dataclass(frozen=True, slots=True)
class QueueInfo:
    name: str
    queued: int
    running: int
    deferred: int
    retrying: int
    oldest: int | None
    paused: int | None = None
    """since when nothing of it starts"""

    @property
    def backlog(self) -> int:
        return self.queued + self.retrying


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process as it last reported. `seen` is ms since 1970; `alive` is false after three missed heartbeats."""

    id: str
    host: str
    pid: int
    queue: str
    slots: int
    running: list[str]
    functions: list[str]
    started: int
    seen: int
    alive: bool
    done: int
    failed: int
    version: str
    lag_ms: float
    rss: int
    draining: bool = False
    """it claims no more"""
    python: str = ""
    arq: str = ""
    release: str = ""
    """what is deployed, where the settings say it"""


@dataclass(frozen=True, slots=True)
class MinuteStats:
    """What ended in one minute. Histograms count by the bounds of `HISTOGRAM_MS`."""

    minute: int
    succeeded: int
    failed: int
    aborted: int
    retried: int
    run: tuple[int, ...]
    wait: tuple[int, ...]


class Reader(ListReader):
    """Everything a dashboard may know, from one Redis client that it does not own."""

    # One job and many

    async def get(self, job_id: str) -> Job:
        """One job with its traceback. Raises JobNotFound, or ValueError where the record can't be read."""
        found = (await self._rows([job_id], DETAIL_FIELDS))[0]
        match found:
            case None:
                raise JobNotFound(job_id)
            case Unreadable(why=why):
                raise ValueError(Said('The record of job "%(id)s" can\'t be read: %(why)s.', id=job_id, why=why))
            case _:
                return found

    async def many(self, job_ids: Sequence[str], *, detail: bool = False) -> list[Job | Unreadable | None]:
        """Jobs in the order asked for; None where there is no such job."""
        return await self._rows(job_ids, DETAIL_FIELDS if detail else ROW_FIELDS)

    async def attempts(self, job: Job) -> list[Attempt]:
        """All attempts, oldest first. Earlier ones from their list, the last from the job itself."""
        raw = await self._redis.lrange(self.keys.attempts(job.id), -MAX_ATTEMPTS, -1)
        earlier: list[Attempt] = []
        for entry in raw:
            try:
                earlier.append(Attempt.from_json(entry))
            except (ValueError, KeyError, TypeError):
                continue
        last = job.current_attempt
        return [*earlier, last] if last else earlier

    async def chunk_marks(self, job_id: str) -> str:
        """One letter per chunk: `.` waiting, `r` running, `d` done, `f` failed, `s` skipped. "" without chunks."""
        try:
            return ((await self._redis.get(self.keys.chunks(job_id))) or b"").decode("ascii", "replace")
        except ResponseError:
            return ""

    # What moves

    async def changes_since(self, position: int, epoch: str, *, limit: int = 5000) -> Changes:
        """Ids of jobs that changed after a position, oldest change first, each once."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(self.keys.epoch)
        pipe.get(self.keys.position)
        pipe.zrange(self.keys.changes, f"({position}", "+inf", byscore=True, offset=0, num=limit, withscores=True)
        pipe.zrange(self.keys.changes, 0, 0, withscores=True)
        raw_epoch, raw_position, rows, first = await pipe.execute()
        now_epoch = (raw_epoch or b"").decode(errors="replace")
        now_position = int(raw_position or 0)
        trimmed = bool(first) and first[0][1] > position + 1 and len(rows) >= limit
        if now_epoch != epoch or now_position < position or trimmed:
            return Changes(now_position, now_epoch, [], more=False, reset=True)
        ids = [raw.decode(errors="replace") for raw, _ in rows]
        more = len(rows) >= limit
        upto = int(rows[-1][1]) if more else now_position
        return Changes(upto, now_epoch, ids, more=more, reset=False)

    async def position(self) -> tuple[int, str]:
        """The newest position and the epoch it belongs to."""
        raw_position, raw_epoch = await self._redis.mget(self.keys.position, self.keys.epoch)
        return int(raw_position or 0), (raw_epoch or b"").decode(errors="replace")

    # What there is

    async def functions(self) -> dict[str, FunctionInfo]:
        """What workers have published, by name."""
        raw = await self._redis.hgetall(self.keys.functions)
        found: dict[str, FunctionInfo] = {}
        for name, blob in sorted(raw.items()):
            try:
                info = FunctionInfo.model_validate_json(blob)
            except ValueError:
                continue
            found[name.decode(errors="replace")] = info
        return found

    async def queues(self) -> list[QueueInfo]:
        """Queues that ever had a job or a worker, with what waits in each."""
        names = sorted(n.decode(errors="replace") for n in await self._redis.smembers(self.keys.queues))
        states = (State.QUEUED, State.RUNNING, State.DEFERRED, State.RETRYING)
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            for state in states:
                pipe.zcard(self.keys.jobs(state, name))
            pipe.zrange(self.keys.jobs(State.QUEUED, name), 0, 0, withscores=True)
        pipe.hgetall(self.keys.paused)
        *flat, held = await pipe.execute()
        paused = _since(held, "queue")
        width = len(states) + 1
        rows = [flat[i : i + width] for i in range(0, len(flat), width)]
        return [
            QueueInfo(
                name, queued, running, deferred, retrying, int(oldest[0][1]) if oldest else None, paused.get(name)
            )
            for name, (queued, running, deferred, retrying, oldest) in zip(names, rows, strict=True)
        ]

    async def running_workflows(self) -> int:
        """How many workflows have not ended."""
        return int(await self._redis.zcard(self.keys.workflows("running")))

    async def paused(self, kind: Literal["queue", "function"]) -> dict[str, int]:
        """Which queues or functions are held, and since when (ms)."""
        return _since(await self._redis.hgetall(self.keys.paused), kind)

    async def schedule_count(self) -> int:
        return int(await self._redis.zcard(self.keys.schedules))

    async def workers(self) -> list[WorkerInfo]:
        """Workers seen in the last hour, by name. Dead ones stay in the list with `alive` false."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self.keys.workers, 0, -1, withscores=True)
        (seconds, micros), rows = await pipe.execute()
        now = seconds * 1000 + micros // 1000
        pipe = self._redis.pipeline(transaction=False)
        for raw, _ in rows:
            pipe.hgetall(self.keys.worker(raw.decode(errors="replace")))
        blobs: list[Any] = await pipe.execute(raise_on_error=False)
        infos = [
            _worker(raw.decode(errors="replace"), int(seen), now, blob)
            for (raw, seen), blob in zip(rows, blobs, strict=True)
        ]
        return sorted((w for w in infos if w), key=lambda w: (not w.alive, w.id))

    async def minutes(self, count: int) -> list[MinuteStats]:
        """The last `count` minutes, oldest first, the unfinished one last."""
        now = await self.now_ms() // 60_000
        pipe = self._redis.pipeline(transaction=False)
        wanted = range(now - count + 1, now + 1)
        for minute in wanted:
            pipe.hgetall(self.keys.stats(minute))
        blobs = await pipe.execute(raise_on_error=False)
        return [_minute(m, {} if isinstance(b, Exception) else b) for m, b in zip(wanted, blobs, strict=True)]

    async def stats(
        self, function: str | None = None, *, since: int, step: Step | None = None, until: int | None = None
    ) -> Stats:
        """What happened from `since` (ms) on, of one function or of all; the step follows from how long that is.

        The last bucket is the one of `until`, or of now.

        Raises ValueError where a given step makes too many buckets of the time.
        """
        return await read_stats(self._redis, self.keys, function, since, step, until)

    async def totals(self) -> Totals:
        """Everything that was ever counted, by function. Only grows."""
        return await read_totals(self._redis, self.keys)

    async def queue_counts(self, queue: str, since: int, until: int) -> dict[int, Counts]:
        """What happened in a queue from a time (ms) to another, by minute since 1970. It is known for 26 hours."""
        return await read_queue_counts(self._redis, self.keys, queue, range(since // 60_000, until // 60_000 + 1))

    async def gauges(self, since: int, until: int) -> dict[int, Gauge]:
        """How many jobs ran and waited from a time (ms) to another, by minute since 1970, where a worker has looked."""
        return await read_gauges(self._redis, self.keys, since, until)

    async def deploys(self, since: int = 0) -> list[Deploy]:
        """Releases first seen from a time (ms) on, oldest first."""
        return await read_deploys(self._redis, self.keys, since)

    async def looking(self) -> None:
        """Say that somebody looks: workers report progress at full rate for the next 10 seconds."""
        await self._redis.set(self.keys.viewers, 1, ex=10)

    async def result_until(self, job_id: str) -> int | None:
        """When (ms since 1970) arq's result goes. None where there is none, and where it is kept for ever."""
        async with self._redis.pipeline(transaction=True) as pipe:  # both at one moment, so it is the same each time
            pipe.time()
            pipe.pttl(ArqKeys.result(job_id))
            (seconds, micros), left = await pipe.execute()
        return seconds * 1000 + micros // 1000 + int(left) if left >= 0 else None


def _since(held: dict[bytes, bytes], kind: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for raw, since in held.items():
        name = raw.decode(errors="replace")
        if name.startswith(f"{kind}:") and since.isdigit():
            found[name.removeprefix(f"{kind}:")] = int(since)
    return found


def _worker(worker_id: str, seen: int, now: int, blob: Any) -> WorkerInfo | None:
    try:
        d = {k.decode(): v.decode(errors="replace") for k, v in blob.items()}
        if not d:  # its record has expired, and no other worker has cleared its name away
            return None
        return WorkerInfo(
            id=worker_id, host=d.get("host", ""), pid=int(d.get("pid", 0)), queue=d.get("queue", ""),
            slots=int(d.get("slots", 0)), running=[str(i) for i in json.loads(d.get("running", "[]"))],
            functions=[str(f) for f in json.loads(d.get("functions", "[]"))], started=int(d.get("started", 0)),
            seen=seen, alive=now - seen < 3000 * float(d.get("heartbeat", 2)),
            done=int(d.get("done", 0)), failed=int(d.get("failed", 0)),
            version=d.get("version", ""), lag_ms=float(d.get("lag_ms", 0)), rss=int(d.get("rss", 0)),
            draining=d.get("draining") == "1", python=d.get("python", ""), arq=d.get("arq", ""),
            release=d.get("release", ""),
        )  # fmt: skip
    except (ValueError, TypeError, AttributeError):
        return None


def _minute(minute: int, blob: dict[bytes, bytes]) -> MinuteStats:
    def count(name: str) -> int:
        try:
            return int(blob.get(name.encode(), 0))
        except ValueError:
            return 0

    def histogram(kind: str) -> tuple[int, ...]:
        return tuple(count(f"{kind}|{n}") for n in range(BUCKETS))

    return MinuteStats(
        minute, count("succeeded"), count("failed"), count("aborted"), count("retried"), histogram("run"),
        histogram("wait"),
    )  # fmt: skip
