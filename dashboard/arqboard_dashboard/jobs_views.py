"""What the templates of the list of jobs receive."""

from __future__ import annotations

from dataclasses import dataclass, field

from arqboard.protocol import Page, Query
from arqboard.protocol.savedviews import SavedView
from arqboard.protocol.search import SearchError

from .bulk_views import BulksView
from .trends import Trend
from .views import Kpis, Tabs


@dataclass(frozen=True, slots=True)
class JobsView:
    """`pages/jobs.html`"""

    query: Query
    page: Page | None
    """None where the search can't be understood"""
    tabs: Tabs
    kpis: Kpis
    overall: Trend
    """of all functions, for the tiles"""
    trend: Trend
    """of the function or the queue that is asked for, for the charts"""
    window: str
    """as it is in addresses: "" for the usual one"""
    functions: list[str]
    queues: list[str]
    first_run: bool
    """no job has ever been seen: show the checklist instead of the list"""
    redis_ms: float
    redis_url: str
    typed: str = ""
    problem: SearchError | None = None
    saved: list[SavedView] = field(default_factory=list[SavedView])
    bulks: BulksView = field(default_factory=BulksView)

    @property
    def charts_of_all_queues(self) -> bool:
        """A queue is asked for that the charts can't follow."""
        return self.query.queue is not None and self.trend.queue is None

    @property
    def charts_without_search(self) -> bool:
        """A search is on, which is not counted."""
        return self.page is not None and self.query.search.is_scan

    @property
    def is_first(self) -> bool:
        return self.page is not None and self.page.previous is None and self.query.after is None
