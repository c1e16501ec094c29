"""Turns values into HTML fragments. The page, the answer to a click and the push all use the same partials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arqboard.protocol import Attempt, Job, Unreadable
from arqboard.protocol.inside import Artefact

from . import formats
from .assets import TEMPLATES
from .links import root_id
from .templating import new_environment
from .trends import Trend
from .views import Kpis, Look, Side, Tabs

if TYPE_CHECKING:
    from aiohttp import web

Kind = Literal[
    "row", "prog", "hero", "chunks", "attempts", "facts", "outcome", "kept", "artefacts", "log", "widget-bar",
    "widget-steps", "widget-outcome",
]  # fmt: skip
#: Bars in other people's pages: each amount of what is shown is a fragment of its own, which all its readers share.
WIDGETS: tuple[Kind, ...] = ("widget-bar", "widget-steps", "widget-outcome")


class Renderer:
    """Renders one fragment at a time. With `oob` its root says where it belongs, so that it can be pushed."""

    def __init__(self, templates: Path = TEMPLATES) -> None:
        self.env = new_environment(templates)

    def warm(self) -> None:
        """Compile every template, so that the first visitor does not wait for a quarter of a second."""
        for name in self.env.list_templates(["html"]):
            self.env.get_template(name)

    def install(self, app: web.Application) -> None:
        """Give the app's pages this same environment, so that a page and a push can't differ."""
        import aiohttp_jinja2

        app[aiohttp_jinja2.APP_KEY] = self.env

    def row(self, job: Job | Unreadable, look: Look, *, oob: bool = False) -> str:
        """One line of the list, its progress cell included. Key `row:<id>`, version `job.version`."""
        return self._render("row", look, oob, job=job)

    def prog(self, job: Job, look: Look, *, oob: bool = False) -> str:
        """The progress cell alone. Key `prog:<id>`, version `job.position`."""
        return self._render("prog", look, oob, job=job)

    def hero(self, job: Job, look: Look, *, oob: bool = False) -> str:
        """Title, actions and the big bar of the job's page. Key `hero:<id>`, version `job.position`."""
        return self._render("hero", look, oob, job=job)

    def chunks(self, job: Job, marks: str, look: Look, *, oob: bool = False) -> str:
        """Legend and map of the chunks; an empty hidden root where there are none. Version `job.position`."""
        return self._render("chunks", look, oob, job=job, marks=marks)

    def attempts(self, job: Job, attempts: Sequence[Attempt], look: Look, *, oob: bool = False) -> str:
        """Attempts over time and as events. Key `attempts:<id>`, version `job.version`."""
        return self._render("attempts", look, oob, job=job, attempts=attempts)

    def facts(self, job: Job, look: Look, *, oob: bool = False) -> str:
        """Queue, worker, tries and times. Key `facts:<id>`, version `job.version`."""
        return self._render("facts", look, oob, job=job)

    def outcome(self, job: Job, look: Look, *, oob: bool = False) -> str:
        """Result or last error with its traceback. Key `outcome:<id>`, version `job.version`."""
        return self._render("outcome", look, oob, job=job)

    def kept(self, job: Job, until: int | None, look: Look, *, oob: bool = False) -> str:
        """Until when arq has the result. Key `kept:<id>`, version `job.version`."""
        return self._render("kept", look, oob, job=job, until=until)

    def artefacts(self, job: Job, artefacts: Sequence[Artefact], look: Look, *, oob: bool = False) -> str:
        """What the job made; an empty hidden root where it made nothing. Version `job.position`."""
        return self._render("artefacts", look, oob, job=job, artefacts=artefacts)

    def log(self, job: Job, look: Look, *, oob: bool = False) -> str:
        """How long its log is; pages fetch the lines that are new to them. Version `log_version(job)`."""
        return self._render("log", look, oob, job=job)

    def widget(self, job: Job | None, show: str, look: Look, *, oob: bool = False) -> str:
        """The bar in other people's pages, None where there is no job. Keys `widget-<show>:<id>`."""
        return self._render("widget", look, oob, job=job, show=show)

    def tabs(self, tabs: Tabs, look: Look, *, oob: bool = False) -> str:
        """State tabs with counts. Key `tabs:<query string>`."""
        return self._render("tabs", look, oob, tabs=tabs)

    def kpis(self, kpis: Kpis, trend: Trend, look: Look, *, oob: bool = False) -> str:
        """The tiles over the list. Key `kpis`, or `kpis:<window>`."""
        return self._render("kpis", look, oob, kpis=kpis, trend=trend)

    def side(self, side: Side, look: Look, *, oob: bool = False) -> str:
        """The live part of the sidebar. Key `side`."""
        return self._render("side", look, oob, side=side)

    def gone(self, kind: Kind, job_id: str) -> str:
        """Takes a fragment of a deleted job off the page."""
        return f'<div id="{root_id(kind, job_id)}" hx-swap-oob="delete"></div>'

    def hero_gone(self, job_id: str, look: Look, *, oob: bool = True) -> str:
        """What stands in place of the hero once its job has been deleted."""
        return self._render("hero_gone", look, oob, job_id=job_id)

    def part(self, partial: str, look: Look, *, oob: bool = False, **values: Any) -> str:
        """A live part that one page has: its partial, with what that receives."""
        return self._render(partial, look, oob, **values)

    def _render(self, partial: str, look: Look, oob: bool, **values: Any) -> str:
        html = self.env.get_template(f"partials/{partial}.html").render(look=look, oob=oob, **values)
        return formats.scrub(html.strip())
