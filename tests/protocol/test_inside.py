"""The verbs that tell what happens inside a job, and the reader's way back: log, artefact, chunks' ends, phases."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arqboard.protocol import Artefact, ChunkInfo, Phase, PhaseState, Reader
from arqboard.protocol.commands import (
    ArtefactReport,
    ChunkReport,
    Claimed,
    Commands,
    Ended,
    Later,
    LogReport,
    Report,
    Submission,
)
from arqboard.protocol.job import Outcome

QUEUE = "arq:queue"


async def running(commands: Commands, job_id: str = "j1") -> Claimed:
    await commands.submit(Submission(function="resize", queue=QUEUE, payload=b"payload", job_id=job_id))
    return await claim(commands)


async def claim(commands: Commands) -> Claimed:
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    return attempt


async def again(commands: Commands, attempt: Claimed) -> Claimed:
    """The next attempt."""
    await commands.retry_later([Later(attempt.job_id, attempt.token, 0, Outcome.RETRY)])
    return await claim(commands)


def lines(attempt: Claimed, *messages: str, sent: int = 0, levelno: int = 20) -> LogReport:
    told = [(5, levelno, f"L{levelno}", "shop", message) for message in messages]
    return LogReport(attempt.job_id, attempt.token, sent, told)


def report(attempt: Claimed, done: int = 0, phases: Any = None, **more: Any) -> Report:
    fields: dict[str, Any] = {"total": 100, "unit": "rows", "note": "", "phase": "", **more}
    return Report(attempt.job_id, attempt.token, done, phases=json.dumps(phases) if phases else "", **fields)


def made(attempt: Claimed, name: str, data: bytes = b"", url: str = "", type: str = "text/plain") -> ArtefactReport:
    return ArtefactReport(attempt.job_id, attempt.token, name, type, url, data)


async def messages(reader: Reader, job_id: str = "j1") -> list[str]:
    return [line.message for line in (await reader.logs(job_id)).lines]


# log


async def test_lines_are_written_for_many_jobs_at_once(commands: Commands, reader: Reader) -> None:
    first, second = await running(commands, "j1"), await running(commands, "j2")
    before, _ = await reader.position()
    assert await commands.log([lines(first, "a", "b"), lines(second, "c")], keep=100) == [True, True]
    assert (await messages(reader, "j1"), await messages(reader, "j2")) == (["a", "b"], ["c"])
    job = await reader.get("j1")
    assert job.log_lines == 2 and job.position > before and job.version <= before
    [line, _] = (await reader.logs("j1")).lines
    assert (line.level, line.levelno, line.logger, line.attempt) == ("L20", 20, "shop", 1)
    assert 0 <= await reader.now_ms() - line.time < 10_000


async def test_a_log_sent_again_after_a_lost_reply_is_written_once(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.log([lines(attempt, "a", "b")], keep=100)
    assert await commands.log([lines(attempt, "a", "b", "c")], keep=100) == [True]
    await commands.log([lines(attempt, "d", sent=3)], keep=100)
    assert await messages(reader) == ["a", "b", "c", "d"]
    second = await again(commands, attempt)
    await commands.log([lines(second, "e")], keep=100)
    assert await messages(reader) == ["a", "b", "c", "d", "e"]
    assert (await reader.get("j1")).log_lines == 5


async def test_only_the_owner_writes_to_the_log(commands: Commands, reader: Reader) -> None:
    first = await running(commands)
    await again(commands, first)
    position, _ = await reader.position()
    assert await commands.log([lines(first, "a zombie's")], keep=100) == [False]
    assert (await messages(reader), (await reader.position())[0]) == ([], position)


async def test_a_log_is_trimmed_and_its_count_is_not(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.log([lines(attempt, *(str(n) for n in range(450)))], keep=100)
    kept = await messages(reader)
    assert 100 <= len(kept) <= 200 and kept[-1] == "449"
    assert (await reader.get("j1")).log_lines == 450


async def test_a_log_is_read_page_by_page_and_by_level(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    for n in range(7):
        level = 40 if n % 3 == 0 else 20
        await commands.log([lines(attempt, str(n), sent=n, levelno=level)], keep=100)
    first = await reader.logs("j1", limit=3)
    rest = await reader.logs("j1", first.next, limit=10)
    assert [line.message for line in first.lines + rest.lines] == list("0123456")
    errors = await reader.logs("j1", limit=2, min_level=40)
    assert [line.message for line in errors.lines] == ["0", "3"]
    errors = await reader.logs("j1", errors.next, limit=2, min_level="error")
    assert [line.message for line in errors.lines] == ["6"]
    assert (await reader.logs("j1", errors.next)).next == errors.next
    with pytest.raises(ValueError, match='"loud" is not a level; there are NOTSET, DEBUG'):
        await reader.logs("j1", min_level="loud")


async def test_garbage_in_a_log_is_skipped(commands: Commands, reader: Reader, redis: Any) -> None:
    attempt = await running(commands)
    await redis.xadd(commands.keys.log("j1"), {"time": "soon", "message": "x"})
    await redis.xadd(commands.keys.log("j1"), {"else": "y"})
    await redis.xadd(commands.keys.log("j1"), {"time": 1, "message": b"\xff"})
    await commands.log([lines(attempt, "fine")], keep=100)
    assert await messages(reader) == ["\ufffd", "fine"]
    await redis.set(commands.keys.log("j2"), "no stream")
    assert (await reader.logs("j2")).lines == []
    assert (await reader.logs("nobody", "7-1")).next == "7-1"


@pytest.mark.parametrize("after", ["", "x", "1-", "-1", "1-2-3", "9" * 19 + "-" + "9" * 30, "+", "(1"])
async def test_a_place_that_is_none_is_refused(reader: Reader, after: str) -> None:
    with pytest.raises(ValueError, match="not a place in a log"):
        await reader.logs("j1", after)


async def test_the_last_place_there_can_be_has_nothing_after_it(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.log([lines(attempt, "a")], keep=100)
    assert (await reader.logs("j1", f"{2**63}-{2**63}")).lines == []


# artefact


async def test_an_artefact_has_a_number_and_its_bytes(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    before = await reader.get("j1")
    assert await commands.artefact(made(attempt, "a.txt", b"\x00a")) == 1
    assert await commands.artefact(made(attempt, "b", url="https://example.org", type="")) == 2
    first, second = await reader.artefacts("j1")
    assert (first.name, first.type, first.size, first.attempt) == ("a.txt", "text/plain", 2, 1)
    assert (second.url, second.type) == ("https://example.org", "")
    assert (await reader.artefact_data("j1", 1), await reader.artefact_data("j1", 2)) == (b"\x00a", None)
    job = await reader.get("j1")
    assert job.artefacts == 2 and job.position == before.position + 2


async def test_the_same_name_replaces_and_keeps_its_number(commands: Commands, reader: Reader) -> None:
    first = await running(commands)
    await commands.artefact(made(first, "a", b"old"))
    await commands.artefact(made(first, "b", b"b"))
    second = await again(commands, first)
    assert await commands.artefact(made(second, "a", url="https://example.org/a")) == 1
    assert [(a.number, a.name, a.url, a.attempt) for a in await reader.artefacts("j1")] == [
        (1, "a", "https://example.org/a", 2), (2, "b", "", 1)
    ]  # fmt: skip
    assert await reader.artefact_data("j1", 1) is None
    assert (await reader.get("j1")).artefacts == 2


async def test_only_the_owner_adds_artefacts_and_not_too_many(commands: Commands, reader: Reader) -> None:
    first = await running(commands)
    for n in range(50):
        assert await commands.artefact(made(first, str(n))) == n + 1
    assert await commands.artefact(made(first, "more")) == -1
    assert await commands.artefact(made(first, "7", b"new")) == 8
    await again(commands, first)
    assert await commands.artefact(made(first, "7", b"a zombie's")) == 0
    assert await reader.artefact_data("j1", 8) == b"new"


async def test_artefacts_at_once_have_a_number_each(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    numbers = await asyncio.gather(*(commands.artefact(made(attempt, f"{n}", b"%d" % n)) for n in range(20)))
    assert sorted(numbers) == list(range(1, 21))
    for artefact in await reader.artefacts("j1"):
        assert await reader.artefact_data("j1", artefact.number) == artefact.name.encode()


async def test_garbage_among_artefacts_is_left_out(commands: Commands, reader: Reader, redis: Any) -> None:
    attempt = await running(commands)
    bad = ["{", "[]", "1", '{"name": "a", "url": "javascript:alert(1)"}', '{"name": "a", "size": "x"}', "[" * 5000]
    await redis.rpush(commands.keys.artefacts("j1"), *bad, '{"name": "b", "type": "text/html\\r\\nX: y"}')
    assert await commands.artefact(made(attempt, "c")) == len(bad) + 2
    found = await reader.artefacts("j1")
    assert found[0] == Artefact(len(bad) + 1, "b", "application/octet-stream", 0, "", 0, 0)
    assert [a.name for a in found] == ["b", "c"]
    await redis.set(commands.keys.artefacts("j2"), "no list")
    await redis.rpush(commands.keys.artefact("j2", 1), "no string")
    assert (await reader.artefacts("j2"), await reader.artefact_data("j2", 1)) == ([], None)


# chunks


async def test_ends_of_chunks_are_written_with_their_marks(commands: Commands, reader: Reader) -> None:
    first = await running(commands)
    ends = {0: (12, ""), 1: (7, 'ValueError: a|b, "c" ✓')}
    assert await commands.mark([ChunkReport(report(first), 4, 25, 100, {0: "d", 1: "f", 2: "r"}, ends)]) == [True]
    assert await reader.chunk_info("j1") == [
        ChunkInfo(0, "d", 12, 1), ChunkInfo(1, "f", 7, 1, ends[1][1]), ChunkInfo(2, "r"), ChunkInfo(3, ".")
    ]  # fmt: skip

    second = await again(commands, first)
    await commands.mark([ChunkReport(report(second), 4, 25, 100, {1: "d"}, {1: (9, "")})])
    assert await reader.chunk_info("j1", 1, 3) == [ChunkInfo(1, "d", 9, 2), ChunkInfo(2, "f")]
    assert await commands.mark([ChunkReport(report(first), 4, 25, 100, {3: "d"}, {3: (1, "")})]) == [False]
    assert await reader.chunk_info("j1", 3) == [ChunkInfo(3, ".")]

    await commands.mark([ChunkReport(report(second), 5, 20, 100, {0: "r"})])
    assert await reader.chunk_info("j1", 0, 2) == [ChunkInfo(0, "r"), ChunkInfo(1, ".")]


async def test_garbage_about_chunks_is_left_out(commands: Commands, reader: Reader, redis: Any) -> None:
    await redis.set(commands.keys.chunks("j1"), "d\xff")
    await redis.hset(commands.keys.chunk_info("j1"), mapping={"0": "x|y|z", "1": "12"})
    assert [info.ms for info in await reader.chunk_info("j1")] == [None] * 3
    await redis.set(commands.keys.chunk_info("j2"), "no hash")
    await redis.set(commands.keys.chunks("j2"), "d")
    assert await reader.chunk_info("j2") == [ChunkInfo(0, "d")]
    await redis.rpush(commands.keys.chunks("j3"), "no string")
    assert await reader.chunk_info("j3") == []
    assert await reader.chunk_info("j2", 5, 2) == await reader.chunk_info("nobody") == []


# phases


PHASES = [
    {"name": "Reading", "state": "done", "started": 10, "ended": 30, "done": 4, "total": 4, "unit": "files"},
    {"name": "Importing", "state": "running", "started": 30, "ended": None, "shown": 1},
    {"name": "Writing", "state": "waiting", "started": None, "ended": None, "done": 0, "total": None, "unit": ""},
]


async def test_the_phase_in_view_has_the_numbers_of_the_job(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.progress([report(attempt, 1, PHASES)])
    await commands.progress([report(attempt, 25)])
    job = await reader.get("j1")
    began = job.started or 0
    assert job.phases == [
        Phase("Reading", PhaseState.DONE, began + 10, began + 30, 4, 4, "files"),
        Phase("Importing", PhaseState.RUNNING, began + 30, None, 25, 100, "rows", is_shown=True),
        Phase("Writing", PhaseState.WAITING),
    ]
    assert [(p.duration_ms, p.percent) for p in job.phases] == [(20, 100.0), (None, 25.0), (None, None)]


async def test_phases_come_with_marks_too(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.mark([ChunkReport(report(attempt, 25, PHASES), 4, 25, 100, {0: "d"})])
    assert [p.done for p in (await reader.get("j1")).phases] == [4, 25, 0]


async def test_the_rate_is_measured_anew_from_each_phase_on(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.progress([report(attempt, 10)])
    await commands.progress([report(attempt, 20)])
    first = (await reader.get("j1")).progress
    await commands.progress([report(attempt, 50, PHASES)])
    second = (await reader.get("j1")).progress
    assert first is not None and second is not None and (first.base_done, second.base_done) == (10, 50)


async def test_a_phase_that_ran_when_its_worker_was_killed_has_failed(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.progress([report(attempt, 25, PHASES)])
    await commands.finish([Ended("j1", attempt.token, Outcome.FAILED, error_type="E")], keep_jobs=9, keep_jobs_ms=10**9)
    job = await reader.get("j1")
    assert [p.state.value for p in job.phases] == ["done", "failed", "waiting"]
    cut = job.phases[1]
    assert cut.started is not None and cut.ended is not None and cut.ended >= cut.started and cut.done == 25


async def test_the_next_attempt_has_no_phases_yet(commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await commands.progress([report(attempt, 25, PHASES)])
    await again(commands, attempt)
    assert (await reader.get("j1")).phases == []


@pytest.mark.parametrize("raw", ["{", "7", '{"a": 1}', '[1, {"name": "a", "state": "flying"}, {"state": "done"}]',
                                 '[{"name": "a", "state": "done", "started": -5}]', "[" * 5000])  # fmt: skip
async def test_garbage_among_phases_is_left_out(commands: Commands, reader: Reader, redis: Any, raw: str) -> None:
    await running(commands)
    await redis.hset(commands.keys.job("j1"), "phases", raw)
    assert (await reader.get("j1")).phases == []


# The end of all


async def test_a_deleted_job_leaves_nothing_of_its_inside(commands: Commands, redis: Any) -> None:
    attempt = await running(commands)
    await commands.log([lines(attempt, "a")], keep=10)
    await commands.artefact(made(attempt, "a", b"a"))
    await commands.artefact(made(attempt, "b", b"b"))
    await commands.mark([ChunkReport(report(attempt), 4, 25, 100, {0: "d"}, {0: (1, "")})])
    await commands.finish([Ended("j1", attempt.token, Outcome.FAILED, error_type="E")], keep_jobs=9, keep_jobs_ms=10**9)
    kept = [key async for key in redis.scan_iter("*j1*")]
    assert len(kept) >= 7
    await commands.discard("j1")
    assert [key async for key in redis.scan_iter("*j1*")] == []
