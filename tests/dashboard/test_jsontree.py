"""JSON values as trees: what is open, what is exact, what is bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arqboard_dashboard.jsontree import MAX_NODES, Node, json_text, json_tree


def size(node: Node) -> int:
    return 1 + sum(size(child) for child in node.children)


def test_a_value_becomes_nodes_with_their_names() -> None:
    tree = json_tree({"id": 7, "tags": ["a", True, None]})

    number, tags = tree.children
    assert (tree.kind, tree.count, tree.is_open) == ("object", 2, True)
    assert (number.key, number.kind, number.text) == ("id", "number", "7")
    assert [(child.key, child.kind, child.text) for child in tags.children] == [
        (None, "string", '"a"'), (None, "word", "true"), (None, "word", "null"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["12345678901234567890123", "0.1", "-7", "1e+22"])
def test_numbers_are_exact(number: str) -> None:
    value = json.loads(f"[{number}]")
    assert json_tree(value).children[0].text == number
    assert number in json_text(value)


def test_what_is_long_or_deep_is_closed_at_first() -> None:
    tree = json_tree({"long": list(range(50)), "short": {"deep": {"deeper": 1}}})
    long, short = tree.children
    assert not long.is_open and short.is_open and not short.children[0].is_open


def test_a_huge_value_is_cut_and_says_so() -> None:
    tree = json_tree([[n] * 50 for n in range(1_000)])
    assert size(tree) <= MAX_NODES * 2
    assert "more are not shown" in tree.children[-1].text


def test_nesting_has_an_end() -> None:
    value: Any = 1
    for _ in range(200):
        value = [value]
    node = json_tree(value)
    while node.children:
        node = node.children[0]
    assert node.text == "nested too deeply to be shown"


def test_a_long_text_is_cut() -> None:
    assert "more characters" in json_tree("x" * 10_000).text
