"""The fixtures, for `pytest_plugins = ["arqboard.testing"]`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from .kit import Kit, kit
from .server import embedded_server


@pytest.fixture(scope="session")
def arqboard_server() -> Iterator[str]:
    """The address of a Redis for this test run: embedded, or the one that ARQBOARD_TEST_REDIS names."""
    with embedded_server() as url:
        yield url


@pytest_asyncio.fixture
async def arqboard_kit(arqboard_server: str) -> AsyncIterator[Kit]:
    """A Kit on that server, emptied."""
    async with kit(arqboard_server) as opened:
        yield opened
