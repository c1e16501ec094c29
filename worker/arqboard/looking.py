"""Answers people who ask where a running job stands, from the lease thread: also while the event loop is blocked."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .loops import LoopRun
from .protocol.client import BlockingClient
from .protocol.keys import Keys
from .stacks import Picture, frames_of_awaitable, frames_of_thread, tasks_of

if TYPE_CHECKING:
    from .executing import Attempt

logger = logging.getLogger("arqboard.looking")

#: How long (seconds) the event loop may take to get to it before it counts as blocked.
LOOP_WITHIN = 0.3
#: How long (seconds) an answer waits for who asked.
KEPT = 30


class Looker:
    """One per worker. `running` is what it runs now, by job id."""

    def __init__(self, client: BlockingClient, keys: Keys, running: Mapping[str, Attempt]) -> None:
        self._client, self._keys, self._running = client, keys, running
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def answer(self, asked: Sequence[tuple[str, str]]) -> None:
        """In the lease thread: say where these jobs stand. One that has ended meanwhile gets no answer."""
        for job_id, name in asked:
            attempt = self._running.get(job_id)
            if attempt is None or attempt.body is None:
                continue
            show = getattr(attempt.body, "show", None)
            if show is not None:
                self._loop.call_soon_threadsafe(show, self._sender(name))
            else:
                self._send(name, self._picture(attempt).as_json())

    def _picture(self, attempt: Attempt) -> Picture:
        """Taken in the loop, where nothing moves meanwhile; from here where the loop is blocked."""
        taken: list[Picture] = []
        done = threading.Event()

        def take() -> None:
            try:
                taken.append(_picture_of(attempt, self._loop))
            finally:
                done.set()

        self._loop.call_soon_threadsafe(take)
        if done.wait(LOOP_WITHIN) and taken:
            return taken[0]
        frames = frames_of_thread(self._thread)
        body = attempt.body
        if isinstance(body, LoopRun):
            return Picture("loop", [] if body.is_running else frames_of_awaitable(body.coroutine), blocked=frames)
        return Picture("thread", frames_of_thread(getattr(body, "ident", None)), blocked=frames)

    def _sender(self, name: str) -> Callable[[dict[str, Any]], None]:
        """For answers of child processes, which arrive in the loop: sending must not hold it up."""

        def send(picture: dict[str, Any]) -> None:
            threading.Thread(target=self._send, args=(name, picture), daemon=True).start()

        return send

    def _send(self, name: str, picture: dict[str, Any]) -> None:
        key = self._keys.answer(name)
        pipe = self._client.pipeline()
        pipe.rpush(key, json.dumps(picture))
        pipe.expire(key, KEPT)
        pipe.execute()


def _picture_of(attempt: Attempt, loop: asyncio.AbstractEventLoop) -> Picture:
    body = attempt.body
    own = {attempt.task, getattr(body, "task", None)}
    others = [task for task in tasks_of(attempt.live, loop) if task not in own]
    beside = [(task.get_name(), frames_of_awaitable(task.get_coro())) for task in others]
    if isinstance(body, LoopRun):
        return Picture("loop", frames_of_awaitable(body.coroutine), beside)
    return Picture("thread", frames_of_thread(getattr(body, "ident", None)), beside)
