"""What may come next in the search field."""

from __future__ import annotations

import html
import re

import pytest
from board import Client, forget

from arqboard.protocol import Keys, Outcome
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.qualifiers import QUALIFIERS
from arqboard.protocol.search import ARGUMENT, TIMES, parse
from arqboard_dashboard.suggestions import HINTS


async def offered(client: Client, typed: str, function: str = "") -> list[str]:
    answer = await client.get("/jobs/suggest", params={"add": typed, "function": function})
    assert answer.status == 200
    return [html.unescape(value) for value in re.findall(r'data-value="([^"]*)"', await answer.text())]


def test_everybody_is_told_of_every_qualifier() -> None:
    assert HINTS.keys() == {*QUALIFIERS, *TIMES, ARGUMENT}


async def test_without_a_letter_the_qualifiers_are_offered(client: Client) -> None:
    found = await offered(client, "")

    assert found[:3] == ["fn:", "queue:", "state:"]
    assert len(found) == len(HINTS)


async def test_names_there_are_complete_what_was_typed(client: Client, commands: Commands) -> None:
    await commands.submit(Submission("resize", "media queue", b"p"))

    assert await offered(client, "x res") == ["x fn:resize"]
    assert await offered(client, "fn:t") == ["fn:total", "fn:nothing"]
    assert await offered(client, "-fn:tot") == ["-fn:total"]
    assert await offered(client, "queue:med") == ['queue:"media queue"']
    await commands.submit(Submission("resize", "media queue", b"p", tags=("import", "customer:42")))
    await forget(client)
    assert await offered(client, "tag:cust") == ["tag:customer:42"]
    assert await offered(client, "impo") == ["tag:import"]
    assert await offered(client, "state:queued,re") == ["state:queued,retrying", "state:queued,deferred"]
    assert await offered(client, 'error:"two words" took:>10s') == ['error:"two words" took:>10s']


async def test_names_of_arguments_come_from_the_signatures(client: Client) -> None:
    assert "args.folder:" in await offered(client, "args.")
    assert await offered(client, "args.wi") == ["args.width:"]
    assert await offered(client, "args.wi", "total") == []


async def test_errors_that_happened_lately_are_offered(client: Client, commands: Commands, keys: Keys) -> None:
    await commands.submit(Submission("resize", "q", b"p"))
    job = (await commands.claim("q", "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]
    await commands.finish(
        [Ended(job.job_id, job.token, Outcome.FAILED, error_type="TimeoutError")], keep_jobs=9, keep_jobs_ms=10**9
    )

    assert await offered(client, "error:ti") == ["error:TimeoutError"]


@pytest.mark.parametrize("typed", ["-", '"', 'fn:"', "foo:", "-since", "a" * 1000, "args.x:", "<b>", "\\", "queue:,"])
async def test_whatever_is_typed_gets_an_answer(client: Client, typed: str) -> None:
    for value in await offered(client, typed):
        if not value.endswith((":", ".")):
            parse(value)
