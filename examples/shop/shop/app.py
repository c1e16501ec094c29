"""The shop's web application: `python -m shop.app`, and the dashboard under /ops."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arqboard import Board, JobNotFound, connect
from arqboard.protocol import Job, State
from arqboard.widget import link, script
from arqboard_dashboard.app import create_app
from arqboard_dashboard.settings import Settings

from .tasks import congratulate, generate_report, send_email, welcome

BOARD = web.AppKey("board", Board)
DATABASE = web.AppKey("database", Path)
SECRET = web.AppKey("secret", str)
FOR_CUSTOMERS = {generate_report.name, send_email.name, congratulate.name}
Body = TypeVar("Body", bound=BaseModel)


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$", max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=100)]


class ReportRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[int, Field(ge=1)]


async def register(request: web.Request) -> web.Response:
    """Store the user and answer at once; the mail goes out in the background, once per address."""
    wanted = await body_of(request, Registration)
    user_id = store(request.app[DATABASE], wanted)
    flow = await welcome(wanted.email, wanted.name).submit(name="welcome", once=f"welcome {wanted.email}")
    return accepted(request, f"{flow.id}.0", user_id=user_id)


async def report(request: web.Request) -> web.Response:
    """One report per user at a time: asking twice is answered with the first one's task."""
    wanted = await body_of(request, ReportRequest)
    one_at_a_time = generate_report.options(unique_key=f"report {wanted.user_id}")
    handle = await one_at_a_time.submit(user_id=wanted.user_id, pause=0)
    return accepted(request, handle.id)


async def task(request: web.Request) -> web.Response:
    """How far a task is, and its result or error."""
    return web.json_response(told(await asked_for(request)))


async def asked_for(request: web.Request) -> Job:
    """A task that a customer may see. Whatever else runs on the board has no address here."""
    try:
        job = await request.app[BOARD].job(request.match_info["id"]).info()
    except JobNotFound:
        job = None
    if job is None or job.function not in FOR_CUSTOMERS:
        answer = web.json_response({"error": "There is no such task."})
        raise web.HTTPNotFound(text=answer.text, content_type="application/json")
    return job


def told(job: Job) -> dict[str, Any]:
    progress = job.progress
    return {
        "id": job.id,
        "state": job.state.value,
        "percent": 100.0 if job.state is State.SUCCEEDED else (progress.percent if progress else None),
        "doing": (progress.phase or progress.note) if progress else "",
        "result": job.result,
        "error": str(job.error) if job.error else None,
    }


async def watch(request: web.Request) -> web.Response:
    """A page for the user in which the task's bar moves: the dashboard's widget, by a link that expires in an hour.
    Only a task of the shop's is signed: who has a link sees its job."""
    url = link(
        (await asked_for(request)).id, secret=request.app[SECRET], base=f"{request.url.origin()}/ops", show="steps",
        label="Your order",
    )  # fmt: skip
    return web.Response(text=f"<!doctype html><title>Shop</title><main>{script(url)}</main>", content_type="text/html")


async def body_of(request: web.Request, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        problems = {".".join(map(str, e["loc"])) or "body": e["msg"] for e in error.errors(include_url=False)}
        raise web.HTTPUnprocessableEntity(
            text=web.json_response({"errors": problems}).text, content_type="application/json"
        ) from None


def accepted(request: web.Request, task_id: str, **more: Any) -> web.Response:
    url = str(request.app.router["task"].url_for(id=task_id))
    return web.json_response({"task": task_id, "url": url, **more}, status=202, headers={"Location": url})


def store(database: Path, wanted: Registration) -> int:
    """The user's number; who registers again keeps it."""
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT)")
        db.execute("INSERT INTO user (email, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (wanted.email, wanted.name))
        return int(db.execute("SELECT id FROM user WHERE email = ?", (wanted.email,)).fetchone()[0])


def shop(redis_url: str, database: Path) -> web.Application:
    app = web.Application()
    app[DATABASE] = database
    app.add_routes([web.post("/register", register), web.post("/reports", report)])
    app.router.add_get("/tasks/{id}", task, name="task")
    app.router.add_get("/tasks/{id}/watch", watch)
    app[SECRET] = os.environ.get("ARQBOARD_WIDGET_SECRET") or secrets.token_hex(32)
    app.add_subapp("/ops", create_app(Settings.read(redis_url=redis_url, widget_secret=app[SECRET])))

    async def board(app: web.Application) -> AsyncIterator[None]:
        app[BOARD] = await connect(redis_url)
        yield
        await app[BOARD].close()

    app.cleanup_ctx.append(board)
    return app


if __name__ == "__main__":
    web.run_app(
        shop(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"), Path("shop.sqlite")),
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8080")),
    )
