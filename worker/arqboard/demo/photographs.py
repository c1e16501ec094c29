"""Photographs to work on: painted landscapes, as large and noisy as a camera's, the same for each number."""

from __future__ import annotations

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from .files import write_whole

SIZE = WIDTH, HEIGHT = 1600, 1066
#: Colours of the sky at its top and at the horizon, one pair per hour of the day.
SKIES = [("#0b1d51", "#f2a65a"), ("#1e6fb8", "#d7ecf7"), ("#3b2c63", "#ff8f70"), ("#4a6fa5", "#f7f3e3")]


def take_photograph(folder: Path, number: int) -> Path:
    """The photograph of this number; it is painted if the folder does not have it yet."""
    path = folder / f"photograph-{number:04d}.jpg"
    if not path.exists():
        picture = _paint(random.Random(number))
        write_whole(path, lambda file: picture.save(file, "JPEG", quality=90))
    return path


def _paint(rng: random.Random) -> Image.Image:
    picture = _sky(rng)
    for distance in range(4):
        _add_hills(picture, rng, distance)
    return _add_grain(picture)


def _sky(rng: random.Random) -> Image.Image:
    top, horizon = rng.choice(SKIES)
    blend = Image.linear_gradient("L").resize(SIZE)  # pyright: ignore[reportUnknownMemberType] - needs numpy
    sky = Image.composite(Image.new("RGB", SIZE, horizon), Image.new("RGB", SIZE, top), blend)
    x, y, radius = rng.randrange(WIDTH), rng.randrange(100, 500), rng.randrange(40, 110)
    ImageDraw.Draw(sky).ellipse((x - radius, y - radius, x + radius, y + radius), fill="#fff4d6")
    return sky.filter(ImageFilter.GaussianBlur(6))


def _add_hills(picture: Image.Image, rng: random.Random, distance: int) -> None:
    base, height = HEIGHT * (0.55 + 0.12 * distance), rng.uniform(40, 140)
    waves = [(rng.uniform(0.001, 0.012), rng.uniform(0, math.tau)) for _ in range(3)]
    ridge = [
        (x, base - height * sum(math.sin(x * pace + shift) for pace, shift in waves) / 3)
        for x in range(0, WIDTH + 20, 20)
    ]
    shade = 130 - 28 * distance
    colour = (shade // 2, shade + rng.randrange(-20, 20), shade - 10)
    ImageDraw.Draw(picture).polygon([*ridge, (WIDTH, HEIGHT), (0, HEIGHT)], fill=colour)


def _add_grain(picture: Image.Image) -> Image.Image:
    grain = Image.effect_noise(SIZE, 48).convert("RGB")
    return Image.blend(picture, grain, 0.07)
