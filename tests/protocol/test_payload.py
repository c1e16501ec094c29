"""Previews are safe to store and to show, whatever the value is; payloads are what arq's workers load."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime
from typing import Any

import pytest
from arq.jobs import deserialize_job
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol.payload import MAX_PREVIEW, REDACTED, encode_call, preview, preview_call


def test_a_stock_worker_reads_our_payload() -> None:
    job = deserialize_job(encode_call("add", [1], {"b": 2}))
    assert (job.function, job.args, job.kwargs) == ("add", (1,), {"b": 2})


def test_a_fleet_with_its_own_serializer_gets_json() -> None:
    assert json.loads(encode_call("add", [1], {}, serializer="custom"))["f"] == "add"


@pytest.mark.parametrize("name", ["password", "api_key", "Authorization", "client_secret", "access_token", "token"])
def test_secrets_are_redacted_by_name(name: str) -> None:
    assert json.loads(preview({name: "x", "plain": {name: "y"}})) == {name: REDACTED, "plain": {name: REDACTED}}


def test_positional_secrets_are_redacted_by_their_parameters_name() -> None:
    args, _ = preview_call(["anna", "hunter2", 3], {}, ["user", "password"])
    assert json.loads(args) == ["anna", REDACTED, 3]


def test_words_that_only_look_secret_stay() -> None:
    assert json.loads(preview({"max_tokens": 5, "spinner": 1})) == {"max_tokens": 5, "spinner": 1}


def test_what_json_lacks_is_shown_as_inert_text() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    assert json.loads(preview([date(2026, 2, 1), datetime(2026, 2, 1, tzinfo=UTC)])) == [
        "2026-02-01", "2026-02-01T00:00:00+00:00",
    ]  # fmt: skip
    shown = json.loads(
        preview([b"bytes", {1, 2}, float("nan"), 10**30, -(2**63), 10**100, "\ud800", Odd(), {3: "key"}])
    )
    assert shown == [
        "b'bytes'",
        [1, 2],
        "nan",
        10**30,
        -(2**63),
        str(10**100),
        "?",
        "<Odd: its repr raised RuntimeError>",
        {"3": "key"},
    ]


def test_long_and_deep_values_are_cut_and_say_so() -> None:
    assert "more characters" in preview("x" * 100_000)
    assert "… 9800 more" in preview(list(range(10_000)))
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    assert "…" in preview(deep)
    assert len(preview([["y" * 1900] * 150])) <= MAX_PREVIEW * 2


def test_a_call_is_always_a_list_and_an_object() -> None:
    args, kwargs = preview_call(["z" * 2000] * 50, {str(n): "z" * 2000 for n in range(50)})
    assert isinstance(json.loads(args), list)
    assert isinstance(json.loads(kwargs), dict)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(values)
def test_any_value_has_a_preview_that_is_json_and_utf8(value: Any) -> None:
    text = preview(value)
    json.loads(text, parse_constant=pytest.fail)
    text.encode("utf-8")


@given(st.lists(values, max_size=3))
def test_any_plain_call_survives_the_way_to_the_worker(args: list[Any]) -> None:
    assert repr(pickle.loads(encode_call("f", args, {}))["a"]) == repr(tuple(args))
