"""Import a CSV file into a database, a thousand rows per chunk."""

from __future__ import annotations

import asyncio
import csv
import logging
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from arqboard import chunks, current

from .customers import export_customers

logger = logging.getLogger(__name__)

Numbered = tuple[int, dict[str, str]]


class Customer(BaseModel):
    """What a row has to be."""

    name: str = Field(min_length=1)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$")
    city: str
    age: int = Field(ge=0, le=130)
    balance: Decimal


async def import_csv(
    ctx: dict[str, Any],
    rows: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000,
    bad_every: Annotated[int, Field(ge=0)] = 2_500,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.1,
) -> dict[str, Any]:
    """Import customers from a CSV file.

    Every row is checked by pydantic. Good ones go to a SQLite database, bad ones are reported with their
    line. A chunk is one transaction keyed by line: importing it twice is as once, and a retry resumes
    at the chunk that failed. Every `bad_every`th row has a mistake (0: none). `pause` follows each chunk.
    """
    progress = current()
    await progress(0, rows, unit="rows", phase="Reading the file")
    path = await asyncio.to_thread(export_customers, ctx["data"], rows, bad_every)
    numbered = await asyncio.to_thread(read_rows, path)
    database = path.with_suffix(".sqlite")
    logger.info("%s has %s rows, they go to %s", path.name, len(numbered), database.name)
    await progress(phase="Importing")
    async for chunk in chunks(numbered, size=1000, unit="rows"):
        await asyncio.to_thread(import_rows, database, chunk)
        await asyncio.sleep(pause)
    return await asyncio.to_thread(report, database)


def read_rows(path: Path) -> list[Numbered]:
    """The rows with the lines they are on; the header is line 1."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(enumerate(csv.DictReader(file), start=2))


def import_rows(database: Path, rows: Sequence[Numbered]) -> None:
    good, bad = list[tuple[int, str]](), list[tuple[int, str]]()
    for line, row in rows:
        try:
            good.append((line, Customer.model_validate(row).model_dump_json()))
        except ValidationError as error:
            why = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            logger.warning("line %s is rejected: %s", line, why)
            bad.append((line, why))
    with opened(database) as db, db:
        db.executemany("INSERT OR REPLACE INTO customer VALUES (?, ?)", good)
        db.executemany("INSERT OR REPLACE INTO mistake VALUES (?, ?)", bad)


def report(database: Path) -> dict[str, Any]:
    with opened(database) as db:
        (imported,) = db.execute("SELECT count(*) FROM customer").fetchone()
        (rejected,) = db.execute("SELECT count(*) FROM mistake").fetchone()
        first = db.execute("SELECT line, why FROM mistake ORDER BY line LIMIT 20").fetchall()
    return {
        "imported": imported,
        "rejected": rejected,
        "first_rejected": [f"line {line}: {why}" for line, why in first],
    }


@contextmanager
def opened(database: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS customer (line INTEGER PRIMARY KEY, record TEXT)")
        db.execute("CREATE TABLE IF NOT EXISTS mistake (line INTEGER PRIMARY KEY, why TEXT)")
        yield db
