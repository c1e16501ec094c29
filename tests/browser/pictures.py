"""Pictures of components: taken, kept small, and held against those that were accepted."""

from __future__ import annotations

import base64
import io
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageChops, ImageFilter
from playwright.async_api import Page

FOLDER = Path(__file__).parent / "pictures"
#: What the accepted ones were made with: another browser draws letters in another way.
MADE_WITH = FOLDER / "made_with.json"
SCALE, COLOURS = 4, 160
#: Two pictures differ if they do so on average by this much (of 255), or in this share of their places by FAR.
MEAN, SHARE, FAR = 1.2, 0.004, 60


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two pictures are from each other."""

    mean: float
    share: float

    @property
    def is_seen(self) -> bool:
        return self.mean > MEAN or self.share > SHARE


async def shot(page: Page, selector: str) -> Image.Image:
    """A part of the page as it is painted, whatever of it is in view."""
    await page.evaluate("scrollTo(0, 0)")
    box: Any = await page.locator(selector).first.bounding_box()
    client: Any = await page.context.new_cdp_session(page)  # as Playwright does it, without its waiting
    clip = {**box, "scale": 1}
    answer = await client.send(
        "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True, "optimizeForSpeed": True}
    )
    await client.detach()
    return Image.open(io.BytesIO(base64.b64decode(answer["data"]))).convert("RGB")


def small(picture: Image.Image) -> Image.Image:
    """As it is kept: letters are grey lines, what stands where and in which colour is still there."""
    return picture.reduce(SCALE)


def difference(one: Image.Image, other: Image.Image) -> Difference:
    """Of two small pictures; everything, where they are not of one size."""
    if one.size != other.size:
        return Difference(255.0, 1.0)
    grey = ImageChops.difference(_soft(one), _soft(other)).convert("L")
    counts = grey.histogram()
    places = sum(counts)
    return Difference(sum(n * count for n, count in enumerate(counts)) / places, sum(counts[FAR:]) / places)


def side_by_side(stored: Image.Image, now: Image.Image) -> Image.Image:
    """The accepted picture, the new one and where they differ."""
    size = (max(stored.width, now.width), max(stored.height, now.height))
    parts = [Image.new("RGB", size, "grey") for _ in range(3)]
    parts[0].paste(stored)
    parts[1].paste(now)
    parts[2] = ImageChops.difference(parts[0], parts[1])
    sheet = Image.new("RGB", (size[0] * 3 + 20, size[1]), "white")
    for n, part in enumerate(parts):
        sheet.paste(part, (n * (size[0] + 10), 0))
    return sheet


def accept(name: str, picture: Image.Image) -> None:
    FOLDER.mkdir(exist_ok=True)
    few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)


def accepted(name: str) -> Image.Image | None:
    path = FOLDER / f"{name}.png"
    return Image.open(path).convert("RGB") if path.is_file() else None


def maker(browser_version: str) -> dict[str, str]:
    """What pictures that are taken here depend on, beside our own code and fonts."""
    return {"chromium": browser_version, "platform": f"{platform.system()} {platform.machine()}"}


def accepted_maker() -> dict[str, str]:
    return cast("dict[str, str]", json.loads(MADE_WITH.read_text())) if MADE_WITH.is_file() else {}


def sign(browser_version: str) -> None:
    MADE_WITH.write_text(json.dumps(maker(browser_version), indent=2) + "\n")


def _soft(picture: Image.Image) -> Image.Image:
    """An edge that lies half a pixel beside is the same edge."""
    return picture.filter(ImageFilter.BoxBlur(1))
