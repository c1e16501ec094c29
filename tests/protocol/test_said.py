"""Sentences keep their parts for whoever shows them in another language, and are plain English for all others."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from arqboard.protocol import JobNotFound, WrongState
from arqboard.protocol.mistakes import sentence_of
from arqboard.protocol.said import Said, said_by
from arqboard.protocol.search import SearchError, parse


def test_a_sentence_is_its_english_and_knows_its_parts() -> None:
    said = Said('No worker "%(id)s".', id="w1")
    assert said == 'No worker "w1".'
    assert (said.template, said.values) == ('No worker "%(id)s".', {"id": "w1"})
    assert json.dumps([said]) == '["No worker \\"w1\\"."]'


def test_without_values_a_percent_sign_stays() -> None:
    assert Said("100 % of it") == "100 % of it"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])
def test_a_copy_is_only_text_so_that_any_release_can_read_it(again: Any) -> None:
    assert type(again(Said("%(n)s jobs", n=2))) is str


def test_an_error_keeps_what_it_says_and_can_be_a_jobs_result() -> None:
    error = WrongState("j1", "retry", "running", Said("Only a failed or aborted job can be retried."))
    said = said_by(error)
    assert isinstance(said, Said)
    assert said.values["hint"] == "Only a failed or aborted job can be retried."
    back: WrongState = pickle.loads(pickle.dumps(error))
    assert (str(back), back.job_id, back.state) == (str(error), "j1", "running")


def test_of_an_error_without_parts_its_text_is_what_it_says() -> None:
    assert said_by(ValueError("no")) == "no"
    assert said_by(KeyError("a", "b")) == "('a', 'b')"
    assert said_by(JobNotFound("j1")) == str(JobNotFound("j1"))


@pytest.mark.parametrize("text", ["nope:1", "took:1", "took:>1y", "state:x", "since:x", "-since:1h", '"x', '""', "fn:"])
def test_everything_that_is_wrong_with_a_search_is_such_a_sentence(text: str) -> None:
    with pytest.raises(SearchError) as caught:
        parse(text)
    assert isinstance(said_by(caught.value), Said)


MISFITS: list[tuple[Any, Any]] = [
    (int, "x"), (int, 1.5), (int, None), (float, "x"), (bool, "x"), (bool, []), (str, 1), (dict[str, int], 1),
    (list[int], 1), (None, 1), (Literal["a", "b"], "c"), (Annotated[int, Field(ge=3)], 1),
    (Annotated[int, Field(gt=3)], 1), (Annotated[int, Field(le=3)], 9), (Annotated[int, Field(lt=3)], 9),
    (Annotated[int, Field(multiple_of=2)], 3), (Annotated[float, Field(allow_inf_nan=False)], float("inf")),
    (Annotated[str, Field(min_length=1)], ""), (Annotated[str, Field(min_length=2)], ""),
    (Annotated[str, Field(max_length=1)], "abc"), (Annotated[str, Field(pattern="^a$")], "b"), (date, "x"),
    (date, "2026-13-01"), (datetime, "2026-01-01T25:00"), (time, "25:00"), (timedelta, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "value"), MISFITS, ids=str)
def test_what_pydantic_says_often_is_such_a_sentence(hint: Any, value: Any) -> None:
    """So this also fails where a release of pydantic says it in other words."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(hint).validate_python(value)
    assert isinstance(sentence_of(caught.value.errors()[0]), Said)


def test_what_it_says_rarely_stays_its_own_words() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[list[int], Field(min_length=2)]).validate_python([1])
    assert sentence_of(caught.value.errors()[0]) == "list should have at least 2 items after validation, not 1"
