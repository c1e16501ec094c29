"""Charge an invoice, once, however often it is asked for."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from arqboard import task


class AlreadyCharged(Exception):
    """The invoice was charged with another amount."""


@task(unique=True, max_tries=3, retry_on=(sqlite3.OperationalError,), timeout=60)
async def charge_invoice(
    ctx: dict[str, Any],
    invoice_id: Annotated[str, Field(pattern=r"^INV-\d{1,12}$")] = "INV-1001",
    amount: Annotated[int, Field(ge=1, le=100_000_000)] = 4900,
) -> dict[str, Any]:
    """Charge an invoice; the amount is in cents.

    While one such job waits or runs, a second one is refused. A job that runs again later, or elsewhere at the same
    moment, finds the first charge and returns it: nobody pays twice.
    """
    return await asyncio.to_thread(charge, ctx["data"] / "charges.sqlite", invoice_id, amount)


def charge(database: Path, invoice_id: str, amount: int) -> dict[str, Any]:
    """The charge of this invoice: a new one, or the one there is. Raises AlreadyCharged where the amounts differ."""
    new = (invoice_id, uuid.uuid4().hex, amount, datetime.now(UTC).isoformat(timespec="seconds"))
    with opened(database) as db:
        with db:
            db.execute("INSERT INTO charge VALUES (?, ?, ?, ?) ON CONFLICT (invoice_id) DO NOTHING", new)
        row = db.execute("SELECT id, amount, at FROM charge WHERE invoice_id = ?", (invoice_id,)).fetchone()
    charge_id, charged, at = row
    if charged != amount:
        raise AlreadyCharged(f"{invoice_id} was charged with {charged / 100:.2f} already, not with {amount / 100:.2f}")
    is_new = charge_id == new[1]
    return {"charge_id": charge_id, "invoice_id": invoice_id, "amount": charged, "at": at, "is_new": is_new}


@contextmanager
def opened(database: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS charge (invoice_id TEXT PRIMARY KEY, id TEXT, amount INTEGER, at TEXT)")
        yield db
