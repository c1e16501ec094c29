"""What the verbs count by queue, and what a queue has of each function."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import Keys, Outcome, Reader, State
from arqboard.protocol.commands import Claimed, Commands, Ended, Later, Submission
from arqboard.protocol.queues import (
    Limit,
    QueueCounts,
    parse_limit,
    read_function_depths,
    read_queue_minutes,
)

MAIL, MEDIA = "mail", "media|3"


async def submit(commands: Commands, queue: str = MAIL, function: str = "send") -> None:
    await commands.submit(Submission(function, queue, b"p"))


async def claim(commands: Commands, queue: str = MAIL) -> list[Claimed]:
    return (await commands.claim(queue, "w1", 100, lease_ms=10_000, max_crashes=3)).jobs


async def end(commands: Commands, attempt: Claimed, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    await commands.finish([Ended(attempt.job_id, attempt.token, outcome)], keep_jobs=1000, keep_jobs_ms=10**9)


async def counted(redis: Any, keys: Keys, reader: Reader, *queues: str) -> dict[str, QueueCounts]:
    """Over the last minutes, so that a minute that ends meanwhile changes nothing."""
    now = await reader.now_ms() // 60_000
    minutes = await read_queue_minutes(redis, keys, queues, range(now - 2, now + 1))
    return {q: QueueCounts.sum(found[q] for found in minutes.values() if q in found) for q in queues}


async def test_what_happens_in_a_queue_is_counted_for_that_queue(
    commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    await submit(commands)
    await submit(commands)
    await submit(commands, MEDIA)
    first, second = await claim(commands)
    await commands.retry_later([Later(first.job_id, first.token, 0, Outcome.RETRY, "OSError")])
    await end(commands, second, Outcome.FAILED)
    [again] = await claim(commands)
    await end(commands, again)

    found = await counted(redis, keys, reader, MAIL, MEDIA, "nobody")
    mail = found[MAIL]
    assert (mail.submitted, mail.retried, mail.came, mail.started) == (2, 1, 3, 3)
    assert (mail.succeeded, mail.failed, mail.aborted, mail.ended) == (1, 1, 0, 2)
    assert (found[MEDIA].submitted, found[MEDIA].started) == (1, 0)
    assert found["nobody"] == QueueCounts()


async def test_an_aborted_job_leaves_its_queue(commands: Commands, redis: Any, keys: Keys, reader: Reader) -> None:
    await commands.submit(Submission("send", MAIL, b"p", job_id="a"))
    await commands.abort("a")
    assert (await counted(redis, keys, reader, MAIL))[MAIL].aborted == 1


async def test_queues_are_counted_by_the_minute_only_and_at_most_a_hundred(
    commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    for n in range(103):
        await submit(commands, f"q{n}")
    minute = int(await redis.get(keys.stats_open))
    fields = await redis.hgetall(keys.stats(minute))
    assert int(fields[b"@"]) == sum(name.startswith(b"@|") for name in fields) == 100
    assert int(fields[b"submitted"]) == 103

    await redis.rename(keys.stats(minute), keys.stats(minute - 3))
    await redis.set(keys.stats_open, minute - 3)
    await submit(commands, "q1")
    for closed in (keys.stats_hour((minute - 3) // 60), keys.stats_day((minute - 3) // 1440), keys.stats_totals):
        assert not [name for name in await redis.hkeys(closed) if name.startswith(b"@")]
    assert b"@" not in await redis.hkeys(keys.stats(minute - 3)), "a closed minute takes no more"
    assert (await counted(redis, keys, reader, "q1"))["q1"].submitted == 1


async def test_a_minute_that_cannot_be_read_counts_as_nothing(redis: Any, keys: Keys, reader: Reader) -> None:
    now = await reader.now_ms() // 60_000
    await redis.set(keys.stats(now), "no hash")
    await redis.hset(keys.stats(now - 1), mapping={f"@submitted|{MAIL}": "many", f"@retried|{MAIL}": 2})
    found = await counted(redis, keys, reader, MAIL)
    assert (found[MAIL].submitted, found[MAIL].retried) == (0, 2)


async def test_a_queue_says_what_it_has_of_each_function(
    commands: Commands, redis: Any, keys: Keys, reader: Reader
) -> None:
    await redis.hset(keys.limits, "send", "1|100|5")
    for _ in range(3):
        await submit(commands)
    await submit(commands, function="rare")
    await submit(commands, MEDIA)
    await commands.pause("function", "rare")
    running = await claim(commands)

    send, rare, none = await read_function_depths(redis, keys, MAIL, ["send", "rare", "none"])
    assert len(running) == 1
    assert (send.counts[State.RUNNING], send.counts[State.QUEUED], send.parked) == (1, 2, 2)
    assert send.limit == Limit(1, 100.0, 5) and send.paused is None
    assert (rare.counts[State.QUEUED], rare.parked, rare.limit) == (1, 1, None) and rare.paused is not None
    assert not none.has_any and none.parked == 0


@pytest.mark.parametrize("text", [None, b"", b"x", b"1|2", b"1|2|x", b"\xff|1|1"])
def test_a_limit_that_cannot_be_read_is_none(text: bytes | None) -> None:
    assert parse_limit(text) is None
