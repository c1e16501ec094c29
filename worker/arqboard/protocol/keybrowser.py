"""Looks into single keys of ours and of arq's: finds them, and shows what is in them. Reads only, a page at a time.

Keys of others in the same Redis are not shown: they are somebody else's sessions and caches. Calls and results are
never opened. What has the name of a secret is redacted, as in every preview.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from .client import Client
from .errors import ArqboardError
from .inert import describe, is_pickle
from .keys import ArqKeys, Keys
from .payload import REDACTED, is_secret, preview
from .said import Said
from .system import is_refusal

#: Keys that one page shows, and how many keys of the whole database one page looks at.
MAX_FOUND, MAX_LOOKED, SCAN_STEP = 50, 20_000, 1_000
#: Entries of a value on one page, and bytes of one entry that are read.
ROWS, MAX_VALUE = 100, 4_096
_HEX_SHOWN = 256
#: Parts of a job and a workflow, and arq's keys of a job: what an id alone finds.
_OF_AN_ID = ("job", "payload", "attempts", "chunks", "chunk_info", "log", "artefacts", "children", "workflow", "nodes",
             "calls", "results", "marks", "ready", "worker", "schedule", "schedule-runs")  # fmt: skip
#: What is in these is a call, a result or a file: never shown.
_CLOSED = ("payload:", "calls:", "results:", "artefact:")
_CLOSED_ARQ = ("job:", "result:")
_GLOB = re.compile(r"([*?\[\]\\^])")


class KeyNotFound(ArqboardError):
    """There is no such key, or it is none that is shown."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(Said('No key "%(name)s" of arqboard or arq. Keys can go by themselves.', name=name[:200]))


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """`left_ms` until it goes by itself; None where it stays."""

    name: str
    type: str
    left_ms: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """`next` goes into the cursor of the next look; None where all has been looked at. `looked` counts keys."""

    keys: list[KeyInfo]
    next: int | None
    looked: int
    total: int


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key and a page of what is in it. Rows are (field, score, index or time; text)."""

    info: KeyInfo
    size: int | None
    """bytes in memory; None where the server does not say"""
    encoding: str
    length: int
    """entries, or bytes of a string"""
    rows: list[tuple[str, str]]
    next: str | None
    """goes into `after` for more rows"""


class KeyBrowser:
    """Over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None) -> None:
        self._redis = redis
        self.keys = keys or Keys()

    async def is_ours(self, name: str) -> bool:
        """Whether a key is one of ours or of arq's; a queue can have any name."""
        if name.startswith((self.keys.prefix, "arq:")):
            return True
        return bool(await self._redis.sismember(self.keys.queues, name))

    async def find(self, text: str, cursor: int = 0) -> Found:
        """Keys that begin with a text, or belong to an id. What has an exact name is found without a search."""
        named = await self._named(text) if cursor == 0 else []
        prefixes = [p for p in (self.keys.prefix, "arq:") if text.startswith(p) or p.startswith(text)]
        total = int(await self._redis.dbsize())
        if not prefixes:
            return Found(await self._infos(named), None, 0, total)
        pattern = _GLOB.sub(r"\\\1", text) + "*"
        names = dict.fromkeys(named)
        looked = 0
        while looked < MAX_LOOKED:
            cursor, found = await self._redis.scan(cursor, match=pattern, count=SCAN_STEP)
            looked += SCAN_STEP
            texts = [name.decode(errors="replace") for name in found]
            names |= dict.fromkeys(t for t in texts if t.startswith((self.keys.prefix, "arq:")))
            if cursor == 0 or len(names) >= MAX_FOUND:
                break
        return Found(await self._infos(sorted(names)), cursor or None, min(looked, total), total)

    async def read(self, name: str, after: str = "") -> KeyValue:
        """A page of a value. Raises KeyNotFound, or ValueError where `after` is no place in it."""
        if not await self.is_ours(name):
            raise KeyNotFound(name)
        infos = await self._infos([name])
        if not infos:
            raise KeyNotFound(name)
        info = infos[0]
        size, encoding = await self._asked("MEMORY USAGE", name), await self._asked("OBJECT ENCODING", name)
        length, rows, next_ = await self._page(info, after)
        return KeyValue(info, size, (encoding or b"").decode(errors="replace"), length, rows, next_)

    async def _named(self, text: str) -> list[str]:
        """A key of this name; else all that belong to this id."""
        if not text:
            return []
        if await self.is_ours(text):
            return [text]
        arqs = (ArqKeys.job(text), ArqKeys.in_progress(text), ArqKeys.retry(text), ArqKeys.result(text))
        return [*(f"{self.keys.prefix}{part}:{text}" for part in _OF_AN_ID), *arqs]

    async def _infos(self, names: list[str]) -> list[KeyInfo]:
        """Type and lifetime of those that are there."""
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.type(name)
            pipe.pttl(name)
        answers: list[Any] = await pipe.execute() if names else []
        pairs = zip(names, answers[::2], answers[1::2], strict=True)
        return [KeyInfo(n, kind.decode(), left if left >= 0 else None) for n, kind, left in pairs if kind != b"none"]

    async def _asked(self, command: str, name: str) -> Any:
        try:
            return await self._redis.execute_command(command, name)
        except ResponseError as error:
            if not is_refusal(error):
                raise
            return None

    # By type

    async def _page(self, info: KeyInfo, after: str) -> tuple[int, list[tuple[str, str]], str | None]:
        match info.type:
            case "string":
                return await self._string(info.name)
            case "hash":
                return await self._hash(info.name, _place(after))
            case "list":
                return await self._list(info.name, _place(after))
            case "set":
                return await self._set(info.name, _place(after))
            case "zset":
                return await self._zset(info.name, _place(after))
            case "stream":
                return await self._stream(info.name, after)
            case _:
                return 0, [], None

    async def _string(self, name: str) -> tuple[int, list[tuple[str, str]], str | None]:
        length = int(await self._redis.strlen(name))
        raw = await self._redis.getrange(name, 0, 65_535 if self._is_closed(name) else MAX_VALUE - 1)
        return length, [("", self._shown(name, "", raw, length))], None

    async def _hash(self, name: str, cursor: int) -> tuple[int, list[tuple[str, str]], str | None]:
        length = int(await self._redis.hlen(name))
        cursor, found = await self._redis.hscan(name, cursor, count=ROWS)
        rows = [(_text(field), self._shown(name, _text(field), raw)) for field, raw in found.items()]
        return length, rows, str(cursor) if cursor else None

    async def _set(self, name: str, cursor: int) -> tuple[int, list[tuple[str, str]], str | None]:
        length = int(await self._redis.scard(name))
        cursor, found = await self._redis.sscan(name, cursor, count=ROWS)
        return length, [("", self._shown(name, "", raw)) for raw in found], str(cursor) if cursor else None

    async def _list(self, name: str, start: int) -> tuple[int, list[tuple[str, str]], str | None]:
        length = int(await self._redis.llen(name))
        found = await self._redis.lrange(name, start, start + ROWS - 1)
        rows = [(str(start + n), self._shown(name, "", raw)) for n, raw in enumerate(found)]
        return length, rows, _further(start, length)

    async def _zset(self, name: str, start: int) -> tuple[int, list[tuple[str, str]], str | None]:
        length = int(await self._redis.zcard(name))
        found = await self._redis.zrange(name, start, start + ROWS - 1, desc=True, withscores=True)
        rows = [(f"{score:.17g}", self._shown(name, "", raw)) for raw, score in found]
        return length, rows, _further(start, length)

    async def _stream(self, name: str, after: str) -> tuple[int, list[tuple[str, str]], str | None]:
        if after and not re.fullmatch(r"\d{1,19}-\d{1,19}", after):
            raise ValueError(Said('"%(text)s" is not a place in a stream', text=after[:60]))
        length = int(await self._redis.xlen(name))
        found: list[Any] = await self._redis.xrange(name, min=f"({after}" if after else "-", count=ROWS) or []
        rows = [(_text(i), _pairs(name, fields, self._shown)) for i, fields in found]
        return length, rows, _text(found[-1][0]) if len(found) == ROWS else None

    # What of a value is shown

    def _is_closed(self, name: str) -> bool:
        own = name.removeprefix(self.keys.prefix)
        return own.startswith(_CLOSED) if own != name else name.removeprefix("arq:").startswith(_CLOSED_ARQ)

    def _shown(self, name: str, field: str, raw: bytes, length: int | None = None) -> str:
        """A value as text. Calls, results and files are described; secrets are redacted, also within JSON."""
        if is_secret(field):
            return REDACTED
        if self._is_closed(name) or is_pickle(raw):
            return describe(raw) if length in (None, len(raw)) else f"{describe(raw)} (its first {len(raw)} bytes)"
        return shown_value(raw, length or len(raw))


def shown_value(raw: bytes, length: int) -> str:
    """Text, JSON with its secrets redacted, or the first bytes as hex."""
    cut = raw[:MAX_VALUE]
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        if error.start < len(cut) - 4 or len(cut) < MAX_VALUE:
            return f"{cut[:_HEX_SHOWN].hex(' ')}{' …' if length > _HEX_SHOWN else ''}"
        text = cut[: error.start].decode()  # only the last character is cut in two
    more = f" … {length - len(cut)} more bytes" if length > len(cut) else ""
    return _redacted(text) + more


def _redacted(text: str) -> str:
    """JSON loses its secrets; JSON that was cut can't be read, so it is not shown where it names one."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return preview(json.loads(text))
    except (ValueError, RecursionError):
        return f"{text[:80]}…" if not is_secret(text) else "JSON that names secrets and can't be read"


def _pairs(name: str, fields: dict[bytes, bytes], shown: Any) -> str:
    return "  ".join(f"{_text(field)}={shown(name, _text(field), raw)}" for field, raw in fields.items())


def _place(after: str) -> int:
    if not re.fullmatch(r"\d{0,20}", after, re.ASCII):
        raise ValueError(Said('"%(text)s" is not a place in this value', text=after[:60]))
    return int(after or 0)


def _further(start: int, length: int) -> str | None:
    return str(start + ROWS) if start + ROWS < length else None


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")[:MAX_VALUE]
