"""When a list that is shown has changed: news of searches, without making them again."""

from __future__ import annotations

from typing import Any

import pytest

from arqboard.protocol import Keys, Outcome, Reader
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard_dashboard.lists import MAX_HEARD, STALE, Lists

QUEUE = "arq:queue"


class Hub:
    """What `Lists` needs of one: which topics are watched, and what browsers are told."""

    def __init__(self, *topics: str) -> None:
        self.topics = dict.fromkeys(topics)
        self.told: list[tuple[str, int]] = []

    def event(self, key: str, name: str, n: int) -> None:
        assert name == STALE
        self.told.append((key, n))


async def put(commands: Commands, *job_ids: str, function: str = "mail") -> None:
    for job_id in job_ids:
        await commands.submit(Submission(function, QUEUE, b"p", job_id=job_id))


async def fail(commands: Commands, error: str = "TimeoutError") -> str:
    job = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs[0]
    await commands.finish(
        [Ended(job.job_id, job.token, Outcome.FAILED, error_type=error)], keep_jobs=100, keep_jobs_ms=10**9
    )
    return job.job_id


async def lists_of(reader: Reader, *keys: str) -> tuple[Lists, Hub]:
    hub = Hub(*keys)
    lists = Lists(reader, hub)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the part of a hub that it uses
    await lists.note(keys)
    return lists, hub


async def follow(lists: Lists, hub: Hub, *changed: str) -> list[tuple[str, int]]:
    hub.told.clear()
    lists.hear(changed)
    await lists.follow()
    return list(hub.told)


async def test_a_new_job_is_news_where_it_matches(commands: Commands, reader: Reader) -> None:
    await put(commands, "a")
    search, other = "list:q=fn%3Ama%2A", "list:q=fn%3Ax%2A"
    lists, hub = await lists_of(reader, search, other, "list:")
    await put(commands, "b", "c")

    assert await follow(lists, hub, "b", "c") == [("list:", 2), (search, 2)]
    assert lists.behind({search: 1, "row:a": 1}) == {search: 2}
    assert lists.behind({search: 1, "row:a": 1, "row:b": 1, "row:c": 1}) == {}
    assert await follow(lists, hub, "b", "c") == []


async def test_a_job_that_comes_to_match_is_news(commands: Commands, reader: Reader) -> None:
    await put(commands, "a", "b")
    search = "list:q=error%3Atimeout"
    lists, hub = await lists_of(reader, search)

    assert await follow(lists, hub, "a", "b") == []
    assert await fail(commands) == "a"
    assert await follow(lists, hub, "a", "b") == [(search, 1)]


async def test_a_change_of_what_is_shown_is_no_news(commands: Commands, reader: Reader) -> None:
    await put(commands, "a", "b")
    lists, hub = await lists_of(reader, "list:q=mail")
    await fail(commands)

    assert await follow(lists, hub, "a") == []


async def test_where_jobs_have_only_left_a_page_is_behind_and_there_is_no_news(
    commands: Commands, reader: Reader
) -> None:
    await put(commands, "a", "b")
    lists, _ = await lists_of(reader, "list:", "list:state=failed")

    assert lists.behind({"list:": 1, "row:a": 1, "row:b": 1}) == {}
    assert lists.behind({"list:": 1, "row:a": 1, "row:b": 1, "row:deleted": 1}) == {"list:": 0}
    assert lists.behind({"list:state=failed": 1, "row:retried": 1}) == {"list:state=failed": 0}


async def test_where_only_the_number_of_jobs_is_another_a_list_is_stale_too(commands: Commands, reader: Reader) -> None:
    await put(commands, "a", "b")
    oldest = "list:limit=2&sort=oldest"
    lists, hub = await lists_of(reader, oldest)
    await put(commands, "c")

    assert await follow(lists, hub, "c") == [(oldest, 0)]
    assert await follow(lists, hub, "c") == []
    shown = {"row:a": 1, "row:b": 1}
    assert lists.behind({**shown, oldest: 1 + 2}) == {oldest: 0}
    assert lists.behind({**shown, oldest: 1 + 3}) == lists.behind({**shown, oldest: 1}) == {}


async def test_a_job_that_is_gone_from_a_search_is_told_of_without_news(commands: Commands, reader: Reader) -> None:
    await put(commands, "a", "b")
    search = "list:q=error%3Atimeout"
    assert await fail(commands) == "a"
    lists, hub = await lists_of(reader, search)
    await commands.discard("a")

    assert await follow(lists, hub, "a", "b") == [(search, 0)]
    assert lists.behind({search: 1}) == {}
    assert await follow(lists, hub, "a", "b") == []


async def test_a_job_that_comes_while_the_first_search_is_under_way_is_news(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub("list:q=mail")
    lists, page = Lists(reader, hub), reader.page  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as above

    async def comes_too_late(*query: Any) -> Any:
        found = await page(*query)
        await put(commands, "a")
        lists.hear(["a"])
        return found

    monkeypatch.setattr(reader, "page", comes_too_late)
    await lists.note(["list:q=mail"])

    assert await follow(lists, hub) == [("list:q=mail", 1)]


async def test_what_was_heard_is_kept_while_redis_does_not_answer(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, hub = await lists_of(reader, "list:q=mail")
    await put(commands, "a")

    async def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as for_now:
        for_now.setattr(reader, "many", away)
        with pytest.raises(ConnectionError):
            await follow(lists, hub, "a")
    assert await follow(lists, hub) == [("list:q=mail", 1)]


async def test_what_lies_behind_the_first_page_is_no_news(commands: Commands, reader: Reader) -> None:
    await put(commands, *[f"j{n}" for n in range(9)])
    newest, oldest = "list:limit=3&q=mail", "list:limit=3&q=mail&sort=oldest"
    lists, hub = await lists_of(reader, newest, oldest)

    assert await follow(lists, hub, "j0", "j4") == []
    await put(commands, "new")
    assert await follow(lists, hub, "new") == [(newest, 1)]


async def test_a_time_is_kept_too(commands: Commands, reader: Reader, redis: Any, keys: Keys) -> None:
    search = "list:q=mail+since%3A1h"
    lists, hub = await lists_of(reader, search)
    await put(commands, "new", "old")
    await redis.zadd(keys.jobs(), {"old": await reader.now_ms() - 7_200_000})

    assert await follow(lists, hub, "new", "old") == [(search, 1)]


async def test_a_search_costs_no_look_at_the_list(commands: Commands, reader: Reader, redis: Any) -> None:
    await put(commands, *[f"j{n}" for n in range(100)])
    lists, hub = await lists_of(reader, "list:q=fn%3Anobody%2A")
    await redis.config_resetstat()

    await follow(lists, hub, "j5", "j6")
    stats = await redis.info("commandstats")
    assert stats["cmdstat_hmget"]["calls"] == 2
    await follow(lists, hub)
    assert (await redis.info("commandstats"))["cmdstat_hmget"]["calls"] == 2


async def test_when_it_cannot_be_told_what_changed_searches_are_made_again(commands: Commands, reader: Reader) -> None:
    search = "list:q=mail"
    lists, hub = await lists_of(reader, search)
    await put(commands, "a")
    lists.forget_searches()

    assert await follow(lists, hub) == [(search, 0)]
    assert lists.behind({search: 1}) == {search: 1}


async def test_a_storm_of_changes_is_heard_up_to_a_point(
    commands: Commands, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    lists, hub = await lists_of(reader, "list:q=mail")
    many = reader.many

    async def counted(job_ids: Any, **more: Any) -> Any:
        asked.append(len(job_ids))
        return await many(job_ids, **more)

    monkeypatch.setattr(reader, "many", counted)
    await follow(lists, hub, *[f"j{n}" for n in range(3 * MAX_HEARD)])
    assert asked == [MAX_HEARD]


async def test_nothing_heard_is_kept_where_nobody_searches(commands: Commands, reader: Reader) -> None:
    lists, hub = await lists_of(reader, "list:")
    await put(commands, "a")

    assert await follow(lists, hub, "a") == [("list:", 1)]
    assert lists._heard == {}  # pyright: ignore[reportPrivateUsage]
