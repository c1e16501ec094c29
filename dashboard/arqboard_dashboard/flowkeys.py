"""What the addresses and live keys of workflows' pages say, parsed once. Mistakes are named after the parameter."""

from __future__ import annotations

from urllib.parse import parse_qsl

from multidict import MultiDict, MultiMapping

from arqboard.protocol.flowlists import FlowQuery
from arqboard.protocol.workflows import FlowState

from .dag import Drawing
from .errors import BadInput
from .guard import text_of
from .language import gettext
from .parameters import MAX_LIMIT, MAX_NAME, bad_parameter, choice_of, not_among, number_of
from .workflow_views import ZOOMS, Members, Only, Show

#: Longest id of a workflow that is looked up: its live keys have to fit into what a page can watch.
MAX_ID = 400
#: The picture is zoomed out to about this many px, where nobody said how far, but not so far that it can't be read.
USUAL_WIDTH, LEAST_ZOOM = 1150, 80


def members_of(query: MultiMapping[str]) -> Members | None:
    """Which jobs are to be listed; None where none are. Raises BadInput."""
    opened = text_of(query, "open")
    only, start = choice_of(query, "only", Only), number_of(query, "start")
    if opened is None:
        return Members(None, only, start) if only else None
    if opened == "all":
        return Members(None, only, start)
    if not opened.isascii() or not opened.isdigit() or len(opened) > 6:
        wrong = gettext('"%(text)s" is not the number of a step; give one, or "all"') % {"text": opened[:60]}
        raise bad_parameter("open", wrong)
    return Members(int(opened), only, start)


def show_of(query: MultiMapping[str]) -> Show:
    return choice_of(query, "show", Show) or Show.BOTH


def zoom_of(query: MultiMapping[str], drawing: Drawing | None) -> int:
    """In percent; where nothing or "fit" is said, what fits onto a usual screen."""
    text = text_of(query, "zoom")
    if text in (None, "fit"):
        return _fitting(drawing.width if drawing else 0, LEAST_ZOOM if text is None else min(ZOOMS))
    if text not in {str(zoom) for zoom in ZOOMS}:
        raise bad_parameter("zoom", not_among(text, "zoom", ("fit", *ZOOMS)))
    return int(text)


def _fitting(width: int, least: int) -> int:
    return next((zoom for zoom in ZOOMS if width * zoom <= USUAL_WIDTH * 100 or zoom <= least), least)


# Live keys


def parse_flow_query(text: str) -> FlowQuery:
    """The query whose filters were written by `flow_query_string`. Raises ValueError for anything else."""
    pairs = dict(parse_qsl(text, strict_parsing=True, max_num_fields=3, errors="strict")) if text else {}
    if not pairs.keys() <= {"limit", "name", "state"} or len(pairs.get("name", "")) > MAX_NAME:
        raise ValueError("there is no such filter")
    state = FlowState(pairs["state"]) if "state" in pairs else None
    return FlowQuery(state, pairs.get("name", ""), min(MAX_LIMIT, max(1, int(pairs.get("limit", FlowQuery().limit)))))


def check_id(name: str) -> None:
    """Raises ValueError for what is no id of a workflow."""
    if not 0 < len(name) <= MAX_ID:
        raise ValueError("no workflow has such an id")


def parse_step(name: str) -> tuple[str, int]:
    """`<workflow>/<number>`. Raises ValueError."""
    flow, _, number = name.rpartition("/")
    check_id(flow)
    if not number.isascii() or not number.isdigit() or len(number) > 6:
        raise ValueError("a step has a number")
    return flow, int(number)


def parse_members(name: str) -> tuple[str, Members]:
    """`<workflow>/<query>`, the query as `Members.query` writes it. Raises ValueError."""
    flow, _, text = name.rpartition("/")
    check_id(flow)
    try:
        chosen = members_of(MultiDict(parse_qsl(text, strict_parsing=True, max_num_fields=3)))
    except BadInput as error:
        raise ValueError(str(error)) from None
    if chosen is None or chosen.query() != text:
        raise ValueError("there are no such jobs")
    return flow, chosen
