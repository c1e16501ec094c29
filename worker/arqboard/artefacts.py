"""What a job made and leaves for people: small files in Redis, or links to where larger ones are."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .live import Live
from .protocol.commands import MAX_ARTEFACTS, ArtefactReport, Commands
from .reporter import ANSWER_WITHIN

logger = logging.getLogger("arqboard.artefacts")

MAX_NAME = 200
MAX_URL = 2_000
MAX_TYPE = 100
MAX_BACKOFF = 2.0
#: Bytes a second that a connection to Redis carries at the least.
SLOWEST = 1_000_000
AWAY = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)


class ArtefactError(ValueError):
    """An artefact can't be kept. The message says what to do instead."""


@dataclass(frozen=True, slots=True)
class NewArtefact:
    """An artefact as the job gave it; a file is not read yet. Can be sent to the process that stores it."""

    name: str
    type: str
    url: str = ""
    path: Path | None = None
    data: bytes = b""

    @classmethod
    def of(
        cls,
        name: str,
        *,
        path: str | os.PathLike[str] | None,
        data: bytes | str | None,
        url: str | None,
        type: str,
    ) -> Self:
        """Raises ArtefactError where that is no artefact."""
        if sum(given is not None for given in (path, data, url)) != 1:
            raise ArtefactError(f'The artefact "{name}" needs exactly one of path=, data= and url=.')
        shown = _clean(str(name)).strip()[:MAX_NAME]
        if not shown:
            raise ArtefactError("An artefact needs a name.")
        kind = type or mimetypes.guess_type(shown)[0] or ("" if url else "application/octet-stream")
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data or b"")
        return cls(
            shown, _clean(kind)[:MAX_TYPE], _checked(url) if url is not None else "",
            None if path is None else Path(path).absolute(), raw,
        )  # fmt: skip


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or len(url) > MAX_URL or not url.isprintable() or " " in url:
        rule = f"it has to be an http(s) address of at most {MAX_URL} characters"
        raise ArtefactError(f'"{_clean(url)[:200]}" can\'t be linked to: {rule}.')
    return url


def _clean(text: str) -> str:
    """On one line, and without lone surrogates, which can't be sent as UTF-8."""
    return "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode())


class ArtefactStore:
    """One per worker: `await store(live, artefact)`. Redis may be away, then it waits."""

    def __init__(self, commands: Commands, max_bytes: int) -> None:
        self._commands = commands
        self._max = max_bytes

    async def __call__(self, live: Live, made: NewArtefact) -> None:
        """Raises ArtefactError where it can't be kept, and what reading the file raises."""
        data = made.data if made.path is None else await asyncio.to_thread(self._read, made.name, made.path)
        self._check(made.name, len(data))
        report = ArtefactReport(live.job_id, live.token, made.name, made.type, made.url, data)
        if await self._write(report) < 0:
            advice = f"a job keeps {MAX_ARTEFACTS}, so put several into one archive"
            raise ArtefactError(f'The artefact "{made.name}" is one too many: {advice}.')

    def _read(self, name: str, path: Path) -> bytes:
        with path.open("rb") as file:
            self._check(name, os.fstat(file.fileno()).st_size)
            return file.read(self._max + 1)

    def _check(self, name: str, size: int) -> None:
        if size > self._max:
            raise ArtefactError(
                f'The artefact "{name}" has {size:,} bytes, more than the {self._max:,} that fit into Redis'
                " (setting artefact_max). Upload it elsewhere and give its address: url=…"
            )

    async def _write(self, report: ArtefactReport) -> int:
        delay = 0.05
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN + len(report.data) / SLOWEST):
                    return await self._commands.artefact(report)
            except AWAY as error:
                logger.warning('the artefact "%s" waits, Redis is away: %s', report.name, str(error) or "no answer")
            except RedisError as error:
                raise ArtefactError(f'Redis refuses the artefact "{report.name}": {error}') from error
            await asyncio.sleep(delay)
            delay = min(MAX_BACKOFF, delay * 2)
