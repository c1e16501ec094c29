"""How long the event loop keeps its timers waiting: what blocks it delays every job of the worker."""

from __future__ import annotations

import asyncio
import time

#: Seconds between two beats.
EVERY = 0.25


class Pulse:
    """A timer in the loop that another thread watches, so that a block is seen while it lasts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = float("inf")
        self._longest = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = time.monotonic() + EVERY
        self._timer = self._loop.call_later(EVERY, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = float("inf")

    def lag_ms(self) -> float:
        """The longest delay since it was last asked, the one that lasts now included. From any thread."""
        longest, self._longest = self._longest, 0.0
        return 1000 * max(longest, time.monotonic() - self._due, 0.0)

    def _beat(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._due)
        self.start()
