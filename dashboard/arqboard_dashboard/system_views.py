"""What the System pages receive: the Redis, the dashboard, what is stored, and single keys."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from arqboard.protocol import WorkerInfo
from arqboard.protocol.keybrowser import Found, KeyInfo, KeyValue
from arqboard.protocol.keycount import KeyCount, Kind
from arqboard.protocol.stored import Stored
from arqboard.protocol.system import Health

from .language import N_

_FIELDS = {"hash": N_("Field"), "zset": N_("Score"), "list": N_("Place"), "stream": N_("Entry")}


@dataclass(frozen=True, slots=True)
class DashboardInfo:
    """This process. `started` is ms since 1970 by Redis' clock."""

    version: str
    python: str
    started: int
    sockets: int
    max_sockets: int
    lag_ms: float
    """from a message of Redis to the fragments, in the last look that one has caused"""
    is_following: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One that is in effect. Never a secret: of those only whether they are set."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SystemLive:
    """The live part of `pages/system.html`"""

    health: Health
    dashboard: DashboardInfo
    workers: list[WorkerInfo]
    version: int

    @property
    def lost(self) -> int:
        return sum(not worker.alive for worker in self.workers)


@dataclass(frozen=True, slots=True)
class CountView:
    """A count of all keys: under way, over, or none so far. Key `keycount`."""

    count: KeyCount | None
    version: int

    @property
    def is_running(self) -> bool:
        return self.count is not None and not self.count.is_over

    @property
    def kinds(self) -> list[Kind]:
        """Those with the most bytes first, as far as they are known."""
        kinds = self.count.kinds.values() if self.count else ()
        return sorted(kinds, key=lambda kind: (-(kind.bytes or 0), -kind.count, kind.name))


@dataclass(frozen=True, slots=True)
class SystemView:
    """`pages/system.html`"""

    live: SystemLive
    stored: list[Stored]
    counting: CountView
    settings: list[Setting]
    frames: int
    fragments: int
    sent_bytes: int

    def where(self, one: Stored) -> str:
        """The key itself, or the keys that begin like this."""
        return keys_path(one.key) if one.key.endswith(":") else key_path(one.key)


@dataclass(frozen=True, slots=True)
class KeysView:
    """`pages/keys.html`: keys that were found, or the form to look for some"""

    text: str
    found: Found | None
    prefixes: list[tuple[str, str]]
    """what to begin with: a prefix, and what is there"""

    def path(self, text: str) -> str:
        return keys_path(text)

    def key_path(self, key: KeyInfo) -> str:
        return key_path(key.name)

    @property
    def next_path(self) -> str:
        return keys_path(self.text, self.found.next if self.found else None)


@dataclass(frozen=True, slots=True)
class KeyView:
    """`pages/key.html`: one key and a page of what is in it"""

    value: KeyValue
    job_id: str
    """of the job that it belongs to, "" where there is none"""
    is_first: bool

    @property
    def name(self) -> str:
        return self.value.info.name

    @property
    def field_name(self) -> str:
        """What stands before each value; "" where nothing does."""
        return _FIELDS.get(self.value.info.type, "")

    @property
    def has_field(self) -> bool:
        return bool(self.field_name)

    def path(self, after: str = "") -> str:
        return key_path(self.name, after)


def keys_path(text: str, cursor: int | None = None) -> str:
    """What comes after the mount."""
    pairs = {"find": text, "cursor": str(cursor or "")}
    return "/system/keys?" + urlencode({name: value for name, value in pairs.items() if value}, errors="replace")


def key_path(name: str, after: str = "") -> str:
    """The page of one key. Its name is no part of the path: a queue can be called `..`."""
    pairs = {"name": name, "after": after}
    return "/system/key?" + urlencode({k: v for k, v in pairs.items() if v}, errors="replace")
