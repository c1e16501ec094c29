"""For your own tests: a server, a worker that runs when you say so, what jobs reported, and time travel for schedules.

    pytest_plugins = ["arqboard.testing"]

    async def test_a_welcome_mail_is_sent(arqboard_kit):
        await arqboard_kit.use(WorkerSettings)
        await send_welcome.submit(user_id=7)
        [job] = await arqboard_kit.run_until_idle()
        assert job.result == "sent"

Needs `pip install "arqboard[testing]"`; the fixtures need pytest and pytest-asyncio.
"""

from __future__ import annotations

import contextlib

from .kit import JobFailed, Kit, StillBusy, kit
from .recorder import Recorder, Seen, recorder
from .server import embedded_server

__all__ = ["JobFailed", "Kit", "Recorder", "Seen", "StillBusy", "embedded_server", "kit", "recorder"]

with contextlib.suppress(ImportError):  # the kit can be used without pytest
    from .fixtures import arqboard_kit as arqboard_kit
    from .fixtures import arqboard_server as arqboard_server
