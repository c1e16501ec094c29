"""Hands finished fragments to the sockets that watch them. Knows sockets and keys; no jobs, Redis or HTML.

What a page has not been told yet is a set of keys in a mailbox, so whatever happens between two frames costs one
fragment per key. Pages that show the same share the mailbox, so that a thousand of them cost one decision and one
frame, and a look at each line. Nothing here awaits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from . import frames
from .frames import Fragment
from .mailbox import Mailbox, Socket, Wire
from .slots import Slots, now

__all__ = ["Hub", "Socket"]

HEARTBEAT_SECONDS = 15.0
#: How long a socket that was told to close may take to do so.
GOODBYE_SECONDS = 2.0
_TRY_AGAIN_LATER, _SERVICE_RESTART = 1013, 1012


@dataclass(slots=True)
class _Patch:
    """One frame of a flush, and who gets it."""

    seq: int
    frame: bytes
    keys: tuple[str, ...]
    readers: list[Socket] = field(default_factory=list[Socket])


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
        self.window, self.max_keys = window, max_keys
        self.max_frame_fragments, self.max_frame_bytes = max_frame_fragments, max_frame_bytes
        self.stall_seconds, self.max_sockets = stall_seconds, max_sockets
        self.topics: dict[str, dict[Mailbox, None]] = {}
        self.fragments: dict[str, Fragment] = {}
        """the newest of every key that somebody watches and the feed has rendered"""
        self.frames_sent = self.fragments_sent = self.bytes_sent = self.events_sent = self.slow_closed = 0
        self._open: set[Socket] = set()
        self._shared: dict[frozenset[str], Mailbox] = {}
        self._seq = 0
        self._slots = Slots(flush, self._flush)
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
        nothing = Mailbox(frozenset(), deque(maxlen=self.window), now())
        socket = Socket(wire, nothing)
        self._open.add(socket)
        self._enter(socket, nothing)
        if self._sweeper is None:
            self._sweep_later()
        return socket

    def watch(self, socket: Socket, live: Mapping[str, int]) -> None:
        """Replace what a socket watches. Raises ValueError for more than `max_keys`."""
        if len(live) > self.max_keys:
            raise ValueError(f"at most {self.max_keys} keys can be watched at once")
        keys = frozenset(live)
        if socket in self._open and keys != socket.mailbox.keys:
            self._enter(socket, socket.mailbox.for_keys(keys))
            self._settle(socket)
            self._due((socket.mailbox,))

    def offer(self, socket: Socket, live: Mapping[str, int], fragments: Mapping[str, Fragment]) -> None:
        """Mark what differs from the versions that a socket says it shows. Timed fragments always count."""
        if socket not in self._open:
            return
        known = {key: fragments[key] for key in live if key in fragments and key in socket.mailbox.keys}
        differing = [key for key, fragment in known.items() if fragment.timed or fragment.version != live[key]]
        for key in differing:
            self.keep(known[key])
        if differing:
            self._apart(socket).mark(differing)
            self._due((socket.mailbox,))

    def ack(self, socket: Socket, seq: int) -> None:
        """A browser has painted all frames up to this number."""
        if seq > socket.acked:
            socket.acked = min(seq, self._seq)
        is_free = socket.mailbox.is_shared and not socket.mailbox.waits
        if not is_free and socket in self._open:
            self._settle(socket)
            self._resume(socket.mailbox)

    def drop(self, socket: Socket) -> None:
        """A socket is gone. Harmless when repeated."""
        if socket in self._open:
            self._open.remove(socket)
            self._leave(socket, socket.mailbox)

    # Who shares a mailbox

    def _enter(self, socket: Socket, mailbox: Mailbox) -> None:
        """Move a socket to a mailbox; the new one is subscribed first, so that nothing is forgotten in between."""
        before, socket.mailbox = socket.mailbox, mailbox
        if not mailbox.members:
            for key in mailbox.keys:
                self.topics.setdefault(key, {})[mailbox] = None
        mailbox.members[socket] = None
        if before is not mailbox:
            self._leave(socket, before)

    def _leave(self, socket: Socket, mailbox: Mailbox) -> None:
        del mailbox.members[socket]
        if mailbox.members:
            return
        if mailbox.is_shared:
            del self._shared[mailbox.keys]
        for key in mailbox.keys:
            watchers = self.topics[key]
            del watchers[mailbox]
            if not watchers:
                del self.topics[key]
                self.fragments.pop(key, None)

    def _apart(self, socket: Socket) -> Mailbox:
        """A mailbox for things that are new to this socket only."""
        if len(socket.mailbox.members) > 1:
            self._enter(socket, socket.mailbox.for_keys(socket.mailbox.keys))
        return socket.mailbox

    def _settle(self, socket: Socket) -> None:
        """Let a socket share the mailbox of its kind, once that tells it all that is new to it."""
        own = socket.mailbox
        shared = self._shared.setdefault(own.keys, own)
        shared.is_shared = True
        if shared is not own and not socket.is_clogged and own.knows_as_much(shared, socket.acked):
            self._enter(socket, shared)
            socket.acked = self._seq

    def _part(self, mailbox: Mailbox, ready: list[Socket]) -> None:
        """Members that can't take what the others get now leave together, with all that is new to them."""
        behind = mailbox.for_keys(mailbox.keys)
        behind.waits = True
        for socket in mailbox.members.keys() - ready:
            self._enter(socket, behind)

    # What is new

    def forget(self) -> None:
        """Nothing known is true any more: pages that ask now must not be given it."""
        self.fragments.clear()
        for mailbox in self._mailboxes():
            mailbox.dirty.clear()

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
        for mailbox in watchers:
            mailbox.dirty[key] = None
            if covers:
                mailbox.dirty.pop(covers, None)
        self._due(watchers)

    def event(self, key: str, name: str, n: int) -> None:
        """Tell all who watch the key that something happened `n` times. What they have not got yet is added up."""
        watchers = self.topics.get(key, {})
        for mailbox in watchers:
            mailbox.events[key] = (name, n + mailbox.events.get(key, ("", 0))[1])
        self._due(watchers)

    def tell(self, socket: Socket, key: str, name: str, n: int) -> None:
        """The same for one socket, at once."""
        if socket in self._open and key in socket.mailbox.keys:
            self.events_sent += 1
            self.write(socket, frames.message("event", key=key, name=name, n=n))

    def broadcast(self, frame: bytes) -> None:
        """Write one small frame to every socket at once, past all queues."""
        self._write(self._open, frame)

    def write(self, socket: Socket, frame: bytes) -> None:
        """Write one small frame to one socket, past its queue."""
        self._write((socket,), frame)

    # Frames go out

    def _due(self, mailboxes: Iterable[Mailbox]) -> None:
        """Let those be flushed in their time that have something for members who can take it."""
        for mailbox in mailboxes:
            if not (mailbox.is_due or mailbox.waits) and (mailbox.dirty or mailbox.events):
                self._slots.add(mailbox)

    def _resume(self, mailbox: Mailbox) -> None:
        """Somebody who waited may be able to take more now."""
        mailbox.waits = False
        self._due((mailbox,))

    def _flush(self, mailboxes: list[Mailbox]) -> None:
        """First all is decided, then all is written: with both in one loop, each write finds cold caches."""
        present, following = now(), self._slots.following()
        patches: dict[tuple[str, ...], _Patch] = {}
        for mailbox in mailboxes:
            ready = mailbox.ready()
            mailbox.waits = not ready
            if not ready:
                continue
            if len(ready) < len(mailbox.members):
                self._part(mailbox, ready)
            mailbox.written, mailbox.slot = present, following
            if mailbox.events:
                self._send_events(mailbox, ready)
            if mailbox.dirty:
                self._next_patch(mailbox, patches).readers.extend(ready)
        for patch in patches.values():
            self._write(patch.readers, patch.frame)
            self.fragments_sent += len(patch.keys) * len(patch.readers)

    def _next_patch(self, mailbox: Mailbox, patches: dict[tuple[str, ...], _Patch]) -> _Patch:
        """The oldest dirty keys of a mailbox, which are then clean. Those with the same ones get the same frame."""
        dirty = mailbox.dirty
        keys = tuple(dirty)
        patch = patches.get(keys)
        if patch is None:
            patch = patches[keys] = self._build(keys)
        mailbox.sent.append(patch.seq)
        if len(patch.keys) == len(keys):
            dirty.clear()
        else:
            for key in patch.keys:
                del dirty[key]
            self._slots.add(mailbox)
        return patch

    def _build(self, keys: tuple[str, ...]) -> _Patch:
        """A frame with the first of these keys: at least one, and as many as fit."""
        taken: list[Fragment] = []
        room = self.max_frame_bytes
        for key in keys[: self.max_frame_fragments]:
            fragment = self.fragments[key]
            room -= len(fragment.body)
            if room < 0 and taken:
                break
            taken.append(fragment)
        self._seq += 1
        return _Patch(self._seq, frames.patch(self._seq, taken), keys[: len(taken)])

    def _send_events(self, mailbox: Mailbox, readers: list[Socket]) -> None:
        for key, (name, n) in mailbox.events.items():
            self._write(readers, frames.message("event", key=key, name=name, n=n))
        self.events_sent += len(mailbox.events) * len(readers)
        mailbox.events.clear()

    def _write(self, sockets: Iterable[Socket], frame: bytes) -> None:
        sent = 0
        for socket in sockets:
            try:
                socket.wire.write(frame)
                sent += 1
            except RuntimeError:  # uvloop says so when a transport is closed; its handler will drop it
                continue
        self.frames_sent += sent
        self.bytes_sent += sent * len(frame)

    # Sockets that are silent, or slow, or have to go

    def _mailboxes(self) -> set[Mailbox]:
        return {socket.mailbox for socket in self._open}

    def _sweep_later(self) -> None:
        every = min(1.0, self.stall_seconds / 4)
        self._sweeper = asyncio.get_running_loop().call_later(every, self._sweep)

    def _sweep(self) -> None:
        """Heartbeats for the silent, another try for those that were too slow, and the end for the stuck."""
        self._sweeper = None
        for socket in list(self._open):
            self._check(socket)
        for mailbox in self._mailboxes():
            self._resume(mailbox)
            if now() - mailbox.written >= HEARTBEAT_SECONDS:
                mailbox.written = now()
                self._write([socket for socket in mailbox.members if not socket.is_clogged], frames.HEARTBEAT)
        if self._open:
            self._sweep_later()

    def _check(self, socket: Socket) -> None:
        """Close a socket that has taken nothing for too long."""
        if not socket.is_clogged:
            socket.stuck_since = None
        elif socket.stuck_since is None:
            socket.stuck_since = now()
        elif now() - socket.stuck_since >= self.stall_seconds:
            self.slow_closed += 1
            self.close(socket, _TRY_AGAIN_LATER)

    def close(self, socket: Socket, code: int) -> None:
        """Ask a browser to close, and cut the line if it does not: it may not even read the question."""
        self.drop(socket)
        self._write((socket,), frames.close(code))
        asyncio.get_running_loop().call_later(GOODBYE_SECONDS, socket.wire.abort)

    def shut_down(self) -> None:
        """Ask every browser to come back later, and end the line. For `on_shutdown`: aiohttp waits for open sockets,
        and by then takes nothing in any more, not even the answer to this."""
        for socket in list(self._open):
            self.close(socket, _SERVICE_RESTART)
            with suppress(RuntimeError, NotImplementedError):  # it is closed already; TLS can't be half closed
                socket.wire.write_eof()
        self._slots.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
