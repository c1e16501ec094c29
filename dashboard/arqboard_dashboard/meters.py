"""Live parts of a page that are not of one job: read again every second or so while somebody watches them.

A page's module says what it has as `METERS`; here they come together, so that the feed and the socket know them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

#: Renders the part that this name means, as it is now, with `oob=True`; "" where there is nothing to show.
Read = Callable[[web.Application, str], Awaitable[str]]


def no_name(name: str) -> None:
    """For parts of which there is one. Raises ValueError for a name."""
    if name:
        raise ValueError("this part has no name")


def some_name(name: str) -> None:
    """For parts of things that have names or ids. Raises ValueError where there is none."""
    if not name:
        raise ValueError("this part needs a name")


@dataclass(frozen=True, slots=True)
class Meter:
    """`data-live="<kind>"`, or `"<kind>:<name>"`. It is sent when its HTML has changed, whatever its version."""

    kind: str
    read: Read
    check: Callable[[str], object] = no_name
    """raises ValueError for a name that there can't be; it comes from a browser"""
    seconds: float = 1.0
    """how often it is read at most, while things change"""
    idle_seconds: float = 5.0
    """how often it is read when nothing changes: what depends on the clock, or on heartbeats"""


def all_meters() -> dict[str, Meter]:
    """Every page's, by kind."""
    return {meter.kind: meter for meters in _pages() for meter in meters}


def _pages() -> tuple[tuple[Meter, ...], ...]:
    """In a function, because pages import what the feed is made of."""
    from . import alerts, bulk, flowmeters, inside_parts, jobparts
    from .pages import failures, new, queues, schedules, system, workers

    return (
        alerts.METERS,
        bulk.METERS,
        inside_parts.METERS,
        jobparts.METERS,
        new.METERS,
        failures.METERS,
        queues.METERS,
        workers.METERS,
        schedules.METERS,
        flowmeters.METERS,
        system.METERS,
    )
