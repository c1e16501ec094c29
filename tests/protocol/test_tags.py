"""Tags: what they are, that jobs are found by them, and that nothing of them stays when the jobs are gone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyspace import Keyspace, problems

from arqboard.protocol import ArqKeys, Job, Query, Reader, State
from arqboard.protocol.acting import Action
from arqboard.protocol.bulk import count
from arqboard.protocol.commands import Adoption, Commands
from arqboard.protocol.graph import Chain, Graph, Step
from arqboard.protocol.query import Sort
from arqboard.protocol.tags import MAX_TAG, MAX_TAGS, readable, split, tags_of

from .test_verbs import QUEUE, claim, failed, finish, submission, succeeded


def ids(page: Any) -> list[str]:
    return [job.id for job in page.jobs]


# What a tag is


def test_tags_are_each_there_once_in_their_order() -> None:
    assert tags_of(["import", "customer:42", "import"]) == ("import", "customer:42")
    assert split(" import, customer:42  nightly,") == ["import", "customer:42", "nightly"]
    assert split(" , ") == []
    assert tags_of(None) == ()


@pytest.mark.parametrize("tag", ["", "two words", "a,b", "a*", '"', "x" * (MAX_TAG + 1), "a\n", "<b>", 5, None, ["x"]])
def test_what_is_no_tag_is_refused_with_what_a_tag_is(tag: Any) -> None:
    with pytest.raises(ValueError, match="is no tag: a tag has 1 to 60 letters"):
        tags_of([tag])


def test_a_text_in_place_of_a_list_is_told_from_one() -> None:
    with pytest.raises(ValueError, match=r'a list of texts, like \["import"\]'):
        tags_of("import")


def test_a_job_has_only_so_many_tags() -> None:
    assert len(tags_of([f"t{n}" for n in range(MAX_TAGS)])) == MAX_TAGS
    with pytest.raises(ValueError, match="at most 10 tags, not 11"):
        tags_of([f"t{n}" for n in range(MAX_TAGS + 1)])


@given(st.text(max_size=MAX_TAG + 2))
def test_what_is_a_tag_can_be_typed_into_a_search_and_is_found_there(text: str) -> None:
    try:
        [tag] = tags_of([text])
    except ValueError:
        return
    query = Query(q=f"tag:{tag}").settled()
    assert query.tag == tag
    assert split(tag) == [tag]


@pytest.mark.parametrize("found", [None, 7, "x", {"a": 1}, [5, None, ["a"], "two words", "x" * 10_000]])
def test_what_anybody_wrote_into_a_record_spoils_nothing(found: Any) -> None:
    fields = {"function": "f", "queue": "q", "state": "queued", "enqueued": "1", "run_at": "1", "version": "1"}
    job = Job.from_hash("j", {**{k: v.encode() for k, v in fields.items()}, "tags": json.dumps(found).encode()})
    assert job.tags == ()
    assert len(readable([f"t{n}" for n in range(1000)])) == MAX_TAGS


# Finding jobs


async def test_jobs_are_found_by_a_tag_and_an_index_answers(commands: Commands, reader: Reader) -> None:
    await commands.submit_many(
        [submission("a", tags=("import", "customer:42")), submission("b"), submission("c", tags=("import",))]
    )

    page = await reader.page(Query(q="tag:import"))

    assert ids(page) == ["c", "a"]
    assert page.total == 2
    assert page.looked is None
    assert (await reader.get("a")).tags == ("import", "customer:42")
    assert (await reader.get("b")).tags == ()
    assert ids(await reader.page(Query(q="tag:import", sort=Sort.OLDEST))) == ["a", "c"]
    assert ids(await reader.page(Query(q="tag:nope"))) == []


async def test_pages_of_a_tag_lead_forwards_and_back(commands: Commands, reader: Reader) -> None:
    await commands.submit_many([submission(f"j{n}", tags=("t",)) for n in range(7)])

    first = await reader.page(Query(q="tag:t", limit=3))
    second = await reader.page(Query(q="tag:t", limit=3, after=first.next))
    back = await reader.page(Query(q="tag:t", limit=3, before=second.previous))

    assert ids(first) == ids(back)
    assert len({*ids(first), *ids(second)}) == 6


async def test_with_other_filters_only_jobs_of_the_tag_are_looked_at(commands: Commands, reader: Reader) -> None:
    await commands.submit_many([submission(f"plain{n}", defer_ms=60_000) for n in range(20)])
    await commands.submit_many([submission("a", tags=("t",)), submission("b", tags=("t", "u")), submission("c")])
    await finish(commands, *[succeeded(a) for a in await claim(commands) if a.job_id == "a"])

    done = await reader.page(Query(q="tag:t", state=State.SUCCEEDED))
    both = await reader.page(Query(q="tag:t tag:u"))

    assert (ids(done), ids(both)) == (["a"], ["b"])
    assert done.looked is not None and done.looked.count == 2
    assert both.looked is not None and both.looked.count == 2


async def test_tags_can_be_excluded_listed_and_looked_for_by_a_part(commands: Commands, reader: Reader) -> None:
    await commands.submit_many(
        [submission("a", tags=("customer:42",)), submission("b", tags=("customer:7",)), submission("c")]
    )

    assert ids(await reader.page(Query(q="tag:customer:*"))) == ["b", "a"]
    assert ids(await reader.page(Query(q="-tag:customer:42"))) == ["c", "b"]
    assert ids(await reader.page(Query(q="tag:customer:42,customer:7"))) == ["b", "a"]
    assert ids(await reader.page(Query(q="customer:7".replace(":", "")))) == []
    assert ids(await reader.page(Query(q='"customer:7"'))) == ["b"]


async def test_times_hold_within_a_tag(commands: Commands, reader: Reader) -> None:
    await commands.submit(submission("a", tags=("t",)))

    assert ids(await reader.page(Query(q="tag:t since:1m"))) == ["a"]
    assert (await reader.page(Query(q="tag:t until:1m"))).total == 0


async def test_a_bulk_action_on_a_tag_is_for_its_jobs_at_most(commands: Commands, reader: Reader) -> None:
    await commands.submit_many([submission(f"j{n}", tags=("t",) if n < 2 else ()) for n in range(9)])

    assert await count(reader, Action.ABORT, Query(q="tag:t")) == 2


async def test_known_tags_are_those_that_jobs_have_the_last_given_first(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("a", tags=("old", "both")))
    await redis.zadd(commands.keys.tags, {"old": 1, "both": 2})
    await commands.submit(submission("b", tags=("both",)))
    assert await reader.tags() == ["both", "old"]

    await commands.discard("a")

    assert await reader.tags() == ["both"]
    assert await reader.tagged("old") == 0


# On the way


async def test_a_retry_keeps_the_tags_and_an_undone_deletion_brings_them_back(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("a", tags=("t",)))
    await finish(commands, *[failed(a) for a in await claim(commands)])
    await commands.retry("a")
    assert (await reader.get("a")).tags == ("t",)

    batch = "0" * 32
    await commands.discard("a", batch=batch)
    assert await reader.tags() == []
    assert problems(await Keyspace.read(redis)) == []

    await commands.undo(batch)
    assert ids(await reader.page(Query(q="tag:t"))) == ["a"]
    assert problems(await Keyspace.read(redis)) == []


async def test_an_id_that_is_used_again_has_the_tags_of_its_new_job(
    commands: Commands, reader: Reader, redis: Any
) -> None:
    await commands.submit(submission("a", tags=("old",)))
    await finish(commands, *[succeeded(a) for a in await claim(commands)])
    await redis.delete(ArqKeys.result("a"))
    await commands.submit(submission("a", tags=("new",)))

    assert await reader.tags() == ["new"]
    assert problems(await Keyspace.read(redis)) == []


async def test_trimmed_jobs_leave_nothing_of_their_tags(commands: Commands, redis: Any) -> None:
    await commands.submit_many([submission(f"j{n}", tags=("t", f"of:{n}")) for n in range(5)])
    ends = [succeeded(attempt) for attempt in await claim(commands)]
    await commands.finish(ends, keep_jobs=2, keep_jobs_ms=10**9)

    space = await Keyspace.read(redis)
    assert len(space.zset(space.keys.tags)) == 3
    assert problems(space) == []


async def test_without_tags_a_submission_says_nothing_of_them(commands: Commands, redis: Any) -> None:
    """So a worker of the version before reads it, and it costs nothing."""
    assert "tags" not in submission("a").description()
    await commands.submit(submission("a"))
    space = await Keyspace.read(redis)
    assert "tags" not in space.jobs["a"]
    assert space.keys.tags not in space.values


async def test_adopted_jobs_have_the_tags_of_their_task(commands: Commands, reader: Reader, redis: Any) -> None:
    await redis.zadd(QUEUE, {"stock": 1})
    await commands.adopt(
        QUEUE, [Adoption("stock", "f", "[]", "{}", 1, tags=("t",)), Adoption("gone", "f", "[]", "{}", 1)]
    )

    assert (await reader.get("stock")).tags == ("t",)


async def test_steps_of_a_workflow_have_their_own_tags_and_those_of_the_whole(
    commands: Commands, reader: Reader
) -> None:
    steps = Chain((Step(submission("x", tags=("first",))), Step(submission("y"))))
    graph = Graph.of(steps)
    graph.tag(("whole",))
    await commands.begin(graph, workflow_id="wf")
    await finish(commands, *[succeeded(a) for a in await claim(commands)])

    assert (await reader.get("wf.0")).tags == ("first", "whole")
    assert (await reader.get("wf.1")).tags == ("whole",)
