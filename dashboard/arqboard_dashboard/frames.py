"""WebSocket frames as finished bytes (RFC 6455, 5.2), so that one can be written to a thousand sockets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: Whole message in one frame, not compressed: FIN with the opcode of a text frame, of a close frame.
_TEXT, _CLOSE = 0x81, 0x88


@dataclass(frozen=True, slots=True)
class Fragment:
    """The newest rendering of one live element.

    `timed` says that it depends on the time too (stalled jobs, silent workers), so equal versions can differ.
    """

    key: str
    version: int
    html: str
    timed: bool = False
    body: bytes = field(init=False, repr=False, compare=False)
    """the HTML as it stands inside a JSON string, escaped once however many frames carry it"""

    def __post_init__(self) -> None:
        quoted = json.dumps(self.html, ensure_ascii=False)
        object.__setattr__(self, "body", quoted[1:-1].encode(errors="replace"))


def text(payload: bytes) -> bytes:
    """One unmasked text frame."""
    return _header(_TEXT, len(payload)) + payload


def message(kind: str, **fields: Any) -> bytes:
    """A frame that carries data and no HTML."""
    return text(json.dumps({"t": kind, **fields}, separators=(",", ":")).encode())


def patch(seq: int, fragments: Iterable[Fragment]) -> bytes:
    """A frame with HTML to swap, which the browser acknowledges by its number."""
    content = b"".join([fragment.body for fragment in fragments])
    return text(b'{"t":"patch","seq":%d,"content":"%b"}' % (seq, content))


def close(code: int) -> bytes:
    """The frame that asks the other side to close, with the reason as a number."""
    return _header(_CLOSE, 2) + code.to_bytes(2, "big")


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


HEARTBEAT = message("hb")
RELOAD = message("reload")
