"""Where cards stand: each in a place of its own, after what it waits for, and together they are all jobs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol.commands import Submission
from arqboard.protocol.graph import Chain, Graph, Group, Part, Step, shape_of
from arqboard.protocol.shape import One, Parallel, Sequence, Shape
from arqboard_dashboard.assets import STATIC
from arqboard_dashboard.dag import CARD, CARD_HEIGHT, GAP, MAX_COLUMNS, MAX_ROWS, PAD, ROW, Numbers, draw

A, B, C, D = (One(name) for name in "abcd")


def many(count: int, member: Shape) -> Parallel:
    return Parallel(((count, member),))


def step(name: str) -> Step:
    return Step(Submission(function=name, queue="q", payload=b""))


def alike(member: Part, count: int) -> Group:
    return Group((member,) * count)


parts: st.SearchStrategy[Part] = st.recursive(
    st.sampled_from("abc").map(step),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Chain),
        st.lists(inner, max_size=3).map(tuple).map(Group),
        st.builds(alike, inner, st.integers(1, 6)),
    ),
    max_leaves=15,
)


@given(parts)
def test_the_cards_of_any_workflow_are_all_its_jobs_each_once(part: Part) -> None:
    graph, drawing = Graph.of(part), draw(shape_of(part))
    if drawing is None:
        return  # too many cards; the list has all jobs
    shown = {n: box.function for box in drawing.boxes for n in box.numbers}
    assert shown == {n: node.call.function for n, node in enumerate(graph.nodes) if node.call}
    assert sum(len(box.numbers) for box in drawing.boxes) == graph.total


@given(parts)
def test_no_card_lies_on_another_and_each_is_right_of_what_it_waits_for(part: Part) -> None:
    drawing = draw(shape_of(part))
    if drawing is None:
        return
    taken = [(box.column, row) for box in drawing.boxes for row in (box.row, box.row + 1)]
    assert len(taken) == len(set(taken))
    for n, box in enumerate(drawing.boxes):
        assert box.column < drawing.columns and box.row + 2 <= drawing.rows
        assert all(drawing.boxes[b].column < box.column and b < n for b in box.before)


@given(parts)
def test_a_card_waits_for_those_that_its_jobs_wait_for(part: Part) -> None:
    graph, drawing = Graph.of(part), draw(shape_of(part))
    if drawing is None:
        return
    card = {n: at for at, box in enumerate(drawing.boxes) for n in box.numbers}

    def jobs_before(n: int | None) -> set[int]:
        if n is None:
            return set()
        node = graph.nodes[n]
        if node.call:
            return {card[n]}
        behind = {at for member in node.members for at in jobs_before(member)}
        return behind or jobs_before(node.before)

    for n, node in enumerate(graph.nodes):
        if node.call:
            assert jobs_before(node.before) - set(drawing.boxes[card[n]].before) <= set(range(card[n]))


def test_a_chord_is_three_columns_and_its_members_are_one_card() -> None:
    drawing = draw(Sequence((A, many(48, B), C)))
    assert drawing
    assert [(b.function, b.column, b.row, len(b.numbers), b.before) for b in drawing.boxes] == [
        ("a", 0, 0, 1, ()), ("b", 1, 0, 48, (0,)), ("c", 2, 0, 1, (1,)),
    ]  # fmt: skip
    assert (drawing.width, drawing.height) == (2 * PAD + 3 * CARD + 2 * GAP, 2 * PAD + CARD_HEIGHT)


def test_up_to_three_equal_members_have_a_card_each() -> None:
    assert [len(b.numbers) for b in draw(many(3, A)).boxes] == [1, 1, 1]  # type: ignore[union-attr]
    assert [len(b.numbers) for b in draw(many(4, A)).boxes] == [4]  # type: ignore[union-attr]


def test_members_of_two_kinds_that_alternate_are_two_cards() -> None:
    drawing = draw(Parallel(tuple((1, one) for _ in range(500) for one in (A, B))))
    assert drawing and [b.numbers.ranges for b in drawing.boxes] == [(range(1, 1000, 2),), (range(2, 1001, 2),)]


def test_groups_within_many_members_take_few_ranges() -> None:
    drawing = draw(many(300, many(300, A)))
    assert drawing and len(drawing.boxes) == 1
    assert len(drawing.boxes[0].numbers) == 90_000 and len(drawing.boxes[0].numbers.ranges) == 300


def test_two_groups_in_a_row_meet_in_a_point() -> None:
    two = Parallel(((1, A), (1, B), (1, C)))
    drawing = draw(Sequence((two, two)))
    assert drawing and len(drawing.edges) == 6  # and not nine


def test_a_group_without_members_is_passed_by() -> None:
    drawing = draw(Sequence((A, Parallel(()), B)))
    assert drawing and drawing.boxes[1].before == (0,)
    empty = draw(Parallel(()))
    assert empty and empty.boxes == ()


@pytest.mark.parametrize(
    "shape",
    [Sequence((A,) * (MAX_COLUMNS + 1)), Parallel(tuple((1, One(f"f{n}")) for n in range(101))),
     Sequence((Parallel(((1, A), (1, B), (1, C))),) * 40)],
)  # fmt: skip
def test_too_many_cards_are_no_picture(shape: Shape) -> None:
    assert draw(shape) is None


def test_marks_are_picked_by_number() -> None:
    assert Numbers((range(1, 6, 2), range(9, 10))).picked(b"0123456789") == b"1359"
    assert Numbers((range(8, 20),)).picked(b"0123456789") == b"89"  # a record that is too short


def test_the_style_sheet_has_a_place_for_every_card() -> None:
    css = (STATIC / "workflows.css").read_text()
    assert {int(n) for n in re.findall(r"\.k(\d+)\{grid-column:\1\}", css)} == set(range(1, MAX_COLUMNS + 1))
    assert {int(n) for n in re.findall(r"\.r(\d+)\{grid-row:\1/span 2\}", css)} == set(range(1, MAX_ROWS + 1))
    grid = re.search(
        r"\.dag\{[^}]*auto-columns:(\d+)px;[^}]*rows:(\d+)px;column-gap:(\d+)px;row-gap:(\d+)px;padding:(\d+)px", css
    )
    assert grid
    card, half, gap, row_gap, pad = map(int, grid.groups())
    assert (card, gap, pad, half + row_gap, 2 * half + row_gap) == (CARD, GAP, PAD, ROW, CARD_HEIGHT)
