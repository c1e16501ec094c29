"""How a worker shows itself: its functions, its record with every heartbeat, and its leave."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import resource
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arq.cron import CronJob
from redis.exceptions import RedisError

from .protocol.client import Client
from .protocol.signature import FunctionInfo
from .tasks import Task

if TYPE_CHECKING:
    from .worker import Worker

logger = logging.getLogger("arqboard.registry")

#: A record names at most so many running jobs and functions.
MAX_RUNNING, MAX_FUNCTIONS = 200, 500


class Registry:
    """One per worker. The record itself is sent by the lease thread."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._started = int(time.time() * 1000)
        self._versions = {
            "version": version("arqboard"),
            "arq": version("arq"),
            "python": platform.python_version(),
            "release": worker.toolkit.release,
        }
        self._infos = {name: self._describe(name, function) for name, function in worker.functions.items()}

    async def publish_functions(self) -> None:
        """Tell the dashboard what can be submitted, with signatures, types, defaults and docs."""
        shown = {
            name: info for name, info in self._infos.items() if not isinstance(self._worker.functions[name], CronJob)
        }
        if shown:
            client: Client = self._worker.pool
            key = self._worker.commands.keys.functions
            await client.hset(key, mapping={name: info.model_dump_json() for name, info in shown.items()})
        await self._publish_limits()

    async def _publish_limits(self) -> None:
        """How many jobs of a function may run or start; the claim of every worker reads it."""
        limits = {
            name: function.task_options.limits if isinstance(function, Task) else ""
            for name, function in self._worker.functions.items()
        }
        client: Client = self._worker.pool
        pipe = client.pipeline(transaction=False)
        for name, text in limits.items():
            if text:
                pipe.hset(self._worker.commands.keys.limits, name, text)
            else:
                pipe.hdel(self._worker.commands.keys.limits, name)
        await pipe.execute()

    async def mark_release(self) -> None:
        """Tell the charts what runs from now on, where the settings say it. Work does not wait for that."""
        worker = self._worker
        if not worker.toolkit.release:
            return
        try:
            await worker.commands.deploy(worker.toolkit.release)
        except (RedisError, OSError) as error:
            logger.warning("the release %s has no mark on the charts: %s", worker.toolkit.release, error)

    def positional_names(self, function: str) -> list[str]:
        """What positional arguments are called, so that secrets among them can be told by name."""
        info = self._infos.get(function)
        return [p.name for p in info.parameters if p.kind in ("positional", "normal")] if info else []

    def _describe(self, name: str, function: Any) -> FunctionInfo:
        worker = self._worker
        return FunctionInfo.of(
            name,
            function.function if isinstance(function, Task) else function.coroutine,
            queue=worker.queue_name,
            max_tries=worker.max_tries if function.max_tries is None else function.max_tries,
            timeout=worker.job_timeout_s if function.timeout_s is None else function.timeout_s,
            serializer="pickle" if worker.job_serializer is None else "custom",
            **_told(function),
        )

    def record(self) -> dict[str, Any]:
        """What the worker says of itself; called in the lease thread."""
        worker = self._worker
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queue": worker.queue_name,
            "slots": worker.max_jobs,
            "running": json.dumps(list(worker.running.copy())[:MAX_RUNNING]),
            "functions": json.dumps(list(worker.functions)[:MAX_FUNCTIONS]),
            "started": self._started,
            "done": worker.jobs_complete,
            "failed": worker.jobs_failed,
            **self._versions,
            "rss": _rss(),
            "heartbeat": worker.toolkit.heartbeat,
        }

    async def leave(self) -> None:
        """A worker that ends in peace is not shown as lost."""
        worker, keys = self._worker, self._worker.commands.keys
        pipe = worker.pool.pipeline(transaction=True)
        pipe.zrem(keys.workers, worker.id)
        pipe.delete(keys.worker(worker.id))
        if await worker.pool.zcard(keys.workers) <= 1:
            pipe.delete(worker.health_check_key)  # shared by all workers of the queue: the last one takes it away
        await pipe.execute()


def _told(function: Any) -> dict[str, Any]:
    if not isinstance(function, Task):
        return {}
    own = function.task_options
    rate = f"1 every {own.rate.interval:g} s" if own.rate else ""
    return {
        "soft_timeout": own.soft_timeout, "priority": own.priority, "expires": own.expires,
        "unique": own.unique, "unique_for": own.unique_for,
        "ignore_result": own.ignore_result, "concurrency": own.concurrency, "rate": rate, "run_in": own.run_in,
        "tags": list(own.tags),
    }  # fmt: skip


def _rss() -> int:
    """Resident memory in bytes: now where Linux tells it, else the highest so far."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
