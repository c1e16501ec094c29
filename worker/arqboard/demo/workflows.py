"""The demo's two workflows, as programs write them: `await ten_chunks().submit()`."""

from __future__ import annotations

from arqboard import chain, chord

from .download_file import download_file
from .finalize import finalize
from .process_chunk import process_chunk
from .resize_image import resize_image
from .upload_file import upload_file


def image_pipeline(url: str = "") -> chain:
    """Download, scale, upload: each step gets the path that the one before it returned."""
    return download_file.s(url) | resize_image.s() | upload_file.s()


def ten_chunks() -> chain:
    """Ten chunks beside each other, and one job that gets the list of their results."""
    return chord((process_chunk.s(number) for number in range(10)), finalize.s())
