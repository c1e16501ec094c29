"""A value that many ask for and that is read for all of them at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """A value that is read again once it is older than `seconds`; all who ask meanwhile share one reading.

    They share its failure too: behind a Redis that hangs, nobody waits for the others' turn first. Who needs what is
    true now, because of what was just done, does not share a reading that began before.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]], seconds: float = 1.0) -> None:
        self._read, self._seconds = read, seconds
        self._until = 0.0
        self._reading: asyncio.Task[T] | None = None
        self._has_begun = False
        self._readings = self._newest = 0
        self.last: T | None = None
        """the last reading, however old; None before the first"""

    async def get(self) -> T:
        if self.last is not None and time.monotonic() < self._until:
            return self.last
        if self._reading is None:
            self._has_begun = False
            self._reading = asyncio.create_task(self._read_once())
            self._reading.add_done_callback(self._over)
        return await asyncio.shield(self._reading)  # who asked first may go; the others still wait for it

    async def again(self) -> T:
        """Read now, because something was missing that may have come since."""
        self.expire()
        return await self.get()

    def expire(self) -> None:
        """Who asks from now on gets what is read from now on."""
        self._until = 0.0
        if self._has_begun:
            self._reading = None

    async def _read_once(self) -> T:
        self._has_begun = True
        self._readings += 1
        number, began = self._readings, time.monotonic()
        value = await self._read()
        if number > self._newest:  # else a later reading was quicker
            self._newest, self.last = number, value
        if asyncio.current_task() is self._reading:
            self._until = began + self._seconds
        return value

    def _over(self, task: asyncio.Task[T]) -> None:
        if self._reading is task:
            self._reading = None
        if not task.cancelled():
            task.exception()  # seen, even if all who waited have gone
