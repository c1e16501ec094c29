"""Many browsers in one process, cheap enough not to be what is measured: plain sockets, no WebSocket library."""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

#: Nothing arrives for so long (seconds): something is broken.
PATIENCE = 30.0
_SEQ = b'"seq":'


@dataclass(slots=True)
class Member:
    """One open socket, and the beginning of a frame that has not arrived whole."""

    sock: socket.socket
    rest: bytes = b""

    def payloads(self) -> Iterator[bytes]:
        """The messages that have arrived. Raises ConnectionError when the server is gone."""
        data = self.sock.recv(262_144)
        if not data:
            raise ConnectionError("the server has closed a socket")
        if self.rest:
            data = self.rest + data
        while (end := _end_of_frame(data)) and end <= len(data):
            yield data[:end]
            data = data[end:]
        self.rest = data

    def say(self, message: bytes) -> None:
        self.sock.send(message)


def raise_file_limit() -> None:
    """A thousand sockets need more files than many systems allow by default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect(port: int, path: str, count: int) -> list[Member]:
    """Open that many WebSockets."""
    raise_file_limit()
    return [_open(port, path) for _ in range(count)]


def answer_bursts(port: int, count: int, bursts: int, all_answer: bool) -> None:
    """Read `bursts` frames on each of `count` sockets and acknowledge them as pages do.

    Unless `all_answer`, a burst is acknowledged once, by the socket that gets it last.
    """
    members = connect(port, "/ws", count)
    arrived: Counter[int] = Counter()
    with selectors.DefaultSelector() as selector:
        for member in members:
            selector.register(member.sock, selectors.EVENT_READ, member)
        while arrived[bursts] < count:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"burst {max(arrived, default=0)} did not arrive whole: {arrived[max(arrived)]}")
            for key, _ in ready:
                for payload in key.data.payloads():
                    seq = _seq(payload)
                    arrived[seq] += 1
                    if all_answer or arrived[seq] == count:
                        key.data.say(_ack(seq))
    assert all(arrived[seq] == count for seq in range(1, bursts + 1)), arrived
    for member in members:
        member.sock.close()


def hold(port: int, path: str, batches: list[int], hello: bytes, signal: Connection) -> None:
    """Open sockets in batches, each when it is asked for, greet the server, and keep them until the process ends."""
    kept: list[Member] = []
    greeting = _text(hello)
    for count in batches:
        signal.recv()
        members = connect(port, path, count)
        kept += members
        for member in members:
            member.say(greeting)
            member.sock.settimeout(PATIENCE)
            next(member.payloads())
        signal.send(len(kept))
    signal.recv()


def _open(port: int, path: str) -> Member:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = (
        f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", "",
    )  # fmt: skip
    sock.sendall("\r\n".join(lines).encode())
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += (part := sock.recv(4096))
        if not part:
            raise ConnectionError(f"no socket: {reply[:200]!r}")
    head, _, rest = reply.partition(b"\r\n\r\n")
    if b" 101 " not in head:
        raise ConnectionError(f"no socket: {head[:200]!r}")
    return Member(sock, rest)


def _end_of_frame(data: bytes) -> int:
    """Where the first frame ends, 0 while its header is not here."""
    if len(data) < 4:
        return 0
    length = data[1]
    if length < 126:
        return 2 + length
    if length == 126:
        return 4 + (data[2] << 8 | data[3])
    return 10 + int.from_bytes(data[2:10], "big") if len(data) >= 10 else 0


def _seq(frame: bytes) -> int:
    start = frame.index(_SEQ) + len(_SEQ)
    return int(frame[start : frame.index(b",", start)])


_acks: dict[int, bytes] = {}


def _ack(seq: int) -> bytes:
    if seq not in _acks:
        _acks[seq] = _text(json.dumps({"t": "ack", "seq": seq}).encode())
    return _acks[seq]


def _text(payload: bytes) -> bytes:
    """A masked text frame, as clients have to send them."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return head + mask + masked
