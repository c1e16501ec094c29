"""Delete sessions that have expired. The worker's settings run it every five minutes."""

from __future__ import annotations

import asyncio
import random
import secrets
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from arqboard import task

#: How many people sign in between two runs, and for how long a session lives at most (seconds).
VISITORS, LIFETIME = 100, 1200


@task(unique=True, timeout=60)
async def clean_sessions(ctx: dict[str, Any]) -> dict[str, int]:
    """Delete expired sessions from a database.

    As the demo has no visitors, each run begins with a hundred who sign in, some of whom were away for long.
    """
    return await asyncio.to_thread(clean, ctx["data"] / "sessions.sqlite", time.time())


def clean(database: Path, now: float) -> dict[str, int]:
    with opened(database) as db:
        with db:
            sign_in(db, now)
            deleted = db.execute("DELETE FROM session WHERE expires <= ?", (now,)).rowcount
        (left,) = db.execute("SELECT count(*) FROM session").fetchone()
    return {"deleted": deleted, "left": left}


def sign_in(db: sqlite3.Connection, now: float) -> None:
    expiry = (now + random.uniform(-LIFETIME / 4, LIFETIME) for _ in range(VISITORS))
    db.executemany("INSERT INTO session VALUES (?, ?)", ((secrets.token_hex(16), at) for at in expiry))


@contextmanager
def opened(database: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, expires REAL)")
        db.execute("CREATE INDEX IF NOT EXISTS by_expiry ON session (expires)")
        yield db
