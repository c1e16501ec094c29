"""Which sockets belong to people who have signed in, so that the end of a session ends its sockets too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from .appkeys import VISITS

if TYPE_CHECKING:
    from .auth import Gate, Session
    from .hub import Hub
    from .mailbox import Socket

#: Sockets are closed so long after the end of their session at most.
CHECK_SECONDS = 2.0
_SIGN_IN_AGAIN = 4401


class Visits:
    """Open sockets by the session that opened them; sockets of programs with a token have none."""

    def __init__(self, gate: Gate, hub: Hub) -> None:
        self._gate, self._hub = gate, hub
        self._sessions: dict[Socket, Session] = {}

    def begin(self, socket: Socket, session: Session | None) -> None:
        if session is not None:
            self._sessions[socket] = session

    def end(self, socket: Socket) -> None:
        self._sessions.pop(socket, None)

    def check(self) -> None:
        """Close the sockets of all who have signed out, or whose time is over."""
        over = [socket for socket, session in self._sessions.items() if self._gate.is_over(session)]
        for socket in over:
            self.end(socket)
            self._hub.close(socket, _SIGN_IN_AGAIN)


async def checking(app: web.Application) -> AsyncIterator[None]:
    """Check for as long as the application runs; for `cleanup_ctx`."""
    task = asyncio.create_task(_keep_checking(app[VISITS]), name="arqboard visits")
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _keep_checking(visits: Visits) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        visits.check()
