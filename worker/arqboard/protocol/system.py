"""What a Redis says of itself: how it is, what was slow, how fast it answers. What it forbids to ask is None."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from redis.exceptions import ResponseError

from .client import Client, now_ms
from .keys import ArqKeys, Keys
from .said import Said
from .scripts import source
from .server import judge

#: Slow commands that are read, and characters of one that are shown.
SLOW_SHOWN, MAX_ARGUMENT = 20, 80
#: Their arguments are secrets, or can hold one.
_SECRET_COMMANDS = frozenset(("AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE", "SCRIPT", "EVAL", "EVAL_RO", "FUNCTION"))
_PINGS = 5


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `limit` is None where there is none."""

    used: int
    peak: int
    limit: int | None
    policy: str

    @property
    def share(self) -> float | None:
        """How full it is, 0 to 100; None without a limit."""
        return min(100.0, self.used * 100 / self.limit) if self.limit else None


@dataclass(frozen=True, slots=True)
class Persistence:
    """`saved` is the last snapshot, ms since 1970; `unsaved` are changes since."""

    aof: bool
    aof_ok: bool
    saved: int | None
    snapshot_ok: bool
    unsaved: int


@dataclass(frozen=True, slots=True)
class Replication:
    """`link_up` is of a replica, `replicas` are those of a master."""

    role: str
    replicas: int
    link_up: bool | None


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What INFO says."""

    product: str
    version: str
    mode: str
    started: int
    """ms since 1970, to the second"""
    memory: Memory
    persistence: Persistence
    replication: Replication
    clients: int
    blocked: int
    max_clients: int | None
    per_second: int
    keys: int
    """in the database that is used"""
    complaints: tuple[str, ...]
    """what is wrong with it for jobs, in sentences that say what to change"""


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One entry of the slow log. `shown` is the command with what of its arguments may be seen."""

    id: int
    at: int
    us: int
    shown: str
    client: str


@dataclass(frozen=True, slots=True)
class Health:
    """Everything that is asked at once. None is what may not be asked here."""

    info: ServerInfo | None
    slow: list[SlowCommand] | None
    ping_ms: float
    now: int
    refused: tuple[str, ...] = field(default=())
    """commands that are forbidden"""


class SystemReader:
    """Asks a Redis about itself, over one client that it does not own."""

    def __init__(self, redis: Client, keys: Keys | None = None, database: int = 0) -> None:
        self._redis = redis
        self.keys = keys or Keys()
        self._database = database

    async def health(self) -> Health:
        """Four round trips and some pings."""
        refused: list[str] = []
        now = await now_ms(self._redis)
        info: dict[str, Any] | None = _of(dict, await self._allowed("INFO", refused))
        slow: list[Any] | None = _of(list, await self._allowed("SLOWLOG GET", refused, SLOW_SHOWN))
        return Health(
            info=None if info is None else read_info(info, now, self._database),
            slow=None if slow is None else [read_slow(entry, self.keys) for entry in slow],
            ping_ms=await self.ping_ms(), now=now, refused=tuple(refused),
        )  # fmt: skip

    async def info(self) -> ServerInfo | None:
        """What INFO says alone; None where it may not be asked."""
        told: dict[str, Any] | None = _of(dict, await self._allowed("INFO", []))
        return None if told is None else read_info(told, 0, self._database)

    async def ping_ms(self, pings: int = _PINGS) -> float:
        """The middle one of a few round trips, one after another."""
        took: list[float] = []
        for _ in range(pings):
            began = time.perf_counter()
            await self._redis.ping()
            took.append((time.perf_counter() - began) * 1000)
        return sorted(took)[pings // 2]

    async def _allowed(self, command: str, refused: list[str], *args: Any) -> Any:
        """The answer; None where the server, or who runs it, does not let us ask."""
        try:
            return await self._redis.execute_command(command, *args)
        except ResponseError as error:
            if not is_refusal(error):
                raise
            refused.append(command.split()[0])
            return None


def _of(kind: type[Any], answer: Any) -> Any:
    """The answer, if it is of this kind."""
    return answer if isinstance(answer, kind) else None


def is_refusal(error: ResponseError) -> bool:
    """A managed Redis has no such command, or not for us."""
    said = str(error).lower()
    words = ("unknown command", "no permissions", "noperm", "not allowed", "has no permission", "disabled")
    return any(word in said for word in words)


def read_info(info: Mapping[str, Any], now: int, database: int = 0) -> ServerInfo:
    """Never raises: what is missing or makes no sense is 0 or empty."""
    limit = _int(info, "maxmemory") or None
    master_link = info.get("master_link_status")
    space = info.get(f"db{database}")
    product, version = _product(info)
    return ServerInfo(
        product=product, version=version, mode=str(info.get("redis_mode", "standalone")),
        started=now // 1000 * 1000 - _int(info, "uptime_in_seconds") * 1000,
        memory=Memory(_int(info, "used_memory"), _int(info, "used_memory_peak"), limit, _policy(info)),
        persistence=Persistence(
            aof=_int(info, "aof_enabled") == 1, aof_ok=info.get("aof_last_write_status", "ok") == "ok",
            saved=_int(info, "rdb_last_save_time") * 1000 or None,
            snapshot_ok=info.get("rdb_last_bgsave_status", "ok") == "ok",
            unsaved=_int(info, "rdb_changes_since_last_save"),
        ),
        replication=Replication(
            str(info.get("role", "master")), _int(info, "connected_slaves"),
            None if master_link is None else master_link == "up",
        ),
        clients=_int(info, "connected_clients"), blocked=_int(info, "blocked_clients"),
        max_clients=_int(info, "maxclients") or None, per_second=_int(info, "instantaneous_ops_per_sec"),
        keys=_int(_of(dict, space) or {}, "keys"), complaints=tuple(_complaints(info)),
    )  # fmt: skip


def _complaints(info: Mapping[str, Any]) -> list[str]:
    found = judge(info)
    limit, used = _int(info, "maxmemory"), _int(info, "used_memory")
    if limit and used > limit * 0.9:
        share = used * 100 // limit
        found.append(Said("Its memory is %(n)s %% full: raise maxmemory, or keep fewer ended jobs.", n=share))
    if info.get("aof_last_write_status", "ok") != "ok":
        found.append(Said("The last write of its append-only file failed: look at its disk and its log."))
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        found.append(Said("Its last snapshot failed: look at its disk and its log."))
    if info.get("master_link_status", "up") != "up":
        found.append(Said("It is a replica that has lost its master."))
    return found


def _product(info: Mapping[str, Any]) -> tuple[str, str]:
    for name, field_ in (("Valkey", "valkey_version"), ("Dragonfly", "dragonfly_version"), ("KeyDB", "keydb_version")):
        if field_ in info:
            return name, str(info[field_])[:40]
    return "Redis", str(info.get("redis_version", "?"))[:40]


def _policy(info: Mapping[str, Any]) -> str:
    return str(info.get("maxmemory_policy", ""))[:40]


def _int(info: Mapping[str, Any], name: str) -> int:
    try:
        return int(info.get(name, 0))
    except (TypeError, ValueError):
        return 0


# The slow log


def read_slow(entry: Mapping[str, Any], keys: Keys) -> SlowCommand:
    """Never raises. redis-py gives the words of the command as one text."""
    raw = entry.get("command", b"")
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    client = entry.get("client_address", b"")
    return SlowCommand(
        id=_int(entry, "id"), at=_int(entry, "start_time") * 1000, us=_int(entry, "duration"),
        shown=shown_command(text, keys),
        client=client.decode(errors="replace")[:60] if isinstance(client, bytes) else str(client)[:60],
    )  # fmt: skip


def shown_command(text: str, keys: Keys) -> str:
    """The command's name, and its first argument where that is one of our verbs or the name of a key of ours or arq's.

    Other arguments are values, and keys of others can be secrets, like a session's.
    """
    name, _, rest = text.partition(" ")
    name, (first, _, others) = name.upper()[:40], rest.partition(" ")
    if name in ("EVALSHA", "EVALSHA_RO"):
        return f"{name} {verbs().get(first, first[:8])}" + _more(others)
    if name in _SECRET_COMMANDS or not first.startswith((keys.prefix, *ARQ_PREFIXES)):
        return name + _more(rest)
    return f"{name} {first[:MAX_ARGUMENT]}{'…' if len(first) > MAX_ARGUMENT else ''}" + _more(others)


#: What arq's own keys begin with.
ARQ_PREFIXES: Sequence[str] = (ArqKeys.job(""), ArqKeys.in_progress(""), ArqKeys.retry(""), ArqKeys.result(""), "arq:")


def _more(rest: str) -> str:
    return f" … {len(rest)} more characters" if rest else ""


@cache
def verbs() -> dict[str, str]:
    """Names of our verbs by the hash under which Redis knows them."""
    folder = files("arqboard.protocol") / "lua"
    names = [path.name.removesuffix(".lua") for path in folder.iterdir() if path.name.endswith(".lua")]
    return {hashlib.sha1(source(n).encode(), usedforsecurity=False).hexdigest(): n for n in names if n[0] != "_"}
