"""The product in one table: every address it has and what answers there."""

from __future__ import annotations

from aiohttp import web

from . import actions, api, live, metrics, stats
from .pages import job, jobs, new, session

ROUTES = [
    # Pages
    web.get("/", jobs.home, name="home"),
    web.get("", jobs.home),  # the mount itself, without a slash
    web.get("/jobs", jobs.jobs),
    web.get("/jobs/new", new.new),
    web.post("/jobs", new.create),
    web.get("/jobs/{id}", job.job),
    # Actions
    web.post("/jobs/{id}/retry", actions.retry),
    web.post("/jobs/{id}/abort", actions.abort),
    web.post("/jobs/{id}/delete", actions.delete),
    # People
    web.get("/login", session.login_form),
    web.post("/login", session.login),
    web.post("/logout", session.logout),
    web.post("/theme", session.theme),
    # Programs
    web.post("/api/v1/jobs", api.submit),
    web.get("/api/v1/jobs", api.jobs),
    web.get("/api/v1/jobs/{id}", api.job),
    web.delete("/api/v1/jobs/{id}", api.delete),
    web.post("/api/v1/jobs/{id}/retry", api.retry),
    web.post("/api/v1/jobs/{id}/abort", api.abort),
    web.get("/api/v1/functions", api.functions),
    web.get("/api/v1/queues", api.queues),
    web.get("/api/v1/workers", api.workers),
    web.get("/api/v1/stats", stats.stats),
    web.post("/api/v1/deploys", stats.deploy),
    # Live and probes
    web.get("/ws", live.socket, allow_head=False),
    web.get("/healthz", api.healthz),
    web.get("/metrics", metrics.scrape),
]
