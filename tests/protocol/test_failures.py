"""Failed jobs find their groups, and leave them when they run again or are forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from keyspace import Keyspace, problems

from arqboard.protocol import Keys, Outcome, Reader, State
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.failing import FailureCommands
from arqboard.protocol.failures import HOUR_MS, By, Failures

QUEUE = "arq:queue"


@pytest.fixture
def failures(redis: Any, keys: Keys) -> Failures:
    return Failures(redis, keys)


async def fail(
    commands: Commands, job_id: str = "j1", function: str = "resize", *, keep_jobs: int = 1000, **told: Any
) -> None:
    """Run a job to its failure."""
    await commands.submit(Submission(function, QUEUE, b"payload", job_id=job_id))
    await fail_again(commands, keep_jobs=keep_jobs, **told)


async def fail_again(commands: Commands, *, keep_jobs: int = 1000, **told: Any) -> None:
    """Run what waits to its failure."""
    jobs = (await commands.claim(QUEUE, "w1", 100, lease_ms=10_000, max_crashes=3)).jobs
    told = {"error_type": "OSError", "error": "no disk", "frame": "shop.images:save", **told}
    ended = [Ended(job.job_id, job.token, Outcome.FAILED, **told) for job in jobs]
    await commands.finish(ended, keep_jobs=keep_jobs, keep_jobs_ms=10**9)
    await later(commands)


async def later(commands: Commands) -> None:
    """Until Redis' clock shows another millisecond, so that what comes next is newer."""
    reader = Reader(commands._redis, commands.keys)
    now = await reader.now_ms()
    while await reader.now_ms() == now:
        pass


async def test_jobs_that_failed_alike_are_one_group(commands: Commands, failures: Failures) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2", error="no disk on b")

    page = await failures.page(By.FINGERPRINT)

    [group] = page.groups
    assert (page.total, group.jobs, group.ever, group.counts) == (1, 2, 2, (2, 2, 2, 2, 2))
    assert (group.type, group.message, group.frame) == ("OSError", "no disk on b", "shop.images:save")
    assert (group.job, group.function, group.functions) == ("j2", "resize", {"resize": 2})
    assert group.first is not None
    assert group.last == group.newest
    assert sum(group.curve) == 2


async def test_the_place_tells_failures_of_one_type_apart(commands: Commands, failures: Failures) -> None:
    await fail(commands, "j1", frame="shop.images:save")
    await fail(commands, "j2", frame="shop.images:load")

    assert [g.frame for g in (await failures.page(By.FINGERPRINT)).groups] == ["shop.images:load", "shop.images:save"]
    assert [(g.name, g.jobs) for g in (await failures.page(By.EXCEPTION)).groups] == [("OSError", 2)]
    assert [(g.name, g.jobs) for g in (await failures.page(By.FUNCTION)).groups] == [("resize", 2)]


async def test_without_a_place_the_function_tells_them_apart(commands: Commands, failures: Failures) -> None:
    for job_id, function in (("j1", "resize"), ("j2", "send"), ("j3", "send")):
        await fail(commands, job_id, function, error_type="JobExecutionFailed", frame="")

    assert [(g.function, g.jobs) for g in (await failures.page(By.FINGERPRINT)).groups] == [("send", 2), ("resize", 1)]


async def test_the_same_place_in_two_functions_is_one_fault(commands: Commands, failures: Failures) -> None:
    await fail(commands, "j1", "resize")
    await fail(commands, "j2", "send")
    await fail(commands, "j3", "send")

    [group] = (await failures.page(By.FINGERPRINT)).groups
    assert group.functions == {"send": 2, "resize": 1}


async def test_the_job_says_which_failure_it_is(commands: Commands, failures: Failures, reader: Reader) -> None:
    await fail(commands)

    [group] = (await failures.page(By.FINGERPRINT)).groups
    assert (await reader.get("j1")).fingerprint == group.name


async def test_a_retried_job_is_no_failure_any_more(commands: Commands, failures: Failures, reader: Reader) -> None:
    await fail(commands)
    [before] = (await failures.page(By.FINGERPRINT)).groups

    await commands.retry("j1")

    for by in By:
        assert (await failures.page(by)).total == 0
    assert (await reader.get("j1")).fingerprint == ""
    known = await failures.get(By.FINGERPRINT, before.name)
    assert known is not None
    assert (known.jobs, known.ever, known.newest, known.last) == (0, 1, None, before.last)


async def test_what_comes_back_is_not_new(commands: Commands, failures: Failures) -> None:
    await fail(commands)
    [before] = (await failures.page(By.FINGERPRINT)).groups
    await commands.retry("j1")
    await fail_again(commands)

    [group] = (await failures.page(By.FINGERPRINT)).groups
    assert (group.first, group.ever, group.jobs) == (before.first, 2, 1)


async def test_a_group_stands_where_its_newest_job_does(commands: Commands, failures: Failures) -> None:
    await fail(commands, "j1", frame="a:a")
    await fail(commands, "j2", frame="b:b")
    await fail(commands, "j3", frame="a:a")
    assert [g.frame for g in (await failures.page(By.FINGERPRINT)).groups] == ["a:a", "b:b"]

    await commands.discard("j3")

    groups = (await failures.page(By.FINGERPRINT)).groups
    assert [(g.frame, g.newest == g.oldest, g.jobs) for g in groups] == [("b:b", True, 1), ("a:a", True, 1)]


async def test_trimmed_and_deleted_jobs_leave_no_trace(commands: Commands, failures: Failures, redis: Any) -> None:
    for n in range(5):
        await fail(commands, f"j{n}", keep_jobs=2)
    await commands.discard("j4")

    [group] = (await failures.page(By.FINGERPRINT)).groups
    assert (group.jobs, group.ever) == (1, 5)
    assert problems(await Keyspace.read(redis)) == []


async def test_a_job_made_anew_under_its_id_leaves_its_group(commands: Commands, failures: Failures) -> None:
    await fail(commands)

    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j1"))

    assert (await failures.page(By.FINGERPRINT)).total == 0


async def test_only_groups_of_the_asked_time_are_shown(
    commands: Commands, failures: Failures, redis: Any, keys: Keys
) -> None:
    await fail(commands, "j1", frame="old:old")
    await age(redis, keys, "j1", 5 * HOUR_MS)
    await fail(commands, "j2", frame="new:new")

    assert [g.frame for g in (await failures.page(By.FINGERPRINT, within_ms=HOUR_MS)).groups] == ["new:new"]
    groups = (await failures.page(By.FINGERPRINT, within_ms=24 * HOUR_MS)).groups
    assert [(g.frame, g.counts) for g in groups] == [("new:new", (1, 1, 1, 1, 1)), ("old:old", (0, 0, 1, 1, 1))]
    assert sum(groups[1].curve) == 1
    assert groups[1].curve[-1] == 0


async def age(redis: Any, keys: Keys, job_id: str, ms: int) -> None:
    """Let a failure have been so long ago."""
    [group] = [g for g in (await Failures(redis, keys).page(By.FINGERPRINT)).groups if g.job == job_id]
    names = ((By.FINGERPRINT, group.name), (By.EXCEPTION, group.type), (By.FUNCTION, group.function))
    for by, name in names:
        await redis.zincrby(keys.failed(by, name), -ms, job_id)
        await redis.zincrby(keys.failures(by), -ms, name)


async def test_groups_by_how_many_jobs_they_have(commands: Commands, failures: Failures) -> None:
    for n, frame in enumerate(("a:a", "a:a", "a:a", "b:b", "c:c", "c:c")):
        await fail(commands, f"j{n}", frame=frame)

    pages = [await failures.page(By.FINGERPRINT, order="count", offset=n, limit=2) for n in (0, 2)]

    assert [[g.frame for g in page.groups] for page in pages] == [["a:a", "c:c"], ["b:b"]]
    assert {page.total for page in pages} == {3}


async def test_the_oldest_groups_make_room(commands: Commands, failures: Failures, redis: Any, keys: Keys) -> None:
    """1,000 groups are kept; the jobs of the others stay, and can be retried."""
    await redis.zadd(keys.failures("fingerprint"), {f"fp{n}": n for n in range(1, 1001)})
    await redis.zadd(keys.failed("fingerprint", "fp1"), {"gone": 1})

    await fail(commands, "j1")
    await fail(commands, "j2", frame="b:b")

    assert await redis.zcard(keys.failures("fingerprint")) <= 1001
    assert not await redis.exists(keys.failed("fingerprint", "fp1"), keys.failure("fingerprint", "fp1"))
    await commands.retry("j1")


async def test_hostile_names_and_records_spoil_only_themselves(
    commands: Commands, failures: Failures, redis: Any, keys: Keys
) -> None:
    await fail(commands, "j1", "a/*%\n<b>", error_type="<script>/*", error="\ud800".encode(errors="replace").decode())
    await fail(commands, "j2", "fine", error_type="OSError")
    await redis.set(keys.failure("exception", "OSError"), "text")
    await redis.hset(keys.failure("exception", "<script>/*"), mapping={"first": "x", "count": "1e999", "fn|": "?"})

    groups = (await failures.page(By.EXCEPTION)).groups

    assert [(g.name, g.jobs, g.ever) for g in groups] == [("OSError", 1, 0), ("<script>/*", 1, 0)]
    await fail(commands, "j3", "fine", error_type="OSError")
    group = await failures.get(By.EXCEPTION, "OSError")
    assert group is not None
    assert (group.jobs, group.ever) == (2, 1)


async def test_what_nobody_knows_is_none(failures: Failures) -> None:
    assert await failures.get(By.FINGERPRINT, "nope") is None


@pytest.fixture
def verbs(redis: Any, keys: Keys) -> FailureCommands:
    return FailureCommands(redis, keys)


async def test_all_jobs_of_a_group_are_retried_in_batches(
    commands: Commands, failures: Failures, reader: Reader, verbs: FailureCommands, redis: Any
) -> None:
    for n in range(250):
        await commands.submit(Submission("resize", QUEUE, b"payload", job_id=f"j{n}"))
    for _ in range(3):
        await fail_again(commands)
    await fail(commands, "other", frame="b:b")
    group = (await failures.page(By.FINGERPRINT, order="count")).groups[0]

    acted = await verbs.act(By.FINGERPRINT, group.name, "retry", until=await reader.now_ms())

    assert (acted.done, acted.refused, acted.has_more) == (250, 0, False)
    assert (await reader.counts())[State.QUEUED] == 250
    assert [g.frame for g in (await failures.page(By.FINGERPRINT)).groups] == ["b:b"]
    assert problems(await Keyspace.read(redis)) == []


async def test_what_can_not_be_retried_is_passed_over(
    commands: Commands, failures: Failures, reader: Reader, verbs: FailureCommands, redis: Any, keys: Keys
) -> None:
    for n in range(150):
        await commands.submit(Submission("resize", QUEUE, b"payload", job_id=f"j{n}"))
    for _ in range(2):
        await fail_again(commands)
    for n in range(120, 150):
        await redis.delete(keys.payload(f"j{n}"))

    acted = await verbs.act(By.FUNCTION, "resize", "retry", until=await reader.now_ms())

    assert (acted.done, acted.refused, acted.has_more) == (120, 30, False)
    assert (await failures.page(By.FUNCTION)).groups[0].jobs == 30


async def test_no_more_jobs_than_asked_for_are_deleted(
    commands: Commands, failures: Failures, reader: Reader, verbs: FailureCommands, redis: Any
) -> None:
    for n in range(5):
        await fail(commands, f"j{n}")

    acted = await verbs.act(By.EXCEPTION, "OSError", "delete", until=await reader.now_ms(), most=3)

    assert (acted.done, acted.has_more) == (3, True)
    assert [job and job.id for job in await reader.many(["j0", "j1", "j2", "j4"])] == ["j0", "j1", None, None]
    assert (await failures.page(By.EXCEPTION)).groups[0].jobs == 2
    assert problems(await Keyspace.read(redis)) == []


async def test_only_jobs_that_failed_in_that_time_are_touched(
    commands: Commands, failures: Failures, verbs: FailureCommands, reader: Reader, redis: Any, keys: Keys
) -> None:
    await fail(commands, "old")
    await age(redis, keys, "old", 5 * HOUR_MS)
    await fail(commands, "asked")
    asked = await reader.now_ms()
    await later(commands)
    await fail(commands, "young")

    acted = await verbs.act(By.FUNCTION, "resize", "delete", since=asked - HOUR_MS, until=asked)

    assert acted.done == 1
    assert [job is not None for job in await reader.many(["old", "asked", "young"])] == [True, False, True]


async def test_a_job_that_runs_again_is_not_deleted_with_its_group(
    commands: Commands, verbs: FailureCommands, reader: Reader
) -> None:
    await fail(commands, "j1")
    await commands.retry("j1")

    acted = await verbs.act(By.FUNCTION, "resize", "delete", until=await reader.now_ms())

    assert acted.done == 0
    assert (await reader.get("j1")).state is State.QUEUED
