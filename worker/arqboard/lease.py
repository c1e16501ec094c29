"""Keeps a worker's leases from a thread, so that code which blocks the event loop loses no job."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from .protocol.client import BlockingClient
from .protocol.commands import Renewal, parse_renewal, renew_args
from .protocol.keys import Keys
from .protocol.scripts import source
from .pulse import Pulse
from .settings import ToolkitSettings

logger = logging.getLogger("arqboard.lease")


class LeaseKeeper:
    """One per worker. Every heartbeat it renews what `tokens()` says is running and passes the answer to the loop, with
    what it was about: jobs may have ended and begun since it was asked."""

    def __init__(
        self,
        client: BlockingClient,
        keys: Keys,
        settings: ToolkitSettings,
        worker: str,
        queue: str,
        tokens: Callable[[], dict[str, str]],
        record: Callable[[], dict[str, Any]],
        on_renewal: Callable[[Renewal, dict[str, str]], None],
        on_asked: Callable[[list[tuple[str, str]]], None] | None = None,
    ) -> None:
        self._client = client
        self._keys, self._settings = keys, settings
        self._worker, self._queue = worker, queue
        self._tokens, self._record, self._on_renewal = tokens, record, on_renewal
        self._on_asked = on_asked
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._early = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease {worker}", daemon=True)
        self._renewed = self._others_until = 0.0
        self._first = asyncio.Event()
        self._pulse = Pulse(self._loop)

    def start(self) -> None:
        self._pulse.start()
        self._thread.start()

    async def stop(self) -> None:
        self._pulse.stop()
        self._stop.set()
        self._early.set()
        await asyncio.to_thread(self._thread.join)
        with contextlib.suppress(RedisError, OSError):
            self._client.close()

    async def started(self) -> None:
        """Wait for the first renewal, which also registers the worker."""
        await self._first.wait()

    def renew_now(self) -> None:
        """Don't wait for the next heartbeat: there is news."""
        self._early.set()

    @property
    def is_fresh(self) -> bool:
        """Whether the leases are known to be ours, and those of others to be theirs. After a pause of the process or of
        Redis they may not be."""
        now = time.monotonic()
        return self._is_recent(now) and now >= self._others_until

    def _is_recent(self, now: float) -> bool:
        return now - self._renewed < self._settings.lease / 2

    def _run(self) -> None:
        failing = False
        while not self._stop.is_set():
            began = time.monotonic()
            tokens = self._tokens()
            try:
                renewal = self._renew(tokens)
            except (RedisError, OSError) as error:
                if not failing:
                    logger.warning("leases can't be renewed, Redis is away: %s", error)
                failing = True
                self._stop.wait(0.3)
                continue
            except Exception:
                logger.exception("leases could not be renewed; it is tried again")
                self._stop.wait(0.3)
                continue
            if failing:
                logger.info("leases are renewed again")
                self._let_others_renew()
            failing = False
            self._renewed = began
            self._deliver(renewal, tokens)
            self._answer(renewal.asked)
            self._early.wait(max(0.0, self._settings.heartbeat - (time.monotonic() - began)))
            self._early.clear()

    def _let_others_renew(self) -> None:
        """Redis was away for so long that all leases may be over: a claim now could take jobs of workers that live."""
        now = time.monotonic()
        if not self._is_recent(now):
            self._others_until = now + self._settings.heartbeat

    def _renew(self, tokens: dict[str, str]) -> Renewal:
        args = renew_args(
            self._keys, self._worker, self._queue, lease_ms=self._settings.lease_ms,
            record={**self._record(), "lag_ms": round(self._pulse.lag_ms(), 1)}, tokens=tokens,
        )  # fmt: skip
        return parse_renewal(self._eval(args))

    def _eval(self, args: list[Any]) -> Any:
        return self._client.register_script(source("renew"))(args=args)

    def _deliver(self, renewal: Renewal, tokens: dict[str, str]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the worker is gone
            self._loop.call_soon_threadsafe(self._arrived, renewal, tokens)

    def _answer(self, asked: list[tuple[str, str]]) -> None:
        """Somebody wants to know where jobs stand. Whatever that meets, leases are renewed."""
        if not asked or self._on_asked is None:
            return
        try:
            self._on_asked(asked)
        except Exception:
            logger.exception("where jobs stand can't be told")

    def _arrived(self, renewal: Renewal, tokens: dict[str, str]) -> None:
        self._first.set()
        self._on_renewal(renewal, tokens)
