"""Carries workflows on where one call was not enough: enqueues wide groups bit by bit, ends the jobs of ended ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from .protocol.commands import Commands
from .reporter import ANSWER_WITHIN, AWAY

logger = logging.getLogger("arqboard.flows")

#: Without a hint the duty looks this often (seconds): what another worker left behind when it died.
LOOK_EVERY = 1.0


class Flows:
    """One per worker. Any worker carries on any workflow; each step is one atomic call."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to carry on."""
        self._wake.set()

    async def run(self) -> None:
        """The duty: until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._carry_on()
            except AWAY as error:
                logger.debug("workflows wait, Redis is away: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()

    async def _carry_on(self) -> None:
        async with asyncio.timeout(ANSWER_WITHIN):
            launching, stopping = await self._commands.flows_under_way()
        while launching:
            async with asyncio.timeout(ANSWER_WITHIN):
                launching = await self._commands.launch()
        while stopping:
            async with asyncio.timeout(ANSWER_WITHIN):
                stopping = await self._commands.sweep()
