"""What is in the sidebar, in this order, and the number beside each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arqboard.protocol import State

from .views import Side


@dataclass(frozen=True, slots=True)
class Place:
    """`key` is the page's `Shell.active`, `path` comes after the mount, `key_stroke` after a `g`."""

    key: str
    title: str
    symbol: str
    path: str
    key_stroke: str
    count: Callable[[Side], int] | None = None
    """what stands beside it; nothing for 0"""
    is_bad: bool = False
    """the number is of something that went wrong"""


def _jobs(side: Side) -> int:
    return sum(side.counts.values())


def _workflows(side: Side) -> int:
    return side.workflows


def _failed(side: Side) -> int:
    return side.counts.get(State.FAILED, 0)


def _queues(side: Side) -> int:
    return len(side.queues)


def _workers(side: Side) -> int:
    return sum(worker.alive for worker in side.workers)


def _schedules(side: Side) -> int:
    return side.schedules


PLACES: tuple[Place, ...] = (
    Place("jobs", "Jobs", "activity", "/jobs", "j", _jobs),
    Place("workflows", "Workflows", "workflow", "/workflows", "w", _workflows),
    Place("queues", "Queues", "layers", "/queues", "q", _queues),
    Place("workers", "Workers", "server", "/workers", "k", _workers),
    Place("schedules", "Schedules", "calendar-clock", "/schedules", "s", _schedules),
    Place("failures", "Failures", "octagon-x", "/failures", "f", _failed, is_bad=True),
    Place("system", "System", "database", "/system", "y"),
)
