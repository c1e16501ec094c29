"""Jobs that stock `enqueue_job` queued get a record of ours, before they run and while they wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from arq.cron import CronJob
from arq.jobs import DeserializationError

from .calls import Call, read_call
from .protocol.client import Client
from .protocol.commands import Adoption
from .protocol.job import State
from .protocol.keys import ArqKeys
from .protocol.payload import preview_call
from .protocol.tags import tags_of
from .reporter import ANSWER_WITHIN
from .tasks import Task

if TYPE_CHECKING:
    from .worker import Worker

logger = logging.getLogger("arqboard.adopting")

#: Ids looked at in one round trip, and round trips in one search: a long queue is walked a bit at a time.
STRIDE = 500
STRIDES = 10
WAITING = (State.QUEUED, State.DEFERRED, State.RUNNING, State.RETRYING)


class Adopter:
    """One per worker: knows how to describe a foreign job, and looks for such jobs in its queue."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._offset = 0

    async def adopt(self, foreign: Sequence[tuple[str, bytes]]) -> int:
        """Make records of these (id, payload)."""
        if not foreign:
            return 0
        described = [self._describe(*job) for job in foreign]
        async with asyncio.timeout(ANSWER_WITHIN):
            return await self._worker.commands.adopt(self._worker.queue_name, described)

    async def search(self) -> None:
        """Adopt what waits without a record. Costs one count while there is none."""
        if not await self._is_something_foreign():
            self._offset = 0
            return
        for _ in range(STRIDES):
            ids = await self._next_ids()
            if not ids:
                return
            await self.adopt(await self._without_record(ids))

    async def _is_something_foreign(self) -> bool:
        worker = self._worker
        pipe = worker.pool.pipeline(transaction=False)
        pipe.zcard(worker.queue_name)
        for state in WAITING:
            pipe.zcard(worker.commands.keys.jobs(state, worker.queue_name))
        in_queue, *ours = await pipe.execute()
        return bool(in_queue > sum(ours))

    async def _next_ids(self) -> list[str]:
        worker = self._worker
        client: Client = worker.pool
        raw = await client.zrange(worker.queue_name, self._offset, self._offset + STRIDE - 1)
        self._offset = self._offset + STRIDE if len(raw) == STRIDE else 0
        return [i.decode(errors="replace") for i in raw]

    async def _without_record(self, ids: Iterable[str]) -> list[tuple[str, bytes]]:
        worker, listed = self._worker, list(ids)
        pipe = worker.pool.pipeline(transaction=False)
        for job_id in listed:
            pipe.hget(worker.commands.keys.job(job_id), "state")
            pipe.get(ArqKeys.job(job_id))
        flat = await pipe.execute(raise_on_error=False)
        pairs = zip(listed, flat[::2], flat[1::2], strict=True)
        return [(i, blob or b"") for i, state, blob in pairs if not _is_open(state) and not isinstance(blob, Exception)]

    def _describe(self, job_id: str, payload: bytes) -> Adoption:
        call = self._read(job_id, payload)
        args, kwargs = preview_call(call.args, call.kwargs, self._worker.registry.positional_names(call.function))
        function = self._worker.functions.get(call.function)
        tries = function.max_tries if function else None
        timeout = function.timeout_s if function else None
        return Adoption(
            job_id, str(call.function)[:200], args, kwargs, call.enqueued,
            max_tries=self._worker.max_tries if tries is None else tries,
            timeout=self._worker.job_timeout_s if timeout is None else timeout,
            unique=isinstance(function, CronJob) and function.job_id is None and function.unique,
            tags=tags_of(function.task_options.tags) if isinstance(function, Task) else (),
        )  # fmt: skip

    def _read(self, job_id: str, payload: bytes) -> Call:
        try:
            return read_call(payload, self._worker.job_deserializer) if payload else Call()
        except DeserializationError as error:
            logger.warning("job %s can't be read: %s", job_id, error.__cause__ or error)
            return Call()


def _is_open(state: Any) -> bool:
    return isinstance(state, bytes) and state.decode(errors="replace") in [s.value for s in WAITING]
