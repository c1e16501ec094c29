"""The product in one table: every address it has and what answers there."""

from __future__ import annotations

from aiohttp import web

from . import actions, api, control, inside_api, live, metrics, stats, workflows_api
from .pages import job, jobs, new, palette, preferences, session

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
    web.post("/jobs/{id}/pause", actions.pause),
    web.post("/jobs/{id}/resume", actions.resume),
    web.post("/jobs/{id}/delete", actions.delete),
    # People
    web.get("/login", session.login_form),
    web.post("/login", session.login),
    web.post("/logout", session.logout),
    web.get("/palette", palette.palette),
    web.get("/preferences", preferences.preferences),
    web.post("/preferences", preferences.choose),
    # Programs
    web.post("/api/v1/jobs", api.submit),
    web.get("/api/v1/jobs", api.jobs),
    web.get("/api/v1/jobs/{id}", api.job),
    web.delete("/api/v1/jobs/{id}", api.delete),
    web.post("/api/v1/jobs/{id}/retry", api.retry),
    web.post("/api/v1/jobs/{id}/abort", api.abort),
    web.post("/api/v1/jobs/retry", control.retry_jobs),
    web.post("/api/v1/jobs/{id}/pause", control.pause_job),
    web.post("/api/v1/jobs/{id}/resume", control.resume_job),
    web.get("/api/v1/jobs/{id}/logs", inside_api.logs),
    web.get("/api/v1/jobs/{id}/chunks", inside_api.chunks),
    web.get("/api/v1/jobs/{id}/artefacts", inside_api.artefacts),
    web.get("/api/v1/jobs/{id}/artefacts/{number}", inside_api.artefact),
    web.post("/api/v1/workflows", workflows_api.begin),
    web.get("/api/v1/workflows", workflows_api.workflows),
    web.get("/api/v1/workflows/{id}", workflows_api.workflow),
    web.post("/api/v1/workflows/{id}/abort", workflows_api.abort),
    web.post("/api/v1/workflows/{id}/retry", workflows_api.retry),
    web.post("/api/v1/workflows/{id}/pause", workflows_api.pause),
    web.post("/api/v1/workflows/{id}/resume", workflows_api.resume),
    web.delete("/api/v1/workflows/{id}", workflows_api.delete),
    web.get("/api/v1/schedules", control.schedules),
    web.get("/api/v1/schedules/{name}", control.schedule),
    web.delete("/api/v1/schedules/{name}", control.delete_schedule),
    web.post("/api/v1/schedules/{name}/run", control.run_schedule),
    web.post("/api/v1/schedules/{name}/pause", control.pause_schedule),
    web.post("/api/v1/schedules/{name}/resume", control.resume_schedule),
    web.get("/api/v1/functions", api.functions),
    web.post("/api/v1/functions/{name}/pause", control.pause_function),
    web.post("/api/v1/functions/{name}/resume", control.resume_function),
    web.get("/api/v1/queues", api.queues),
    web.post("/api/v1/queues/{name}/pause", control.pause_queue),
    web.post("/api/v1/queues/{name}/resume", control.resume_queue),
    web.get("/api/v1/workers", api.workers),
    web.post("/api/v1/workers/{id}/drain", control.drain_worker),
    web.post("/api/v1/workers/{id}/resume", control.resume_worker),
    web.get("/api/v1/stats", stats.stats),
    web.post("/api/v1/deploys", stats.deploy),
    # Live and probes
    web.get("/ws", live.socket, allow_head=False),
    web.get("/healthz", api.healthz),
    web.get("/metrics", metrics.scrape),
]
