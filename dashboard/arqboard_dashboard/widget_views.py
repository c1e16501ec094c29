"""What the templates of a bar in somebody's page receive, and those of the page that makes links to it."""

from __future__ import annotations

from dataclasses import dataclass

from arqboard.protocol import Job

from .widgets import Looks


@dataclass(frozen=True, slots=True)
class WidgetPage:
    """`pages/widget.html`: one job, or a note in its place."""

    job: Job | None
    """None where there is no such job, or not yet"""
    show: str = "bar"
    label: str = ""
    socket: str = ""
    """where its live socket is, signed; "" where nothing will come"""
    seconds: int = 0
    """until the link expires"""
    looks: Looks = Looks()  # noqa: RUF009 - frozen
    note: str = ""
    """why there is no bar"""
    retries: bool = False
    """whether it may be there in a moment"""
