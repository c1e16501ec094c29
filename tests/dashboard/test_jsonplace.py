"""What is wrong with a JSON text, and where: for people who typed it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arqboard_dashboard.jsonplace import place_at, place_of
from arqboard_dashboard.strictjson import BadJson, parse

ORDER = '{\n  "id": 4,\n  "to": {"street": "A", "zip": 9},\n  "tags": [\n    "x",\n    7\n  ]\n}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n  "a": 1,\n}', "line 2, column 9: a comma with nothing after it"),
        ("[1,]", "line 1, column 3: a comma with nothing after it"),
        ("{'a': 1}", "line 1, column 2: JSON texts are in double quotes, not in single ones"),
        ("[\n  True]", "line 2, column 3: JSON writes true, not True"),
        ("[None]", "line 1, column 2: JSON writes null, not None"),
        ("[1 // one\n]", "line 1, column 4: JSON has no comments"),
        ('{"a": 1 "b": 2}', "line 1, column 9: a comma or a closing bracket is missing"),
        ('{"a" 1}', "line 1, column 6: a colon is missing after the name"),
        ("{a: 1}", "line 1, column 2: a name in double quotes is expected"),
        ('{"a": 1} 2', "line 1, column 10: there is something after the end of the value"),
        ('["a', "line 1, column 2: this text has no closing quote"),
        ('["a\nb"]', "line 1, column 4: a line break or a tab inside a text is written \\n or \\t"),
        ("[1", "line 1, column 3: the text ends here, and a comma or a closing bracket is missing"),
        ('["NaN",\n NaN]', "line 2, column 2: NaN is not a JSON number"),
        ('["", -Infinity]', "line 1, column 6: -Infinity is not a JSON number"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(text: str, said: str) -> None:
    with pytest.raises(BadJson) as refused:
        parse(text)

    assert str(refused.value) == said


def test_the_lines_around_the_place_are_shown_and_it_is_marked() -> None:
    place = place_at(ORDER, ORDER.index("9"))

    assert place.said == "line 3, column 32"
    assert [(line.number, line.mark) for line in place.lines] == [(2, None), (3, 31), (4, None)]
    assert place.lines[1].text[31] == "9"


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    text = json.dumps(["x" * 5000, 7])

    place = place_of(text, [1])

    assert place is not None
    assert place.column == len(text) - 1
    line = place.lines[0]
    assert len(line.text) <= 120
    assert line.mark is not None
    assert line.text[line.mark] == "7"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (["id"], "line 2, column 9"),
        (["to", "zip"], "line 3, column 32"),
        (["tags", 1], "line 6, column 5"),
        (["to", "missing"], "line 3, column 9"),  # the object that lacks it
        (["Order", "tags", 0, "str"], "line 5, column 5"),  # pydantic names branches of unions too
        ([], "line 1, column 1"),
    ],
)
def test_a_value_is_found_by_its_path(path: list[int | str], said: str) -> None:
    place = place_of(ORDER, path)

    assert place is not None
    assert place.said == said


def test_in_broken_json_nothing_is_found() -> None:
    assert place_of('{"a": [1, ', ["a", 7]) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]), st.data())
def test_every_value_of_any_document_is_found_where_it_begins(
    value: Any, indent: int | None, data: st.DataObject
) -> None:
    text, path, inner = json.dumps(value, indent=indent), [], value
    while isinstance(inner, (list, dict)) and inner:
        keys = list(range(len(inner))) if isinstance(inner, list) else list(inner)
        path.append(data.draw(st.sampled_from(keys)))
        inner = inner[path[-1]]

    place = place_of(text, path)

    assert place is not None
    offset = sum(len(line) + 1 for line in text.split("\n")[: place.line - 1]) + place.column - 1
    assert json.JSONDecoder().raw_decode(text, offset)[0] == inner
