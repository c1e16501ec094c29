"""Where mail goes: to the server that is configured, else to one inside the worker."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, slots=True)
class MailServer:
    """How to reach an SMTP server."""

    hostname: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    use_tls: bool = False

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """From `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError(f'SMTP_URL has to look like smtp://user:password@host:587, not "{parts.scheme}://…"')
        is_tls = parts.scheme == "smtps"
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, parts.port or (465 if is_tls else 587), username, password, is_tls)


@dataclass(slots=True)
class Mailbox:
    """Takes every mail but those to addresses that start with "bad", and remembers the last hundred."""

    accepted: int = 0
    latest: deque[Envelope] = field(default_factory=lambda: deque[Envelope](maxlen=100))

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("bad"):
            return "550 5.1.1 There is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.accepted += 1
        self.latest.append(envelope)
        return "250 2.0.0 Taken"


class MailSink:
    """An SMTP server on a free port of this machine, in the event loop it was started in."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self._server: asyncio.Server | None = None

    async def start(self) -> MailServer:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self.mailbox, loop=loop), "127.0.0.1", 0)
        return MailServer("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
