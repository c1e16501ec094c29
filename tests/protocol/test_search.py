"""The search language: what can be typed, what it means, and what is said where it means nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol import Job, Query, State
from arqboard.protocol.search import SearchError, parse

NOW = 1_764_000_000_000


def job(**fields: Any) -> Job:
    told = {"function": "resize", "queue": "media", "state": "queued", "enqueued": NOW - 60_000, "run_at": NOW - 60_000,
            "version": 1, "source": "api", **fields}  # fmt: skip
    return Job.from_hash("job-1", {name: str(value).encode() for name, value in told.items()})


def matches(text: str, **fields: Any) -> bool:
    return parse(text).matches(job(**fields), NOW)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("  big   pictures ", "big pictures"),
        ('"page load" fn:resize', '"page load" fn:resize'),
        ("FN:resize State:failed", "fn:resize state:failed"),
        ('queue:media,"a b",media', 'queue:media,"a b"'),
        ("-state:failed -state:failed", "-state:failed"),
        ("args.user-id.0:42", "args.user-id.0:42"),
        ("id:cron:mail", "id:cron:mail"),
        ('"fn:x" "-fn:x" -5', '"fn:x" "-fn:x" "-5"'),
        (r'worker:"say \"hi\""', r'worker:"say \"hi\""'),
        ("", ""),
    ],
)
def test_equal_searches_are_written_the_same(typed: str, written: str) -> None:
    assert str(parse(typed)) == written
    assert parse(written) == parse(typed)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_understood_or_pointed_at(text: str) -> None:
    try:
        search = parse(text)
    except SearchError as error:
        start, end = error.start, error.end
    else:
        assert parse(str(search)) == search
        return
    assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    ("typed", "wrong", "says"),
    [
        ("mail foo:bar", "foo:bar", 'there is no "foo:"'),
        ("mail https://x.y", "https://x.y", "Put it in quotes"),
        ('fn:resize "never', '"never', "never closed"),
        ("state:wild", "state:wild", "deferred, queued, running"),
        ("mail fn:", "fn:", "needs a value"),
        ("took:10s", "took:10s", "took:>10s"),
        ("took:>soon x", "took:>soon", "not a length of time"),
        ("since:yesterday", "since:yesterday", "not a time"),
        ("-since:1h", "-since:1h", "can't be excluded"),
        ("since:1h,2h", "since:1h,2h", "one time"),
        ('x ""', '""', "nothing in these quotes"),
        ("x " * 10 + "a " + " ".join("bcdefghijklmnopqrstuvw"), "t", "at most 20 terms"),
    ],
)
def test_an_error_points_at_what_is_wrong(typed: str, wrong: str, says: str) -> None:
    with pytest.raises(SearchError, match=says) as caught:
        parse(typed)
    assert typed[caught.value.start : caught.value.end] == wrong


def test_a_search_that_is_too_long_is_refused() -> None:
    with pytest.raises(SearchError, match="at most 300"):
        parse("x" * 301)


@pytest.mark.parametrize(
    ("typed", "is_match"),
    [
        ("res", True), ("RESIZE", True), ("job-1", True), ("nothing", False), ("resize nothing", False),
        ("fn:resize", True), ("fn:res", False), ("fn:res*", True), ("fn:*si*", True), ("-fn:resize", False),
        ("fn:a,resize", True), ("-fn:a,b", True), ("queue:mail,media", True), ("queue:mail", False),
        ("id:job-*", True), ("id:job", False), ("source:api", True), ("-source:api", False),
        ("state:queued", True), ("state:failed,queued", True), ("state:failed", False), ("-state:failed", True),
    ],
)  # fmt: skip
def test_names_match_as_a_whole_and_words_anywhere(typed: str, is_match: bool) -> None:
    assert matches(typed) is is_match


@pytest.mark.parametrize(
    ("typed", "is_match"),
    [
        ("args.user_id:42", True), ("args.user_id:4", False), ("args.user_id:4*", True), ("args.user_id:42.0", True),
        ("args.user_id:>41", True), ("args.user_id:<=41", False), ("args.name:Anna", True), ("args.name:anna", False),
        ("args.flag:true", True), ("args.none:null", True), ("args.deep.list.1:b", True), ("args.deep.list:b", True),
        ("args.deep.list:c", False), ("args.missing:1", False), ("-args.missing:1", True), ("args.0:first", True),
        ("args.7:first", False), ("args.name.x:1", False), ("Anna", True), ("first", True), ("user_id", True),
        ("args.flag:1", False), ("args.name:>3", False),
    ],
)  # fmt: skip
def test_arguments_are_found_by_name_and_by_place(typed: str, is_match: bool) -> None:
    kwargs = '{"user_id": 42, "name": "Anna", "flag": true, "none": null, "deep": {"list": ["a", "b"]}}'

    assert matches(typed, args='["first"]', kwargs=kwargs) is is_match


def test_an_error_is_found_by_its_type_and_its_words() -> None:
    failed = {"state": "failed", "error_type": "TimeoutError", "error": "page load exceeded 30 s", "ended": NOW}

    assert matches("error:timeout", **failed)
    assert matches('error:"page load"', **failed)
    assert matches("error:time*30", **failed)
    assert matches("error:*", **failed)
    assert not matches("error:OSError", **failed)
    assert not matches("error:*")
    assert matches("-error:*")


def test_how_long_it_took_is_measured_to_the_end_or_until_now() -> None:
    ended = {"state": "succeeded", "started": NOW - 30_000, "ended": NOW - 10_000}

    assert matches("took:>10s", **ended)
    assert matches("took:<=20s took:>=0.2m", **ended)
    assert not matches("took:<500ms", **ended)
    assert matches("took:>29s", state="running", started=NOW - 30_000)
    assert not matches("took:>0s")
    assert not matches("took:>0s", state="retrying", started=NOW - 30_000)


def test_times_are_answered_by_the_index() -> None:
    assert parse("since:1h").span(NOW) == (NOW - 3_600_000, float("inf"))
    assert parse("since:2025-11-24T16:00 until:2025-11-24T17:00+01:00").span(NOW) == (1764000000000, 1764000000000)
    assert not parse("since:1h until:5m").is_scan
    assert parse("since:1h mail").is_scan


def test_what_an_index_answers_is_no_part_of_the_search() -> None:
    typed = Query(q="fn:resize state:Failed queue:media mail", function="other")

    assert typed.settled() == Query(q="mail", function="resize", state=State.FAILED, queue="media")
    assert Query(q="fn:re* -queue:a state:failed,queued").settled().q == "fn:re* -queue:a state:failed,queued"


def test_a_query_knows_whether_a_job_is_in_its_list() -> None:
    assert Query(State.QUEUED, "resize", "media", q="job-1").matches(job(), NOW)
    for other in (Query(State.FAILED), Query(function="x"), Query(queue="x"), Query(q="x*x")):
        assert not other.matches(job(), NOW)


def test_a_pattern_of_many_stars_takes_no_longer_than_its_text() -> None:
    assert not matches("fn:" + "a*" * 100 + "b", function="a" * 20_000)


def test_deep_and_hostile_arguments_are_only_looked_at() -> None:
    assert not matches("x", kwargs='{"a": ' + "[" * 900 + "]" * 900 + "}")
    assert not matches("args.__class__:x", kwargs="{}")
