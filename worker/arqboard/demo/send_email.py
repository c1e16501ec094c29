"""Send one e-mail, and try again when that fails."""

from __future__ import annotations

import hashlib
import logging
from email.message import EmailMessage
from typing import Annotated, Any

from aiosmtplib import SMTPException
from pydantic import Field

from arqboard import Backoff, task

from .mailing import connected

logger = logging.getLogger(__name__)


@task(max_tries=3, retry_on=(SMTPException, OSError), backoff=Backoff(base=1, factor=2, jitter=0.5), timeout=30)
async def send_email(
    ctx: dict[str, Any],
    to: Annotated[str, Field(pattern=r'^[^@\s,;:<>"]+@[^@\s,;:<>"]+$', max_length=254)] = "ada@example.org",
    subject: Annotated[str, Field(min_length=1, max_length=200)] = "Welcome",
    body: Annotated[str, Field(max_length=100_000)] = "Thank you for signing up.",
) -> dict[str, Any]:
    """Send an e-mail.

    When the server can't be reached or refuses the recipient, it is tried again after a second, and after two more.
    The demo's own mail server refuses every address that starts with "bad", so `bad@example.org` shows how a job
    fails for good.
    """
    message = compose(ctx["job_id"], to, subject, body)
    logger.info("sending to %s, try %s", to, ctx["job_try"])
    async with connected(ctx["mail"], timeout=10) as smtp:
        await smtp.send_message(message)
    return {"to": to, "message_id": message["Message-ID"]}


def compose(job_id: str, to: str, subject: str, body: str) -> EmailMessage:
    """The id is the same in each try: a mail that arrived although its connection broke is not shown twice."""
    message = EmailMessage()
    message["From"] = "The shop <shop@example.org>"
    message["To"] = to
    message["Subject"] = " ".join(subject.split())  # a line break would be a header of the user's own
    message["Message-ID"] = f"<{hashlib.sha256(f'{job_id} {to}'.encode()).hexdigest()[:32]}@example.org>"
    message.set_content(body)
    return message
