"""Hands finished fragments to the sockets that watch them. Knows sockets and keys; no jobs, Redis or HTML.

Each socket has a dict of dirty keys, so whatever happens between two frames costs one fragment per key.
Nothing here awaits: one timer writes all frames that are due, and each distinct frame is built once for all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from . import frames
from .frames import Fragment

#: Above this many bytes in a socket's buffer nothing is added: what is newest is decided when it has drained.
MAX_BUFFERED = 64 * 1024
HEARTBEAT_SECONDS = 15.0
#: How long a socket that was told to close may take to do so.
GOODBYE_SECONDS = 2.0
#: Sockets in the same tenth of the flush interval are flushed together, so that they share frames.
_SLOTS_PER_FLUSH = 10
_AT_ONCE = 0
_TRY_AGAIN_LATER, _SERVICE_RESTART = 1013, 1012


class Wire(Protocol):
    """What the hub needs of an asyncio transport."""

    def write(self, data: bytes, /) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...


@dataclass(eq=False, slots=True)
class Socket:
    """One browser page: what it watches, and what it has not been told yet."""

    wire: Wire
    written: float
    keys: frozenset[str] = frozenset()
    dirty: dict[str, None] = field(default_factory=dict[str, None])
    events: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    unacked: list[int] = field(default_factory=list[int])
    slot: int = _AT_ONCE
    """the earliest slot of time in which the next frame may go"""
    is_due: bool = False
    stuck_since: float | None = None


@dataclass(slots=True)
class _Patch:
    """A frame as it goes to every socket with the same dirty keys."""

    seq: int
    frame: bytes
    keys: tuple[str, ...]
    sent: int = 0


#: The frames of one flush, by the dirty keys they answer.
_Patches = dict[tuple[str, ...], _Patch]


class Hub:
    """All open sockets. `publish` and `event` are for the feed, the rest is for the sockets' handler."""

    def __init__(
        self,
        flush: float = 0.1,
        window: int = 2,
        max_keys: int = 500,
        max_frame_fragments: int = 25,
        max_frame_bytes: int = 64_000,
        stall_seconds: float = 10,
        max_sockets: int = 1000,
    ) -> None:
        self.flush, self.window, self.max_keys = flush, window, max_keys
        self.max_frame_fragments, self.max_frame_bytes = max_frame_fragments, max_frame_bytes
        self.stall_seconds, self.max_sockets = stall_seconds, max_sockets
        self.topics: dict[str, dict[Socket, None]] = {}
        self.fragments: dict[str, Fragment] = {}
        """the newest of every key that somebody watches and the feed has rendered"""
        self.frames_sent = self.fragments_sent = self.bytes_sent = self.events_sent = self.slow_closed = 0
        self._open: set[Socket] = set()
        self._seq = 0
        self._slots: dict[int, list[Socket]] = {}
        self._slot_seconds = flush / _SLOTS_PER_FLUSH
        self._timer: asyncio.TimerHandle | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def sockets(self) -> int:
        return len(self._open)

    @property
    def is_full(self) -> bool:
        return len(self._open) >= self.max_sockets

    # Sockets come, say what they show, and go

    def join(self, wire: Wire) -> Socket:
        """A new socket, which watches nothing yet."""
        socket = Socket(wire, _now())
        self._open.add(socket)
        if self._sweeper is None:
            self._sweep_later()
        return socket

    def watch(self, socket: Socket, live: Mapping[str, int]) -> None:
        """Replace what a socket watches. Raises ValueError for more than `max_keys`."""
        if len(live) > self.max_keys:
            raise ValueError(f"at most {self.max_keys} keys can be watched at once")
        if socket not in self._open:
            return
        before, socket.keys = socket.keys, frozenset(live)
        for key in socket.keys - before:
            self.topics.setdefault(key, {})[socket] = None
        self._unwatch(socket, before - socket.keys)

    def offer(self, socket: Socket, live: Mapping[str, int], fragments: Mapping[str, Fragment]) -> None:
        """Mark what differs from the versions that a socket says it shows. Timed fragments always count."""
        for key, shown in live.items():
            fragment = fragments.get(key)
            if fragment and key in socket.keys and (fragment.timed or fragment.version != shown):
                self.keep(fragment)
                socket.dirty[key] = None
        self._due((socket,))

    def ack(self, socket: Socket, seq: int) -> None:
        """A browser has painted all frames up to this number."""
        socket.unacked = [sent for sent in socket.unacked if sent > seq]
        self._due((socket,))

    def drop(self, socket: Socket) -> None:
        """A socket is gone. Harmless when repeated."""
        self._open.discard(socket)
        self._unwatch(socket, socket.keys)
        socket.keys = frozenset()

    def _unwatch(self, socket: Socket, keys: Iterable[str]) -> None:
        for key in keys:
            socket.dirty.pop(key, None)
            socket.events.pop(key, None)
            watchers = self.topics[key]
            watchers.pop(socket, None)
            if not watchers:
                del self.topics[key]
                self.fragments.pop(key, None)

    # What is new

    def forget(self) -> None:
        """Nothing known is true any more: pages that ask now must not be given it."""
        self.fragments.clear()
        for socket in self._open:
            socket.dirty.clear()

    def keep(self, fragment: Fragment) -> None:
        """Remember a fragment for whoever asks next, unless a newer one is known or nobody watches it."""
        if fragment.key in self.topics:
            self.fragments.setdefault(fragment.key, fragment)

    def publish(self, key: str, version: int, html: str, *, timed: bool = False, covers: str = "") -> None:
        """Bring a new rendering to all who watch the key. `covers` is the key of an element inside this."""
        watchers = self.topics.get(key)
        if not watchers:
            return
        self.fragments[key] = Fragment(key, version, html, timed)
        for socket in watchers:
            socket.dirty[key] = None
            if covers:
                socket.dirty.pop(covers, None)
        self._due(watchers)

    def event(self, key: str, name: str, n: int) -> None:
        """Tell all who watch the key that something happened `n` times."""
        for socket in self.topics.get(key, ()):
            self.tell(socket, key, name, n)

    def tell(self, socket: Socket, key: str, name: str, n: int) -> None:
        """The same for one socket. Events it has not got yet are added up."""
        if key in socket.keys:
            socket.events[key] = (name, n + socket.events.get(key, ("", 0))[1])
            self._due((socket,))

    def broadcast(self, frame: bytes) -> None:
        """Write one small frame to every socket at once, past all queues."""
        for socket in self._open:
            self.write(socket, frame)

    def write(self, socket: Socket, frame: bytes) -> None:
        """Write one small frame to one socket, past its queue."""
        _write(socket.wire, frame)
        socket.written = _now()
        self.frames_sent += 1
        self.bytes_sent += len(frame)

    # Frames go out

    def _due(self, sockets: Iterable[Socket]) -> None:
        """Put sockets in the slot in which they may be written to, if there is anything they can take."""
        window, present = self.window, _now() / self._slot_seconds
        for socket in sockets:
            if socket.is_due or len(socket.unacked) >= window or not (socket.dirty or socket.events):
                continue
            socket.is_due = True
            slot = socket.slot if socket.slot > present else _AT_ONCE
            if slot in self._slots:
                self._slots[slot].append(socket)
            else:
                self._slots[slot] = [socket]
                self._set_timer(slot)

    def _set_timer(self, slot: int) -> None:
        when = slot * self._slot_seconds
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._flush)

    def _flush(self) -> None:
        """Write to every socket whose slot has come.

        First all is decided, then all is written: with both in one loop, each write finds cold caches.
        """
        self._timer = None
        now = _now()
        following = math.ceil((now + self.flush) / self._slot_seconds)
        patches: _Patches = {}
        writes: list[tuple[Callable[[bytes], None], bytes]] = []
        for slot in [slot for slot in self._slots if slot * self._slot_seconds <= now]:
            for socket in self._slots.pop(slot):
                socket.is_due = False
                if len(socket.unacked) < self.window and socket.wire.get_write_buffer_size() <= MAX_BUFFERED:
                    socket.written, socket.slot = now, following
                    if socket.events:
                        self._send_events(socket)
                    if socket.dirty:
                        writes.append((socket.wire.write, self._next_frame(socket, patches)))
        for write, frame in writes:
            try:
                write(frame)
            except RuntimeError:  # uvloop says so when a transport is closed; its handler will drop it
                continue
        self._count(patches.values())
        if self._slots:
            self._set_timer(min(self._slots))

    def _next_frame(self, socket: Socket, patches: _Patches) -> bytes:
        """A frame with the socket's oldest dirty keys, which are then clean."""
        dirty = socket.dirty
        keys = tuple(dirty)
        patch = patches.get(keys) or self._build(keys, patches)
        socket.unacked.append(patch.seq)
        patch.sent += 1
        if len(patch.keys) == len(keys):
            dirty.clear()
        else:
            for key in patch.keys:
                del dirty[key]
            self._due((socket,))
        return patch.frame

    def _build(self, keys: tuple[str, ...], patches: _Patches) -> _Patch:
        """The oldest of these keys: at least one, and as many as fit into a frame."""
        taken: list[Fragment] = []
        room = self.max_frame_bytes
        for key in keys[: self.max_frame_fragments]:
            fragment = self.fragments[key]
            room -= len(fragment.body)
            if room < 0 and taken:
                break
            taken.append(fragment)
        self._seq += 1
        patch = _Patch(self._seq, frames.patch(self._seq, taken), keys[: len(taken)])
        patches[keys] = patch
        return patch

    def _count(self, patches: Iterable[_Patch]) -> None:
        for patch in patches:
            self.frames_sent += patch.sent
            self.fragments_sent += patch.sent * len(patch.keys)
            self.bytes_sent += patch.sent * len(patch.frame)

    def _send_events(self, socket: Socket) -> None:
        for key, (name, n) in socket.events.items():
            self.write(socket, frames.message("event", key=key, name=name, n=n))
            self.events_sent += 1
        socket.events.clear()

    # Sockets that are silent, or slow, or have to go

    def _sweep_later(self) -> None:
        every = min(1.0, self.stall_seconds / 4)
        self._sweeper = asyncio.get_running_loop().call_later(every, self._sweep)

    def _sweep(self) -> None:
        """Heartbeats for the silent, another try for those that were too slow, and the end for the stuck."""
        self._sweeper = None
        now = _now()
        for socket in list(self._open):
            if socket.wire.get_write_buffer_size() > MAX_BUFFERED:
                self._stuck(socket, now)
                continue
            socket.stuck_since = None
            self._due((socket,))
            if now - socket.written >= HEARTBEAT_SECONDS:
                self.write(socket, frames.HEARTBEAT)
        if self._open:
            self._sweep_later()

    def _stuck(self, socket: Socket, now: float) -> None:
        if socket.stuck_since is None:
            socket.stuck_since = now
        elif now - socket.stuck_since >= self.stall_seconds:
            self.slow_closed += 1
            self.close(socket, _TRY_AGAIN_LATER)

    def close(self, socket: Socket, code: int) -> None:
        """Ask a browser to close, and cut the line if it does not: it may not even read the question."""
        self.drop(socket)
        _write(socket.wire, frames.close(code))
        asyncio.get_running_loop().call_later(GOODBYE_SECONDS, socket.wire.abort)

    def shut_down(self) -> None:
        """Ask every browser to come back later. For `on_shutdown`: aiohttp waits for open sockets."""
        for socket in list(self._open):
            self.close(socket, _SERVICE_RESTART)
        for timer in (self._timer, self._sweeper):
            if timer is not None:
                timer.cancel()
        self._timer = self._sweeper = None
        self._slots.clear()


def _write(wire: Wire, frame: bytes) -> None:
    try:
        wire.write(frame)
    except RuntimeError:  # as in _flush
        return


def _now() -> float:
    """The event loop's clock: what its timers are set by."""
    return asyncio.get_running_loop().time()
