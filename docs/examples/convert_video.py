import asyncio
import os
from contextlib import suppress
from typing import Any


async def convert_video(ctx: dict[str, Any], source: str, target: str) -> None:
    """Convert a video. An abort ends the converter too and leaves no half file behind."""
    half = f"{target}.part"
    converter = await asyncio.create_subprocess_exec("ffmpeg", "-i", source, "-f", "mp4", half)
    try:
        if await converter.wait() != 0:
            raise RuntimeError(f"ffmpeg ended with {converter.returncode}")
        os.replace(half, target)
    finally:
        if converter.returncode is None:
            converter.kill()
            await converter.wait()
        with suppress(FileNotFoundError):
            os.remove(half)
