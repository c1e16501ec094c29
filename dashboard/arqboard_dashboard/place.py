"""Where the dashboard is in a URL: at the root, or under the prefix that a host application gave it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from aiohttp import web

from .appkeys import SETTINGS

Kind = Literal["page", "api", "socket", "probe", "static", "widget"]


def mount(app: web.Application) -> str:
    """The prefix this application was mounted at, "" at the root; aiohttp writes it into every route."""
    return str(app.router["home"].url_for()).rstrip("/")


def base(app: web.Application) -> str:
    """What every link starts with: the mount, unless a proxy strips it and the settings say so."""
    return app[SETTINGS].base or mount(app)


def inner_path(request: web.Request) -> str:
    """The path as the routes of this application are written."""
    return request.path.removeprefix(mount(request.app)) or "/"


def kind(request: web.Request) -> Kind:
    """What sort of thing is asked for, which decides how it is protected and how errors are said."""
    first, _, _ = inner_path(request).lstrip("/").partition("/")
    match first:
        case "api":
            return "api"
        case "ws":
            return "socket"
        case "healthz" | "metrics":
            return "probe"
        case "static":
            return "static"
        case "widget" | "widget.js" | "widget.css":
            return "widget"
        case _:
            return "page"


def here(request: web.Request) -> str:
    """The address of this request as a link on one of our pages would have it."""
    return base(request.app) + request.rel_url.raw_path_qs.removeprefix(mount(request.app))


def job_page(app: web.Application, job_id: str) -> str:
    return f"{base(app)}/jobs/{quote(job_id, safe='')}"


def job_resource(app: web.Application, job_id: str) -> str:
    return f"{base(app)}/api/v1/jobs/{quote(job_id, safe='')}"


def workflow_page(app: web.Application, workflow_id: str) -> str:
    return f"{base(app)}/workflows/{quote(workflow_id, safe='')}"


def workflow_resource(app: web.Application, workflow_id: str) -> str:
    return f"{base(app)}/api/v1/workflows/{quote(workflow_id, safe='')}"
