"""What the shop does in the background. The demo's own tasks are used as they are; `welcome` is the shop's."""

from __future__ import annotations

from typing import Any

from arqboard import Backoff, chain, task
from arqboard.demo.generate_report import generate_report
from arqboard.demo.send_email import send_email

__all__ = ["congratulate", "generate_report", "send_email", "welcome"]


@task(max_tries=3, retry_on=(OSError,), backoff=Backoff(base=1))
async def congratulate(ctx: dict[str, Any], sent: dict[str, Any], name: str) -> str:
    """Note that somebody was welcomed; gets what `send_email` returned."""
    return f"{name} was welcomed at {sent['to']}"


def welcome(email: str, name: str) -> chain:
    """The mail to somebody who has just registered, and a note once it is out."""
    text = f"Hello {name},\n\nyour account is ready.\n"
    return send_email.s(email, f"Welcome, {name}", text) | congratulate.s(name=name)
