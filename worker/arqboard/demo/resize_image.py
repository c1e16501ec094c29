"""Scale one picture. A plain function: it runs in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from arqboard import current, task

from .paths import inside, shown
from .photographs import take_photograph
from .resize_images import resize


@task(run_in="thread", timeout=120)
def resize_image(
    ctx: dict[str, Any],
    path: Annotated[str, Field(max_length=500)] = "",
    width: Annotated[int, Field(ge=16, le=4000)] = 640,
) -> str:
    """Scale a picture to a width and return where the new one is.

    Without a path it is one of the demo's photographs. A path is relative to the demo's folder and can't leave it.
    """
    folder: Path = ctx["data"]
    source = inside(folder, path) if path else take_photograph(folder / "photographs", 1)
    target = folder / "resized" / f"{source.stem}-{width}.jpg"
    current().report(note=f"{source.name} to {width} pixels")
    resize(source, target, width)
    return shown(folder, target)
