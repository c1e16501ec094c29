"""The shape of a workflow: brief, and true to the numbers that its graph gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step, shape_of
from arqboard.protocol.shape import MAX_TEXT, One, Parallel, Sequence, Shape, functions_in, read_shape, written


def step(name: str) -> Step:
    return Step(Submission(function=name, queue="q", payload=b""))


names = st.sampled_from("abc")
parts: st.SearchStrategy[Part] = st.recursive(
    names.map(step),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Chain), st.lists(inner, max_size=5).map(tuple).map(Group)
    ),
    max_leaves=20,
)


def numbered(shape: Shape, first: int) -> list[tuple[int, str]]:
    """Every job's number and function, as the shape has them."""
    match shape:
        case One(function):
            return [(first, function)]
        case Sequence(inner):
            members = list(inner)
        case Parallel(runs):
            members, first = [member for count, member in runs for _ in range(count)], first + 1
    found = list[tuple[int, str]]()
    for member in members:
        found += numbered(member, first)
        first += member.size
    return found


@given(parts)
def test_it_has_the_numbers_of_the_graph(part: Part) -> None:
    graph, shape = Graph.of(part), shape_of(part)
    jobs = [(n, node.call.function) for n, node in enumerate(graph.nodes) if node.call]
    assert numbered(shape, 0) == jobs
    assert shape.size == len(graph.nodes)


@given(parts)
def test_it_is_read_as_it_was_written(part: Part) -> None:
    shape = shape_of(part)
    assert read_shape(written(shape)) == shape
    assert set(functions_in(shape)) == {function for _, function in numbered(shape, 0)}


def test_ten_thousand_equal_members_are_one_entry() -> None:
    part = Chain((Group((Chain((step("a"), step("b"))),) * 10_000), step("c")))
    assert Graph.of(part).shape == '{"chain":[{"group":[[10000,{"chain":["a","b"]}]]},"c"]}'


def test_what_would_be_too_long_is_not_kept() -> None:
    assert written(Parallel(tuple((1, One(f"function {n}")) for n in range(MAX_TEXT // 10)))) == ""


@pytest.mark.parametrize(
    "text",
    ["", "{", "7", "null", "[]", '{"chain":[]}', '{"chain":"ab"}', '{"group":[["a","a"]]}', '{"group":[[0,"a"]]}',
     '{"group":[[true,"a"]]}', '{"group":[[100001,"a"]]}', '{"group":[[60000,"a"],[60000,"a"]]}', '{"other":1}',
     '{"chain":[' * 150 + '"a"' + "]}" * 150, "[" * 100_000, '"' + "a" * MAX_TEXT + '"'],
)  # fmt: skip
def test_what_is_no_shape_of_a_graph_is_none(text: str) -> None:
    assert read_shape(text) is None


async def test_it_is_kept_with_the_workflow(commands: Commands, redis: Any) -> None:
    workflow_id = (await commands.begin(Graph.of(Chain((step("a"), step("b")))))).job_id
    assert await redis.hget(commands.keys.workflow(workflow_id), "shape") == b'{"chain":["a","b"]}'
