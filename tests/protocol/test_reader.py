"""Reading: pages, counts, changes; and records that somebody else has damaged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arqboard.protocol import Job, JobNotFound, Query, Reader, State, Unreadable, percentile
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.job import ROW_FIELDS


async def queue_jobs(commands: Commands, n: int, **more: Any) -> list[str]:
    named = {"function": "f", "queue": "arq:queue", **more}
    return [(await commands.submit(Submission(payload=b"p", job_id=f"j{i:03}", **named))).job_id for i in range(n)]


async def test_pages_follow_each_other_without_gap_or_overlap(commands: Commands, reader: Reader) -> None:
    ids = await queue_jobs(commands, 25)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await reader.page(Query(limit=10, after=after))
        seen += [job.id for job in page.jobs]
        assert page.total == 25
        if page.next is None:
            break
        after = page.next
    assert seen == ids[::-1]


async def test_a_page_goes_on_where_its_last_row_was_even_if_that_row_is_gone(
    commands: Commands, reader: Reader
) -> None:
    await queue_jobs(commands, 9)
    first = await reader.page(Query(limit=4))
    await commands.discard(first.jobs[-1].id)
    second = await reader.page(Query(limit=4, after=first.next))
    assert [j.id for j in second.jobs] == ["j004", "j003", "j002", "j001"]


@pytest.mark.parametrize("cursor", ["", "x", "1~", "a~b", "~", "1e5~x"])
async def test_a_bad_cursor_is_an_error_that_says_so(reader: Reader, cursor: str) -> None:
    with pytest.raises(ValueError):
        await reader.page(Query(after=cursor))


async def test_filters_and_counts_agree(commands: Commands, reader: Reader) -> None:
    for i, (function, queue) in enumerate([("a", "q1"), ("a", "q2"), ("b/c", "q1"), ("*", "q/1")]):
        await commands.submit(Submission(function, queue, b"p", job_id=str(i)))
    assert (await reader.page(Query(function="a"))).total == 2
    assert (await reader.page(Query(function="a", queue="q1", state=State.QUEUED))).total == 1
    assert (await reader.page(Query(function="b/c"))).total == 1
    assert (await reader.page(Query(function="*"))).total == 1
    assert (await reader.counts(queue="q1"))[State.QUEUED] == 2
    assert [(q.name, q.queued) for q in await reader.queues()] == [("q/1", 1), ("q1", 2), ("q2", 1)]


async def test_changes_are_each_job_once_and_a_lost_history_is_a_reset(commands: Commands, reader: Reader) -> None:
    await queue_jobs(commands, 3)
    position, epoch = await reader.position()
    await commands.abort("j001")
    await commands.discard("j001")
    changes = await reader.changes_since(position, epoch)
    assert (changes.ids, changes.reset, changes.more) == (["j001"], False, False)
    assert (await reader.changes_since(changes.position, epoch)).ids == []

    few = await reader.changes_since(0, epoch, limit=2)
    assert (few.ids, few.more) == (["j000", "j002"], True)
    assert (await reader.changes_since(few.position, epoch)).ids == ["j001"]
    assert (await reader.changes_since(position, "another epoch")).reset
    assert (await reader.changes_since(position + 100, epoch)).reset


async def test_a_damaged_record_spoils_its_own_row_only(commands: Commands, reader: Reader, redis: Any) -> None:
    await queue_jobs(commands, 3)
    await redis.hset(commands.keys.job("j000"), "state", "melted")
    await redis.set(commands.keys.job("j001"), "a string")
    page = await reader.page(Query())
    kinds = {job.id: type(job) for job in page.jobs}
    assert kinds == {"j000": Unreadable, "j001": Unreadable, "j002": Job}
    with pytest.raises(ValueError, match="melted"):
        await reader.get("j000")
    with pytest.raises(JobNotFound):
        await reader.get("none")


field_values = (
    st.binary(max_size=40)
    | st.integers().map(lambda n: str(n).encode())
    | st.sampled_from([b"nan", b"inf", b"-1", b"1e999", b"[" * 3000, b'{"a":', b"running", b"9" * 400, b"\xff"])
)


@given(st.dictionaries(st.sampled_from(ROW_FIELDS), field_values))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_hash_is_a_job_or_an_explained_error(raw: dict[str, bytes]) -> None:
    base = {"function": b"f", "queue": b"q", "state": b"queued", "enqueued": b"1", "run_at": b"1"}
    try:
        job = Job.from_hash("x", {**base, "version": b"1", **raw})
    except ValueError:
        return  # its row says so; anything else would be a crash of the page
    assert isinstance(job.args, list)
    _ = (job.progress and (job.progress.percent, job.progress.rate, job.progress.left_seconds), job.chunks)


def test_a_percentile_is_the_upper_bound_of_its_bucket() -> None:
    assert percentile([0, 0, 10, 0], 0.5) == 4.0
    assert percentile([90, 0, 0, 10], 0.95) == 8.0
    assert percentile([0, 0], 0.5) is None
