"""Send a newsletter, a hundred mails per chunk and connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Annotated, Any

from aiosmtplib import SMTP, SMTPRecipientsRefused
from pydantic import Field

from arqboard import chunks

from .mail import MailServer
from .mailing import connected

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The server did not take mail for some addresses."""


async def send_newsletter(
    ctx: dict[str, Any],
    subject: Annotated[str, Field(min_length=1, max_length=200)] = "What is new this week",
    recipients: Annotated[int, Field(ge=1, le=100_000)] = 1000,
    connections: Annotated[int, Field(ge=1, le=20)] = 2,
    bad_every: Annotated[int, Field(ge=0)] = 0,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.02,
) -> dict[str, Any]:
    """Send a newsletter to many people.

    Batches of 100 go out over several SMTP connections at once. A batch with refused addresses is marked as
    failed and the others go on; the result lists it. When the worker dies, only batches that are not done are
    sent again. Every `bad_every`th address is one that the server refuses (0: none). `pause` is slept after each mail.
    """
    server: MailServer = ctx["mail"]

    async def send_batch(batch: Sequence[str]) -> None:
        async with connected(server) as smtp:
            mails = [compose(ctx["job_id"], subject, address) for address in batch]
            refused = [mail["To"] for mail in mails if not await send(smtp, mail, pause)]
        logger.info("%s … %s: %s sent", batch[0], batch[-1], len(mails) - len(refused))
        if refused:
            raise Refused(f"{len(refused)} of {len(batch)} addresses were refused: {', '.join(refused[:5])}")

    people = addresses(recipients, bad_every)
    summary = await chunks.each(
        send_batch, people, size=100, concurrency=connections, on_error="continue", unit="mails"
    )
    return {
        "batches": summary.total,
        "failed_batches": [f"batch {index + 1}: {why}" for index, why in summary.errors.items()],
    }


async def send(smtp: SMTP, message: EmailMessage, pause: float) -> bool:
    """Whether the server took it. A lost connection is raised: then the whole batch is to be sent again."""
    try:
        await smtp.send_message(message)
    except SMTPRecipientsRefused as refused:
        logger.warning("%s was refused: %s", message["To"], refused.recipients[0].message)
        return False
    await asyncio.sleep(pause)
    return True


def compose(job_id: str, subject: str, address: str) -> EmailMessage:
    """The same id each time, so a mail server can drop the second copy when a batch is sent again."""
    message = EmailMessage()
    message["From"] = "News <news@example.org>"
    message["To"] = address
    message["Subject"] = " ".join(subject.split())  # a line break would be a header of the user's own
    message["Message-ID"] = f"<{job_id.encode().hex()[:64]}.{address}>"
    message.set_content(f"Hello {address},\n\nthis week arqboard learned to send you this mail.\n")
    return message


def addresses(count: int, bad_every: int) -> list[str]:
    return [
        f"{'bad' if bad_every and number % bad_every == 0 else 'reader'}-{number}@example.org"
        for number in range(1, count + 1)
    ]
