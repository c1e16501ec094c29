"""Work on one picture, in a process of its own: filters keep a processor busy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from PIL import Image, ImageFilter, ImageOps
from pydantic import Field

from arqboard import current, task

from .files import write_whole
from .paths import shown
from .photographs import take_photograph


@task(run_in="process", timeout=60)
def process_image(
    ctx: dict[str, Any],
    number: Annotated[int, Field(ge=1, le=9999)] = 1,
    width: Annotated[int, Field(ge=16, le=1600)] = 400,
    rounds: Annotated[int, Field(ge=1, le=200)] = 12,
) -> dict[str, Any]:
    """Make a thumbnail of a photograph that looks like a painting.

    It runs in a process of its own, so the worker stays responsive, an abort ends it at once and the time limit
    really kills it. Each of the `rounds` of filters makes it smoother. The picture can be downloaded from the job's
    page.
    """
    folder: Path = ctx["data"]
    source = take_photograph(folder / "photographs", number)
    picture = paint(source, width, rounds)
    target = write_whole(
        folder / "painted" / f"{source.stem}-{width}.jpg", lambda file: picture.save(file, "JPEG", quality=88)
    )
    current().add_artefact(target.name, path=target, type="image/jpeg")
    return {"file": shown(folder, target), "width": picture.width, "height": picture.height}


def paint(source: Path, width: int, rounds: int) -> Image.Image:
    progress = current()
    with Image.open(source) as opened:
        picture = ImageOps.contain(opened.convert("RGB"), (width, width))
    for number in range(1, rounds + 1):
        picture = picture.filter(ImageFilter.ModeFilter(5)).filter(ImageFilter.UnsharpMask(2, 60))
        progress.report(number, rounds, unit="rounds", note=f"round {number}")
    return ImageOps.autocontrast(picture)
