"""Pages of a list in both directions and orders, within a time, and searches that say how far they looked."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import Job, Keys, Outcome, Query, Reader, State, Unreadable
from arqboard.protocol import listing as listing_module
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.listing import Page
from arqboard.protocol.query import Sort

QUEUE = "arq:queue"


async def put(commands: Commands, n: int, function: str = "resize", kwargs: str = '{"user_id": 1}') -> list[str]:
    made = [Submission(function, QUEUE, b"p", job_id=f"{function}-{i:03}", kwargs=kwargs) for i in range(n)]
    return [(await commands.submit(submission)).job_id for submission in made]


def ids(page: Page) -> list[str]:
    return [job.id for job in page.jobs]


@pytest.mark.parametrize("sort", list(Sort))
async def test_newer_leads_back_to_where_older_came_from(commands: Commands, reader: Reader, sort: Sort) -> None:
    made = await put(commands, 25)
    expected = made[::-1] if sort is Sort.NEWEST else made

    first = await reader.page(Query(limit=10, sort=sort))
    second = await reader.page(Query(limit=10, sort=sort, after=first.next))
    third = await reader.page(Query(limit=10, sort=sort, after=second.next))
    assert ids(first) + ids(second) + ids(third) == expected
    assert (first.previous, third.next) == (None, None)

    back = await reader.page(Query(limit=10, sort=sort, before=third.previous))
    assert (ids(back), back.next) == (ids(second), second.next)
    top = await reader.page(Query(limit=10, sort=sort, before=back.previous))
    assert (ids(top), top.previous, top.next) == (ids(first), None, first.next)


async def test_newer_than_few_rows_is_the_whole_first_page(commands: Commands, reader: Reader) -> None:
    made = await put(commands, 12)
    second = await reader.page(Query(limit=10, after=(await reader.page(Query(limit=10))).next))
    await put(commands, 3, function="new")

    assert len(second.jobs) == 2
    page = await reader.page(Query(limit=10, before=second.previous))
    assert ids(page) == made[11:1:-1]
    assert page.previous is not None
    assert len((await reader.page(Query(limit=10, before=page.previous))).jobs) == 10


async def test_paging_goes_on_although_its_row_is_gone(commands: Commands, reader: Reader) -> None:
    made = await put(commands, 9)
    page = await reader.page(Query(limit=3, sort=Sort.OLDEST))
    await commands.discard(page.jobs[-1].id)

    assert ids(await reader.page(Query(limit=3, sort=Sort.OLDEST, after=page.next))) == made[3:6]


async def test_jobs_of_the_same_millisecond_are_paged_without_gap(
    redis: Any, commands: Commands, reader: Reader, keys: Keys
) -> None:
    made = await put(commands, 450)
    for key in (keys.jobs(), keys.jobs(queue=QUEUE)):
        await redis.zadd(key, dict.fromkeys(made, 1000))
    first = await reader.page(Query(limit=200))
    await commands.discard(first.jobs[-1].id)  # the slow way: by score and id

    second = await reader.page(Query(limit=200, after=first.next))
    third = await reader.page(Query(limit=200, after=second.next))
    assert sorted(ids(first) + ids(second) + ids(third)) == made


async def test_a_time_is_a_range_of_the_index(redis: Any, commands: Commands, reader: Reader, keys: Keys) -> None:
    made, now = await put(commands, 10), await reader.now_ms()
    await redis.zadd(keys.jobs(), {job_id: now - n * 60_000 for n, job_id in enumerate(made)})

    page = await reader.page(Query(q="since:4.5m", limit=3))
    assert (ids(page), page.total, page.looked) == (made[:3], 5, None)
    page = await reader.page(Query(q="since:4.5m", limit=3, after=page.next))
    assert (ids(page), page.next) == (made[3:5], None)
    assert ids(await reader.page(Query(q="since:4.5m until:2.5m"))) == made[3:5]
    assert (await reader.counts(span=(now - 60_000, float("inf"))))[State.QUEUED] == 10
    assert (await reader.counts(span=(now + 60_000, float("inf"))))[State.QUEUED] == 0


async def test_a_search_finds_what_no_index_knows(commands: Commands, reader: Reader) -> None:
    await put(commands, 5)
    await put(commands, 5, function="mail", kwargs='{"user_id": 42}')

    page = await reader.page(Query(q="args.user_id:42"))
    assert ids(page) == [f"mail-{n:03}" for n in (4, 3, 2, 1, 0)]
    assert page.looked is not None
    assert (page.looked.count, page.looked.is_over, page.total, page.next) == (10, True, 10, None)
    job = page.jobs[0]
    assert isinstance(job, Job)
    assert job.kwargs == {"user_id": 42}


async def test_a_search_says_how_far_it_looked_and_goes_on_from_there(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "MAX_LOOKED", 20)
    monkeypatch.setattr(listing_module, "BATCH", 10)
    [needle] = await put(commands, 1, function="needle")
    await put(commands, 30)

    page = await reader.page(Query(q="needle"))
    assert page.looked is not None
    assert (ids(page), page.looked.count, page.looked.is_over) == ([], 20, False)
    assert page.looked.back_to is not None

    further = await reader.page(Query(q="needle", after=page.next))
    assert further.looked is not None
    assert (ids(further), further.looked.count, further.looked.is_over, further.next) == ([needle], 11, True, None)
    back = await reader.page(Query(q="needle", before=further.previous))
    assert back.looked is not None
    assert (ids(back), back.looked.is_over) == ([], False)


async def test_a_full_page_of_matches_leads_on(commands: Commands, reader: Reader) -> None:
    made = await put(commands, 25)
    first = await reader.page(Query(q="user_id", limit=10))
    second = await reader.page(Query(q="user_id", limit=10, after=first.next))
    third = await reader.page(Query(q="user_id", limit=10, after=second.next))
    assert ids(first) + ids(second) + ids(third) == made[::-1]
    back = await reader.page(Query(q="user_id", limit=10, before=third.previous))
    assert ids(back) == ids(second)


async def test_a_search_reads_only_what_its_terms_need(redis: Any, commands: Commands, reader: Reader) -> None:
    await put(commands, 100)
    await redis.config_resetstat()

    await reader.page(Query(q="fn:nobody*"))

    stats = await redis.info("commandstats")
    assert stats["cmdstat_hmget"]["calls"] == 100
    assert not {"cmdstat_keys", "cmdstat_scan", "cmdstat_hgetall"} & set(stats)


async def test_an_unreadable_record_does_not_end_a_search(
    redis: Any, commands: Commands, reader: Reader, keys: Keys
) -> None:
    made = await put(commands, 3)
    await redis.hset(keys.job(made[1]), "state", "confused")
    await redis.delete(keys.job(made[2]))

    assert ids(await reader.page(Query(q="resize"))) == [made[0]]
    assert isinstance((await reader.page(Query())).jobs[0], Unreadable)


async def test_the_top_of_a_list_follows_its_order_and_time(commands: Commands, reader: Reader) -> None:
    made = await put(commands, 5)

    newest, oldest, none = await reader.tops([Query(limit=2), Query(limit=2, sort=Sort.OLDEST), Query(q="until:1h")])

    assert (newest, oldest, none) == ((made[:2:-1], 5), (made[:2], 5), ([], 0))


async def test_a_failed_job_is_where_it_failed(commands: Commands, reader: Reader) -> None:
    first, second = await put(commands, 2)
    jobs = (await commands.claim(QUEUE, "w1", 2, lease_ms=10_000, max_crashes=3)).jobs
    for claimed in reversed(jobs):
        ended = Ended(claimed.job_id, claimed.token, Outcome.FAILED, error_type="OSError", error="no disk")
        await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)

    page = await reader.page(Query(State.FAILED, q="error:disk"))
    assert sorted(ids(page)) == [first, second]
    at = await reader.scores(Query(State.FAILED), [first, second, "nobody"])
    assert at[2] is None
    assert all(score is not None for score in at[:2])


async def test_the_jobs_of_a_tag_are_counted_by_state_under_the_other_filters(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "BATCH", 2)
    for n in range(5):
        await commands.submit(Submission("mail" if n else "resize", QUEUE, b"p", job_id=f"j{n}", tags=("import",)))
    await commands.submit(Submission("mail", QUEUE, b"p", job_id="untagged"))
    await commands.abort("j1")

    counts = await reader.tag_counts(Query(q="tag:import", state=State.ABORTED))
    assert counts == {**dict.fromkeys(State, 0), State.QUEUED: 4, State.ABORTED: 1}
    counts = await reader.tag_counts(Query(q="tag:import", function="mail"))
    assert counts == {**dict.fromkeys(State, 0), State.QUEUED: 3, State.ABORTED: 1}
    counts = await reader.tag_counts(Query(q="tag:import j4"))
    assert counts == {**dict.fromkeys(State, 0), State.QUEUED: 1}


async def test_what_too_many_jobs_have_is_not_counted(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "MAX_COUNTED", 3)
    for n in range(4):
        await commands.submit(Submission("mail", QUEUE, b"p", job_id=f"j{n}", tags=("import",)))

    assert await reader.tag_counts(Query(q="tag:import")) is None
