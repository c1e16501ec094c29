"""What a page can watch, by name, and what it can't."""

from __future__ import annotations

import pytest

from arqboard.protocol import Query, State
from arqboard_dashboard.fragments import parse_key, parse_query
from arqboard_dashboard.links import query_string


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(state=State.FAILED),
        Query(function="mail & more", queue="arq:queue/ü=1", state=State.QUEUED, limit=20),
    ],
)
def test_a_list_is_known_by_its_filters(query: Query) -> None:
    assert parse_query(query_string(query)) == query
    assert parse_key("list:" + query_string(query)) == ("list", query_string(query))


@pytest.mark.parametrize(
    "key",
    [
        "", ":", "row", "row:", "kpis:1", "side:", "tabs", "list", "logs:1", "list:after=1~2",
        "list:state=lost", "list:state=queued&state=failed", "list:limit=x", "list:queue=%ff",
        "list:a=1&b=2&c=3&d=4&e=5", "row:\ud800", "row:" + "x" * 1000, "arqboard:job:1", "__proto__",
    ],
)  # fmt: skip
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError):
        parse_key(key)
