"""A connection to the mail server, signed in where it wants that."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiosmtplib import SMTP

from .mail import MailServer


@asynccontextmanager
async def connected(server: MailServer, timeout: float = 60) -> AsyncGenerator[SMTP]:
    """`timeout` is for each answer of the server, in seconds."""
    async with SMTP(hostname=server.hostname, port=server.port, use_tls=server.use_tls, timeout=timeout) as smtp:
        if server.username and server.password:
            await smtp.login(server.username, server.password)
        yield smtp
