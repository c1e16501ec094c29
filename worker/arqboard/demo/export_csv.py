"""Export customers to a CSV file, a thousand rows per chunk."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import random
import shutil
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field

from arqboard import ArtefactError, chunks, current, task

from .customers import COLUMNS, customer
from .files import write_whole

SIZE = 1000


@task(timeout=600)
async def export_csv(
    ctx: dict[str, Any],
    rows: Annotated[int, Field(ge=1, le=5_000_000)] = 20_000,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.1,
) -> dict[str, Any]:
    """Export customers to a CSV file.

    Each chunk is a file of its own, so a retry goes on where the last attempt stopped and repeats no row; at the end
    they are put together. The file can be downloaded from the job's page, if it is small enough (5 MB). `pause`
    follows each chunk.
    """
    name = f"customers-{hashlib.sha256(ctx['job_id'].encode()).hexdigest()[:12]}"
    parts: Path = ctx["data"] / "exports" / f"{name}.parts"
    async for chunk in chunks(range(1, rows + 1), size=SIZE, unit="rows"):
        await asyncio.to_thread(write_part, parts / f"{chunk.number:06d}", chunk)
        await asyncio.sleep(pause)
    target = await asyncio.to_thread(join, parts, parts.with_suffix(".csv"))
    is_kept = await keep(target)
    return {"file": target.name, "rows": rows, "bytes": target.stat().st_size, "can_be_downloaded": is_kept}


def write_part(path: Path, numbers: list[int]) -> Path:
    return write_whole(path, lambda file: _write_rows(file, numbers))


def join(parts: Path, target: Path) -> Path:
    """One file of all parts. Where an earlier attempt did it and died before it could say so, it is there already."""
    if parts.exists():
        write_whole(target, lambda file: _copy(parts, file))
        shutil.rmtree(parts)
    return target


async def keep(path: Path) -> bool:
    """Whether Redis takes a file of that size."""
    try:
        await current().artefact("customers.csv", path=path, type="text/csv")
    except ArtefactError as error:
        await current()(note=str(error))
        return False
    return True


def _write_rows(file: IO[bytes], numbers: list[int]) -> None:
    writer = csv.DictWriter(_Text(file), COLUMNS)
    writer.writerows(customer(random.Random(number), number) for number in numbers)


def _copy(parts: Path, file: IO[bytes]) -> None:
    csv.DictWriter(_Text(file), COLUMNS).writeheader()
    for part in sorted(parts.iterdir()):
        if not part.name.startswith("."):  # what a killed worker left half written
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)


class _Text:
    """The part of a text file that csv writes to; closing nothing, unlike a TextIOWrapper."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())
