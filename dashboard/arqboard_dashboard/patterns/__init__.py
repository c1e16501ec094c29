"""The page of all components in all their states, from which their pictures are taken. In development only."""

from __future__ import annotations

from . import around, basics, flows, inside, job_page, lists, queues, schedules, workers
from .shown import PatternsView, patterns_view

SECTIONS = (
    *basics.SECTIONS,
    *around.SECTIONS,
    *lists.SECTIONS,
    *job_page.SECTIONS,
    *flows.SECTIONS,
    queues.SECTION,
    workers.SECTION,
    schedules.SECTION,
    *inside.SECTIONS,
)

__all__ = ["SECTIONS", "PatternsView", "patterns_view"]
