"""When mailboxes may be written to: at once after a quiet spell, then after a pause, many at the same time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from .mailbox import AT_ONCE, Mailbox

#: Mailboxes in the same tenth of the pause are flushed together, by one timer.
_SLOTS_PER_PAUSE = 10


class Slots:
    """Calls `flush` with all mailboxes whose slot of time has come."""

    def __init__(self, pause: float, flush: Callable[[list[Mailbox]], None]) -> None:
        self._pause, self._flush = pause, flush
        self._seconds = pause / _SLOTS_PER_PAUSE
        self._slots: dict[int, list[Mailbox]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, mailbox: Mailbox) -> None:
        """Put a mailbox in its slot, or in the next one if that is over."""
        mailbox.is_due = True
        slot = mailbox.slot if mailbox.slot > now() / self._seconds else AT_ONCE
        if slot in self._slots:
            self._slots[slot].append(mailbox)
        else:
            self._slots[slot] = [mailbox]
            self._set_timer(slot)

    def following(self) -> int:
        """The first slot after a pause that begins now."""
        return math.ceil((now() + self._pause) / self._seconds)

    def clear(self) -> None:
        """Forget all that waits."""
        self._slots.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, slot: int) -> None:
        when = slot * self._seconds
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        present = now()
        due = [slot for slot in self._slots if slot * self._seconds <= present]
        mailboxes = [mailbox for slot in due for mailbox in self._slots.pop(slot)]
        for mailbox in mailboxes:
            mailbox.is_due = False
        self._flush(mailboxes)
        if self._slots:
            self._set_timer(min(self._slots))


def now() -> float:
    """The event loop's clock: what its timers are set by."""
    return asyncio.get_running_loop().time()
