"""Scale a folder of photographs, a few per chunk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import Field

from arqboard import chunks, current

from .files import write_whole
from .photographs import take_photograph

logger = logging.getLogger(__name__)

LANCZOS = Image.Resampling.LANCZOS


async def resize_images(
    ctx: dict[str, Any],
    count: Annotated[int, Field(ge=1, le=1000)] = 60,
    width: Annotated[int, Field(ge=16, le=1600)] = 640,
    pause: Annotated[float, Field(ge=0, le=10)] = 0.15,
) -> dict[str, Any]:
    """Scale photographs to a width.

    Each picture is read, scaled and written by Pillow in a thread, so the worker stays responsive. Pictures
    that were scaled before a crash or an abort are not scaled again. `pause` is slept after each picture.
    """
    photographs = await prepare_photographs(ctx["data"] / "photographs", count)
    folder: Path = ctx["data"] / f"resized-{width}"
    logger.info("%s photographs have %s bytes", count, total_size(photographs))
    await current()(phase="Scaling")
    async for chunk in chunks(photographs, size=3, unit="images"):
        for photograph in chunk:
            await asyncio.to_thread(resize, photograph, folder / photograph.name, width)
            await asyncio.sleep(pause)
    return {
        "folder": folder.name,
        "images": count,
        "bytes_before": total_size(photographs),
        "bytes_after": total_size(folder / photograph.name for photograph in photographs),
    }


async def prepare_photographs(folder: Path, count: int) -> list[Path]:
    """The first `count` photographs. The first run has to make them, and says so."""
    progress, photographs = current(), list[Path]()
    for number in range(1, count + 1):
        photographs.append(await asyncio.to_thread(take_photograph, folder, number))
        await progress(number, count, unit="images", phase="Preparing photographs")
    return photographs


def resize(source: Path, target: Path, width: int) -> None:
    with Image.open(source) as picture:
        picture.draft("RGB", (width, width))  # JPEG decodes straight to about the size that is wanted
        height = round(picture.height * width / picture.width)
        small = picture.convert("RGB").resize((width, height), LANCZOS)  # pyright: ignore[reportUnknownMemberType] - needs numpy
    write_whole(target, lambda file: small.save(file, "JPEG", quality=82, optimize=True))


def total_size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
