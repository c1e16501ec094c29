"""`arqboard:bulk`: acts on all jobs that match a filter, each once, and says what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from arq.worker import func
from bulks import ended, failed, in_state, order, waiting
from waiting import eventually

from arqboard.protocol import Query, Reader, State
from arqboard.protocol.acting import Action, Wish
from arqboard.protocol.bulk import BULK, Bulk, NotForThese, Place, Tally, count, plan, tally_of
from arqboard.protocol.client import Client
from arqboard.protocol.commands import Commands, Submission

from .conftest import StartWorker

RETRY = Wish(Action.RETRY)


async def test_it_retries_all_that_failed(start: StartWorker, commands: Commands, reader: Reader) -> None:
    ids = await failed(commands, 250, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize)

    job = await eventually(lambda: ended(reader, bulk_id))

    assert job is not None and job.state is State.SUCCEEDED
    assert job.result == {"action": "retry", "looked": 250, "done": 250}
    assert job.progress is not None and (job.progress.done, job.progress.total, job.progress.unit) == (250, 250, "jobs")
    assert job.progress.note == "250 retried"
    assert await in_state(reader, State.QUEUED) == len(ids)


async def test_only_what_the_filter_means_is_acted_on(start: StartWorker, commands: Commands, reader: Reader) -> None:
    await failed(commands, 5, queue="other")
    await failed(commands, 5, "mail", queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(function="mail", q="id:mail-00003"))
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result["done"] == 1
    assert (await reader.get("mail-00003")).state is State.QUEUED
    assert (await in_state(reader, State.FAILED), await in_state(reader, State.FAILED, "mail")) == (5, 4)


async def test_jobs_of_a_tag_are_acted_on_and_no_others_looked_at(
    start: StartWorker, commands: Commands, reader: Reader
) -> None:
    await waiting(commands, 50, queue="other")
    calls = [Submission("mail", "other", b"p", job_id=f"t{n}", tags=("t",)) for n in range(3)]
    await commands.submit_many(calls)
    bulk_id = await order(commands, reader, Wish(Action.DELETE), Query(q="tag:t"))
    await start(resize)

    job = await eventually(lambda: ended(reader, bulk_id))

    assert job is not None and job.result["done"] == 3
    assert job.result["looked"] <= 3 * len(Action.DELETE.states)
    assert await in_state(reader, State.QUEUED, "resize") == 50


async def test_it_aborts_what_waits_and_asks_the_workers_of_what_runs(
    start: StartWorker, commands: Commands, reader: Reader
) -> None:
    await start(stay, resize)
    await commands.pause("function", "resize")
    await waiting(commands, 3, "stay")
    await eventually(lambda: _running(reader, 3))
    await waiting(commands, 130)

    bulk_id = await order(commands, reader, Wish(Action.ABORT, by="anna"), Query())

    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result == {"action": "abort", "looked": 134, "done": 130, "asked": 3}
    await eventually(lambda: _is(reader, {State.ABORTED: 133}))
    assert job.state is State.SUCCEEDED, "the bulk job itself runs, and is not one of those"


async def test_it_deletes_all_in_a_state(start: StartWorker, commands: Commands, reader: Reader, redis: Client) -> None:
    ids = await failed(commands, 120, queue="other")
    await waiting(commands, 5, "mail", queue="other")
    bulk_id = await order(commands, reader, Wish(Action.DELETE), Query(state=State.FAILED))
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result == {"action": "delete", "looked": 120, "done": 120}
    assert await reader.many(ids) == [None] * 120
    assert await in_state(reader, State.QUEUED, "mail") == 5


async def test_it_gives_all_that_wait_a_priority(start: StartWorker, commands: Commands, reader: Reader) -> None:
    ids = await waiting(commands, 120, queue="other")
    bulk_id = await order(commands, reader, Wish(Action.REPRIORITISE, priority=7), Query(queue="other"))
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result["done"] == 120
    assert {job.priority for job in await reader.many(ids) if job} == {7}  # type: ignore[union-attr] # all are readable


async def test_a_time_like_fifteen_minutes_ago_is_that_before_it_was_asked(
    start: StartWorker, commands: Commands, reader: Reader
) -> None:
    """While a long bulk job runs, jobs grow older than the filter says; they are meant all the same."""
    ids = await waiting(commands, 3, queue="other")
    await eventually(lambda: _is_older(reader, ids[-1], 1500))
    now = await reader.now_ms()
    asked = Bulk(Wish(Action.ABORT), Query(q="since:1s"), until=now - 1400, total=3)
    bulk_id = (await commands.submit(asked.submission("arq:queue"))).job_id
    await start(resize)

    job = await eventually(lambda: ended(reader, bulk_id))

    assert job is not None and job.result["done"] == 3


async def test_jobs_that_came_later_are_left_alone(start: StartWorker, commands: Commands, reader: Reader) -> None:
    await waiting(commands, 3, queue="other")
    bulk_id = await order(commands, reader, Wish(Action.ABORT), Query(queue="other"))
    await eventually(lambda: _later(reader, bulk_id))
    await waiting(commands, 4, "later", queue="other")
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result == {"action": "abort", "looked": 7, "done": 3}
    assert await in_state(reader, State.QUEUED, "later") == 4


async def test_what_it_retried_and_what_failed_again_is_not_retried_twice(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    """Its worker also runs what it retries, so failed jobs come back into the list that it goes through."""
    ids = await failed(commands, 300, "broken")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(broken, max_jobs=50)
    await eventually(lambda: ended(reader, bulk_id))
    await eventually(lambda: _is(reader, {State.FAILED: 300}))
    until = (await reader.get(bulk_id)).enqueued
    again = await commands.submit(Bulk(RETRY, Query(state=State.FAILED), until, total=300).submission("arq:queue"))
    job = await eventually(lambda: ended(reader, again.job_id))
    assert job is not None and job.result == {"action": "retry", "looked": 300}
    assert [await redis.hget(reader.keys.job(i), "attempt") for i in ids] == [b"2"] * 300


async def test_one_record_that_cant_be_read_spoils_only_itself(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    ids = await failed(commands, 5, queue="other")
    await redis.hset(reader.keys.job(ids[2]), "enqueued", "yesterday")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result == {"action": "retry", "looked": 5, "done": 4}


async def test_what_cant_be_retried_is_counted_by_its_reason(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    ids = await failed(commands, 5, queue="other")
    await redis.delete(reader.keys.payload(ids[0]), reader.keys.payload(ids[1]))
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result == {"action": "retry", "looked": 5, "done": 3, "lost_call": 2}
    assert job.progress is not None and job.progress.note == "3 retried, 2 lost their call"


async def test_it_stops_between_two_batches_and_says_what_it_has_done(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    await failed(commands, 3000, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize)
    await eventually(lambda: _has_done(redis, reader, bulk_id, 1), every=0.001)

    await commands.abort(bulk_id)

    job = await eventually(lambda: ended(reader, bulk_id))
    tally = await tally_of(redis, reader.keys, bulk_id)
    assert job is not None and job.state is State.ABORTED
    assert 0 < tally.done < 3000 and tally.done % 100 == 0
    assert job.progress is not None and job.progress.done == tally.looked == tally.done
    assert await in_state(reader, State.QUEUED) == tally.done


async def test_retried_it_goes_on_where_it_stopped(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    await failed(commands, 3000, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize)
    await eventually(lambda: _has_done(redis, reader, bulk_id, 1), every=0.001)
    await commands.abort(bulk_id)
    await eventually(lambda: ended(reader, bulk_id))

    await commands.retry(bulk_id)

    await eventually(lambda: _succeeded(reader, bulk_id))
    assert (await reader.get(bulk_id)).result == {"action": "retry", "looked": 3000, "done": 3000}


async def test_an_attempt_that_lost_its_bulk_job_does_nothing_more(
    start: StartWorker, commands: Commands, reader: Reader, redis: Client
) -> None:
    ids = await failed(commands, 2, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    [attempt] = (await commands.claim("arq:queue", "w1", 1, lease_ms=60_000, max_crashes=3)).jobs
    versions = {job_id: (await reader.get(job_id)).version for job_id in ids}

    assert await commands.act_in_bulk(bulk_id, "stale", RETRY, versions, looked=2, at="1|") is None
    assert await in_state(reader, State.FAILED) == 2
    assert await commands.act_in_bulk(bulk_id, attempt.token, RETRY, versions, looked=2, at="1|") is not None
    assert await in_state(reader, State.QUEUED) == 2


async def test_a_job_that_changed_between_the_look_and_the_deed_is_left_alone(
    commands: Commands, reader: Reader, redis: Client
) -> None:
    ids = await failed(commands, 2, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    [attempt] = (await commands.claim("arq:queue", "w1", 1, lease_ms=60_000, max_crashes=3)).jobs
    versions = {job_id: (await reader.get(job_id)).version for job_id in [*ids, bulk_id]}
    await commands.retry(ids[0])
    await commands.abort(ids[0])

    told = await commands.act_in_bulk(
        bulk_id, attempt.token, RETRY, {**versions, "nope": 1}, looked=4, at=str(Place(1, "5~x"))
    )

    tally = Tally.parse(told)
    assert (tally.done, tally.changed, tally.gone, tally.refused, tally.looked) == (1, 1, 1, 1, 4)
    assert tally.left_alone == 3 and tally.place == Place(1, "5~x")
    assert (await reader.get(ids[0])).state is State.ABORTED
    assert await tally_of(redis, reader.keys, bulk_id) == tally


async def test_the_same_bulk_job_is_there_once(commands: Commands, reader: Reader) -> None:
    await failed(commands, 1, queue="other")
    first = await order(commands, reader, RETRY, Query(state=State.FAILED))
    assert await order(commands, reader, RETRY, Query(state=State.FAILED)) == first
    assert await order(commands, reader, Wish(Action.DELETE), Query(state=State.FAILED)) != first


async def test_a_workers_own_time_limit_is_not_for_it(start: StartWorker, commands: Commands, reader: Reader) -> None:
    await failed(commands, 1500, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(resize, job_timeout=0.01, max_tries=1)
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.state is State.SUCCEEDED


async def test_every_worker_runs_it_and_offers_it_to_nobody(start: StartWorker, reader: Reader) -> None:
    worker = await start(resize)
    assert BULK not in worker.functions and worker.function(BULK) is not None
    await eventually(reader.functions)
    assert list(await reader.functions()) == ["resize"]
    [info] = await reader.workers()
    assert info.functions == ["resize"]


async def test_a_function_of_the_same_name_does_not_get_its_calls(
    start: StartWorker, commands: Commands, reader: Reader
) -> None:
    ran = asyncio.Event()

    async def mine(ctx: dict[str, Any], **kwargs: Any) -> None:
        ran.set()

    await failed(commands, 1, queue="other")
    bulk_id = await order(commands, reader, RETRY, Query(state=State.FAILED))
    await start(func(mine, name=BULK))
    job = await eventually(lambda: ended(reader, bulk_id))
    assert job is not None and job.result["done"] == 1 and not ran.is_set()


# What is asked


async def test_the_count_is_exact_without_bulk_jobs(commands: Commands, reader: Reader) -> None:
    await failed(commands, 3, queue="other")
    await waiting(commands, 4, "mail")
    await order(commands, reader, RETRY, Query(state=State.FAILED))
    assert await count(reader, Action.RETRY, Query()) == 3
    assert await count(reader, Action.ABORT, Query()) == 4
    assert await count(reader, Action.DELETE, Query(queue="other")) == 3
    assert await count(reader, Action.DELETE, Query(function="mail")) == 4


@pytest.mark.parametrize(
    ("action", "state"),
    [("retry", "succeeded"), ("abort", "failed"), ("delete", "running"), ("reprioritise", "running")],
)
def test_a_state_that_an_action_is_not_for_is_refused(action: str, state: str) -> None:
    with pytest.raises(NotForThese, match=f"Can't {action} jobs that are {state}"):
        plan(Action(action), Query(state=State(state)))


def test_what_is_asked_comes_back_from_the_call_as_it_was() -> None:
    asked = Bulk(
        Wish(Action.REPRIORITISE, priority=3, by="anna"),
        Query(state=State.QUEUED, function="a b", queue="q", q='tag:x "two words"'), until=5, total=7,
    )  # fmt: skip
    assert Bulk.from_kwargs(asked.as_kwargs()) == asked
    assert asked.as_kwargs()["action"] == "reprioritise"


@pytest.mark.parametrize("text", [None, b"", b"no json", b"[1]", b'{"done": "many"}', b'{"done": null}'])
def test_a_tally_that_cant_be_read_is_an_empty_one(text: bytes | None) -> None:
    assert Tally.parse(text) == Tally()


async def resize(ctx: dict[str, Any]) -> None: ...


async def broken(ctx: dict[str, Any]) -> None:
    raise ValueError("still no")


async def stay(ctx: dict[str, Any]) -> None:
    await asyncio.Event().wait()


async def _running(reader: Reader, number: int) -> bool:
    return (await reader.counts())[State.RUNNING] == number


async def _is(reader: Reader, expected: dict[State, int]) -> bool:
    counts = await reader.counts()
    return all(counts[state] == number for state, number in expected.items())


async def _later(reader: Reader, job_id: str) -> bool:
    return await reader.now_ms() > (await reader.get(job_id)).enqueued + 1


async def _has_done(redis: Client, reader: Reader, bulk_id: str, number: int) -> bool:
    return (await tally_of(redis, reader.keys, bulk_id)).done >= number


async def _succeeded(reader: Reader, job_id: str) -> bool:
    return (await reader.get(job_id)).state is State.SUCCEEDED


async def _is_older(reader: Reader, job_id: str, ms: int) -> bool:
    return await reader.now_ms() - (await reader.get(job_id)).enqueued > ms
