import asyncio
import gzip
import shutil
from glob import glob
from typing import Any

from arqboard import chunks


async def compress_logs(ctx: dict[str, Any], folder: str, level: int = 6) -> str:
    """Compress every log file in a folder."""
    files = sorted(glob(f"{folder}/*.log"))
    async for chunk in chunks(files, size=10, unit="files"):
        for file in chunk:
            await asyncio.to_thread(compress, file, level)
    return f"{len(files)} files compressed"


def compress(file: str, level: int) -> None:
    with open(file, "rb") as source, gzip.open(f"{file}.gz", "wb", level) as target:
        shutil.copyfileobj(source, target)


class WorkerSettings:
    functions = [compress_logs]
