"""Everything that Redis holds of one job, key by key, as it is: sizes, times to live, and no value is ever loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from .client import Client
from .keys import ArqKeys, Keys

MAX_FIELDS, MAX_VALUE, PREVIEW = 100, 2_000, 32


@dataclass(frozen=True, slots=True)
class RawKey:
    """One key. `ttl_ms` is None for one that stays, `bytes` what Redis needs for it (None where it does not say).

    `size` counts what is in it: bytes of a string, entries of anything else.
    """

    name: str
    type: str
    ttl_ms: int | None
    bytes: int | None
    size: int
    preview: str = ""
    fields: dict[str, str] = field(default_factory=dict[str, str])
    """of the job's own hash, as text; long values are cut"""


async def read_raw(redis: Client, keys: Keys, job_id: str) -> list[RawKey]:
    """The keys of a job that exist, ours first. Two round trips."""
    names = _names(keys, job_id)
    pipe = redis.pipeline(transaction=False)
    for name in names:
        pipe.type(name)
        pipe.pttl(name)
        pipe.memory_usage(name)
    told = await pipe.execute(raise_on_error=False)
    heads = {n: told[at : at + 3] for n, at in zip(names, range(0, len(told), 3), strict=True)}
    types = {name: _type(head[0]) for name, head in heads.items()}
    there = [name for name in names if types[name] not in ("none", "")]
    insides = await _insides(redis, {name: types[name] for name in there}, keys.job(job_id))
    return [_key(name, types[name], heads[name], insides[name]) for name in there]


def _names(keys: Keys, job_id: str) -> list[str]:
    ours = (
        keys.job, keys.payload, keys.attempts, keys.chunks, keys.chunk_info, keys.log, keys.artefacts, keys.children,
    )  # fmt: skip
    arqs = (ArqKeys.job, ArqKeys.in_progress, ArqKeys.retry, ArqKeys.result)
    return [make(job_id) for make in (*ours, *arqs)]


async def _insides(redis: Client, types: Mapping[str, str], hash_key: str) -> dict[str, list[Any]]:
    """What is in each key: two answers for a string (length, first bytes), one for anything else."""
    pipe = redis.pipeline(transaction=False)
    for name, kind in types.items():
        match kind:
            case "string":
                pipe.strlen(name)
                pipe.getrange(name, 0, PREVIEW - 1)
            case "hash" if name == hash_key:
                pipe.hlen(name)
                pipe.hgetall(name)
            case "hash":
                pipe.hlen(name)
            case "list":
                pipe.llen(name)
            case "stream":
                pipe.xlen(name)
            case _:
                pipe.exists(name)
    answers = iter(await pipe.execute(raise_on_error=False))
    has_two = {name: kind == "string" or (name == hash_key and kind == "hash") for name, kind in types.items()}
    return {name: [next(answers), *([next(answers)] if two else [])] for name, two in has_two.items()}


def _key(name: str, kind: str, head: list[Any], inside: list[Any]) -> RawKey:
    _, ttl, used = head
    size, more = inside[0], inside[1] if len(inside) > 1 else None
    return RawKey(
        name=name,
        type=kind,
        ttl_ms=ttl if isinstance(ttl, int) and ttl >= 0 else None,
        bytes=used if isinstance(used, int) else None,
        size=size if isinstance(size, int) else 0,
        preview=_preview(more) if isinstance(more, bytes) else "",
        fields=_fields(cast("dict[bytes, bytes]", more)) if isinstance(more, dict) else {},
    )


def _preview(start: bytes) -> str:
    """What a string begins with: text as it is, a pickle by its protocol, other bytes in hexadecimal."""
    if start[:1] == b"\x80" and len(start) > 1:
        return f"pickle, protocol {start[1]}, not opened"
    text = start.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else start.hex(" ")


def _fields(raw: dict[bytes, bytes]) -> dict[str, str]:
    found = sorted((name.decode(errors="replace"), value) for name, value in raw.items())
    return {name[:200]: _cut(value) for name, value in found[:MAX_FIELDS]}


def _cut(value: bytes) -> str:
    text = value[: 4 * MAX_VALUE].decode(errors="replace")[:MAX_VALUE]
    return text if len(value) <= len(text.encode(errors="replace")) else f"{text}… ({len(value)} bytes)"


def _type(answer: Any) -> str:
    return answer.decode() if isinstance(answer, bytes) else ""
