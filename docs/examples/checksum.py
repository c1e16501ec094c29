import asyncio
import hashlib
from pathlib import Path
from typing import Any

from arqboard import Progress, current


async def checksum(ctx: dict[str, Any], path: str) -> str:
    """SHA-256 of a file of any size."""
    return await asyncio.to_thread(sha256, Path(path), current())


def sha256(path: Path, progress: Progress) -> str:
    digest, total = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(1_000_000):
            digest.update(block)
            progress.report(file.tell(), total, unit="bytes", phase="Reading")
    return digest.hexdigest()
