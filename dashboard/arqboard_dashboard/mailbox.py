"""What pages have not been told yet. Pages that show the same and were told the same share one mailbox."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

#: Above this many bytes in a socket's buffer nothing is added: what is newest is decided when it has drained.
MAX_BUFFERED = 64 * 1024
#: The slot of time of a mailbox that has been quiet (see slots.py).
AT_ONCE = 0


class Wire(Protocol):
    """What the hub needs of an asyncio transport."""

    def write(self, data: bytes, /) -> None: ...
    def write_eof(self) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...


@dataclass(eq=False, slots=True)
class Socket:
    """One browser page."""

    wire: Wire
    mailbox: Mailbox
    acked: int = 0
    """the newest frame that it has painted"""
    stuck_since: float | None = None

    @property
    def is_clogged(self) -> bool:
        """Whether it takes less than it is sent."""
        return self.wire.get_write_buffer_size() > MAX_BUFFERED


@dataclass(eq=False, slots=True)
class Mailbox:
    """What its members watch, and which of that is new to them: a key for each, however often it has changed."""

    keys: frozenset[str]
    sent: deque[int]
    """the last frames; one who has not painted the first of a full window gets no other"""
    written: float
    """when its members were written to last"""
    members: dict[Socket, None] = field(default_factory=dict[Socket, None])
    dirty: dict[str, None] = field(default_factory=dict[str, None])
    events: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    slot: int = AT_ONCE
    """the earliest slot of time in which its next frame may go"""
    is_shared: bool = False
    """this is the one that others who watch the same may join"""
    is_due: bool = False
    waits: bool = False
    """no member can take a frame"""

    def for_keys(self, keys: frozenset[str]) -> Mailbox:
        """An empty one for somebody who leaves this one with all that is new to them of these keys."""
        dirty = {key: None for key in self.dirty if key in keys}
        events = {key: event for key, event in self.events.items() if key in keys}
        return Mailbox(keys, self.sent.copy(), self.written, dirty=dirty, events=events, slot=self.slot)

    def ready(self) -> list[Socket]:
        """Members that have painted enough, and whose line is free."""
        floor = self.sent[0] if len(self.sent) == self.sent.maxlen else 0
        return [
            socket
            for socket in self.members
            if socket.acked >= floor and socket.wire.get_write_buffer_size() <= MAX_BUFFERED
        ]

    def mark(self, keys: Iterable[str]) -> None:
        """These keys are new to all members."""
        self.dirty.update(dict.fromkeys(keys))

    def knows_as_much(self, other: Mailbox, acked: int) -> bool:
        """Whether somebody here who has painted up to `acked` may join the other, where no less is new."""
        has_painted = not self.sent or acked >= self.sent[-1]
        return has_painted and not self.events and self.dirty.keys() <= other.dirty.keys()
