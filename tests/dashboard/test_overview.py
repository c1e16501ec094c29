"""What surrounds the jobs on every page, and how little of it is read anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from arqboard.protocol import Reader
from arqboard_dashboard.overview import Overview


@pytest.fixture
def overview(reader: Reader) -> Overview:
    return Overview(reader, base=lambda: "", static=lambda: "/static", form_token="t", build="b")


async def test_all_who_ask_at_once_share_one_reading(overview: Overview, redis: Any) -> None:
    await redis.config_resetstat()
    await asyncio.gather(*(overview.looking.get() for _ in range(20)))

    assert (await redis.info("commandstats"))["cmdstat_set"]["calls"] == 1
