"""A value that many ask for and that is read for all of them at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """A value that is read again once it is older than `seconds`; all who ask meanwhile share one reading.

    They share its failure too: behind a Redis that hangs, nobody waits for the others' turn first.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]], seconds: float = 1.0) -> None:
        self._read, self._seconds = read, seconds
        self._until = 0.0
        self._reading: asyncio.Task[T] | None = None
        self.last: T | None = None
        """the last reading, however old; None before the first"""

    async def get(self) -> T:
        if self.last is not None and time.monotonic() < self._until:
            return self.last
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_once())
            self._reading.add_done_callback(self._over)
        return await asyncio.shield(self._reading)  # who asked first may go; the others still wait for it

    async def again(self) -> T:
        """Read now, because something was missing that may have come since."""
        self.expire()
        return await self.get()

    def expire(self) -> None:
        self._until = 0.0

    async def _read_once(self) -> T:
        began = time.monotonic()
        self.last = await self._read()
        self._until = began + self._seconds
        return self.last

    def _over(self, task: asyncio.Task[T]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen, even if all who waited have gone
