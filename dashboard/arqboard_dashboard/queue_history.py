"""What went through queues by the minute, each minute read once: one that is over stays as it was."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from arqboard.protocol.client import Client
from arqboard.protocol.keys import Keys
from arqboard.protocol.queues import NO_COUNTS, QueueCounts, read_queue_minutes

#: Queues whose minutes are remembered at most.
MAX_QUEUES = 200
#: The minute before this one may still get a count from a verb that began in it.
UNSETTLED = 2


class QueueHistory:
    """Minutes of queues, over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._known: OrderedDict[str, dict[int, QueueCounts]] = OrderedDict()
        self._epoch = ""

    async def last(self, queues: Sequence[str], now: int, count: int, epoch: str) -> dict[str, list[QueueCounts]]:
        """The last `count` minutes of each queue before `now` (ms), oldest first. Under another epoch all is new."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._known.clear()
        end = now // 60_000 + 1
        for first, alike in self._missing(queues, end, count).items():
            await self._read(alike, range(first, end))
        self._trim(end)
        return {queue: self._tail(queue, range(end - count, end)) for queue in queues}

    def _missing(self, queues: Sequence[str], end: int, count: int) -> dict[int, list[str]]:
        """Queues by the first minute that has to be read of them."""
        found: dict[int, list[str]] = {}
        for queue in queues:
            known = self._known.get(queue, {})
            first = end - count
            if first in known:
                first = max(first, max(known) + 1 - UNSETTLED)
            found.setdefault(first, []).append(queue)
        return found

    async def _read(self, queues: Sequence[str], minutes: range) -> None:
        read = await read_queue_minutes(self._redis, self._keys, queues, minutes)
        for queue in queues:
            known = self._known.get(queue, {})
            if minutes.start not in known:  # nobody has asked for a while, so what is known ends before
                known = {}
            self._known[queue] = known
            self._known.move_to_end(queue)
            known.update({minute: found.get(queue, NO_COUNTS) for minute, found in read.items()})

    def _tail(self, queue: str, minutes: range) -> list[QueueCounts]:
        known = self._known.get(queue, {})
        return [known.get(minute, NO_COUNTS) for minute in minutes]

    def _trim(self, end: int) -> None:
        """A day of each, and of those that were asked for lately."""
        for known in self._known.values():
            for minute in [minute for minute in known if minute < end - 1440]:
                del known[minute]
        while len(self._known) > MAX_QUEUES:
            self._known.popitem(last=False)
