"""Words and figures of the list of jobs, in the language that is spoken."""

from __future__ import annotations

from typing import Any

from arqboard.protocol import State
from arqboard.protocol.query import Sort

from . import formats
from .language import gettext as _
from .units import units


def window_words(name: str) -> str:
    """`15m` as people write it."""
    unit = {"m": units().m, "h": units().h, "d": units().d}[name[-1]]
    return f"{name[:-1]}\u00a0{unit}"


def order_words(state: State | None) -> str:
    """By which time the list is ordered: the one that its index knows. No other order can be had of a long list."""
    match state:
        case None:
            return _("ordered by when they were enqueued")
        case State.RUNNING:
            return _("ordered by when they started")
        case State.QUEUED:
            return _("ordered by since when they may run")
        case State.DEFERRED | State.RETRYING:
            return _("ordered by when they will run")
        case State.FAILED:
            return _("ordered by when they failed")
        case _ended:
            return _("ordered by when they ended")


def rate_figure(value: float) -> str:
    """Three digits while there are few jobs: `0.4`, `84`, `1 240`, `51k`."""
    if value < 99.5 or value >= 10_000:
        return formats.compact(value)
    return formats.number(round(value))


def share(percent: float) -> str:
    """`0.5`, `12`, and `<0.1` for what is not nothing."""
    if 0 < percent < 0.05:
        return f"<0{units().comma}1"
    return f"{percent:.1f}".replace(".", units().comma) if percent < 9.95 else f"{percent:.0f}"


JOB_WORDS: dict[str, Any] = {"window_words": window_words, "order_words": order_words, "Sort": Sort}
JOB_FIGURES: dict[str, Any] = {"rate_figure": rate_figure, "share": share}
