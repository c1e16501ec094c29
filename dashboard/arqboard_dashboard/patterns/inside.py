"""Failures in groups, the system, and single keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arqboard.protocol import Keys, Page
from arqboard.protocol.failures import By, Group, GroupPage
from arqboard.protocol.keybrowser import KeyInfo, KeyValue
from arqboard.protocol.keycount import KeyCount, Kind
from arqboard.protocol.system import Health, Memory, Persistence, Replication, ServerInfo, SlowCommand

from ..failures_views import FailuresQuery, FailuresView, GroupQuery, GroupView
from ..system_views import CountView, DashboardInfo, KeyView, SystemLive
from ..traces import read_trace
from . import around
from . import made_jobs as made
from .samples import DAY, HOSTILE, HOUR, LONG, MINUTE, NOW, RUSSIAN, Sample, Section

# Failures


def _group(name: str, kind: str, message: str, counts: tuple[int, ...], **changes: Any) -> Group:
    jobs = counts[-1] * 3
    group = Group(
        by=By.FINGERPRINT, name=name, type=kind, message=message, frame="shop.tasks:charge", function="charge_card",
        job=made.FAILED.id, first=NOW - 6 * DAY, last=NOW - MINUTE, ever=jobs * 4, functions={"charge_card": jobs},
        counts=counts, jobs=jobs, newest=NOW - MINUTE, oldest=NOW - 6 * DAY, curve=tuple(n * 7 % 19 for n in range(28)),
    )  # fmt: skip
    return replace(group, **changes)


_GROUPS = [
    _group("a1", "ReadTimeout", "the bank did not answer within 10 s", (2, 9, 84, 310, 1204)),
    _group(
        "b2",
        "RefundRefused",
        "order 4711 was never charged",
        (1, 1, 1, 1, 1),
        first=NOW - 20 * MINUTE,
        curve=(0,) * 27 + (1,),
    ),
    _group("c3", "ValueError", RUSSIAN, (0, 0, 0, 3, 3), frame="", curve=()),
    _group("d4", HOSTILE, HOSTILE, (0, 12, 4000, 52_000, 1_204_377), function=HOSTILE, functions={HOSTILE: 3}),
    _group("e5", LONG, LONG * 4, (7, 7, 7, 7, 7), frame=LONG + ":" + LONG, function=LONG, functions={LONG: 7, "x": 1}),
    _group("f6", "", "", (0, 0, 0, 0, 1), frame="", first=None),
]


def _grid(query: FailuresQuery) -> FailuresView:
    return FailuresView(query, GroupPage(_GROUPS, 140, NOW), 4000, NOW - HOUR, 1)


def _one(group: Group, **changes: Any) -> GroupView:
    trace = read_trace(made.TRACEBACK)
    view = GroupView(
        GroupQuery(group.by, group.name), group, NOW - HOUR, 1, Page([made.FAILED], None, 1), made.FAILED, trace
    )
    return replace(view, **changes)


FAILURES = Section(
    "failures",
    "Failures",
    (
        Sample("The grid", "failures", {"view": _grid(FailuresQuery())}),
        Sample(
            "By function, in three hours, most first",
            "failures",
            {"view": _grid(FailuresQuery(By.FUNCTION, "3h", "count"))},
        ),
        Sample("None", "failures", {"view": FailuresView(FailuresQuery(), GroupPage([], 0, NOW), 0, None, 1)}),
        Sample("One group", "failure", {"view": _one(_GROUPS[0])}),
        Sample("A new one, long", "failure", {"view": _one(replace(_GROUPS[4], first=NOW - MINUTE))}),
        Sample("Its newest trace", "failure_trace", {"view": _one(_GROUPS[0])}),
        Sample("Its jobs", "failure_jobs", {"view": _one(_GROUPS[0])}),
        Sample("None is left", "failure_jobs", {"view": _one(replace(_GROUPS[0], jobs=0), jobs=Page([], None, 0))}),
    ),
    ("failures",),
)

# The system

_INFO = ServerInfo(
    product="Valkey", version="8.1.1", mode="standalone", started=NOW - 9 * DAY,
    memory=Memory(182_044_000, 240_000_000, None, "noeviction"),
    persistence=Persistence(True, True, NOW - 4 * MINUTE, True, 812), replication=Replication("master", 1, None),
    clients=14, blocked=0, max_clients=10_000, per_second=1240, keys=84_311, complaints=(),
)  # fmt: skip
_UNFIT = replace(
    _INFO,
    memory=Memory(1_900_000_000, 1_950_000_000, 2_000_000_000, "allkeys-lru"),
    blocked=3,
    persistence=Persistence(False, False, NOW - DAY, False, 90_000),
    replication=Replication("slave", 0, False),
    complaints=(
        "It may throw jobs away: set maxmemory-policy noeviction.",
        f"It keeps no log: set appendonly yes. {HOSTILE}",
    ),
)
_DASHBOARD = DashboardInfo("1.0", "3.13.1", NOW - DAY, 12, 2000, 1.9, is_following=True)
_SLOW = [
    SlowCommand(1, NOW - MINUTE, 12_400, f"EVALSHA 8f2e… 4 {Keys().jobs()} …", "mill-1"),
    SlowCommand(2, NOW - HOUR, 1_240_000, f"SET {LONG}{LONG} …", HOSTILE),
]


def _system(info: ServerInfo | None, slow: list[SlowCommand] | None, **dashboard: Any) -> dict[str, Any]:
    health = Health(info, slow, 0.21, NOW, ("INFO", "SLOWLOG") if info is None else ())
    return {"view": SystemLive(health, replace(_DASHBOARD, **dashboard), around.SIDE.workers if info else [], 1)}


_KINDS = {name: Kind(name, n, min(n, 100), min(n, 100) * 300) for name, n in (("job", 41_200), ("log", 9), (LONG, 1))}


def _count(**changes: Any) -> dict[str, Any]:
    count = KeyCount(Keys(), 84_311, 84_311, True, kinds=_KINDS)
    return {"view": CountView(replace(count, **changes), 1)}


def _key(kind: str, rows: list[tuple[str, str]], following: str | None = None) -> dict[str, Any]:
    info = KeyInfo(Keys().job(made.RUNNING.id), kind, 86_400_000)
    return {"view": KeyView(KeyValue(info, 912, "listpack", len(rows), rows, following), "b7d1c09ee3", is_first=True)}


_FIELDS = [
    ("function", "resize_images"),
    ("note", RUSSIAN),
    ("args", HOSTILE),
    (LONG, LONG * 4),
    ("token", "‹redacted›"),
]
SYSTEM = Section(
    "system",
    "System",
    (
        Sample("Fit for jobs", "system", _system(_INFO, [])),
        Sample("Not fit, slow", "system", _system(_UNFIT, _SLOW, lag_ms=0.0, is_following=False)),
        Sample("It may not be asked", "system", _system(None, None)),
        Sample("Keys, not counted", "keycount", {"view": CountView(None, 1)}),
        Sample("Being counted", "keycount", _count(seen=31_000, is_over=False)),
        Sample("Counted", "keycount", _count()),
        Sample("Stopped", "keycount", _count(seen=31_000, is_stopped=True, can_measure=False)),
    ),
    ("system",),
)
KEYS = Section(
    "keys",
    "Values of keys",
    (
        Sample("A hash", "key_value", _key("hash", _FIELDS)),
        Sample("A sorted set, with more", "key_value", _key("zset", [("1772634400000", "b7d1c09ee3")] * 3, "1:x")),
        Sample("A text", "key_value", _key("string", [("", LONG * 6 + HOSTILE)])),
        Sample("A set", "key_value", _key("set", [("", "arq:queue"), ("", RUSSIAN)])),
        Sample("Nothing", "key_value", _key("list", [])),
    ),
    ("system",),
)
SECTIONS = (FAILURES, SYSTEM, KEYS)
