"""The same call as code: it is real Python, a real request and a link that fills in the same form."""

from __future__ import annotations

import ast
import datetime as dt
import json
import shlex
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from board import EVERYTHING, FUNCTIONS, by_name
from hypothesis import given
from hypothesis import strategies as st

from arqboard.protocol import FunctionInfo
from arqboard_dashboard.calls import as_far_as_typed
from arqboard_dashboard.forms import fields_of, texts_of
from arqboard_dashboard.prefill import from_query
from arqboard_dashboard.snippets import as_curl, as_link, as_python, hidden_in, literal
from arqboard_dashboard.submission import Options

RESIZE = FUNCTIONS["resize"]


async def sign_in(ctx: dict[str, Any], user: str, password: str, settings: dict[str, Any] | None = None) -> None: ...


SIGN_IN = FunctionInfo.of("sign_in", sign_in)


def test_arqs_own_call_is_shown_where_arq_can_make_it() -> None:
    options = Options(queue="media", defer_by=60.0, job_id="one")

    code = as_python(RESIZE, [], {"folder": "/in"}, options)

    assert code == (
        'await pool.enqueue_job(\n    "resize",\n    folder="/in",\n    _queue_name="media",\n    _job_id="one",\n'
        "    _defer_by=60,\n)"
    )
    assert as_python(RESIZE, ["/in"], {}, Options()) == 'await pool.enqueue_job("resize", "/in")'


def test_what_arq_has_no_word_for_is_said_to_arqboard() -> None:
    code = as_python(RESIZE, [], {"folder": "/in"}, Options(priority=7, timeout=1.5))

    assert code == (
        'from arqboard import signature\n\ncall = signature("resize", folder="/in")\n'
        "await call.set(priority=7, timeout=1.5).submit()"
    )


def test_dates_bring_their_import() -> None:
    code = as_python(RESIZE, [], {"folder": "/", "since": dt.date(2026, 2, 1)}, Options())

    assert code.startswith("import datetime\n")
    assert "since=datetime.date(2026, 2, 1)" in code


def test_curl_sends_what_the_api_takes() -> None:
    kwargs = {"folder": "it's\nhere", "since": dt.date(2026, 2, 1)}

    words = shlex.split(as_curl("http://x/api/v1/jobs", RESIZE, [], kwargs, Options(priority=3), has_token=True))

    assert words[:4] == ["curl", "-X", "POST", "http://x/api/v1/jobs"]
    assert "Authorization: Bearer $ARQBOARD_TOKEN" in words
    assert json.loads(words[-1]) == {
        "function": "resize", "kwargs": {"folder": "it's\nhere", "since": "2026-02-01"}, "priority": 3,
    }  # fmt: skip


def test_secrets_are_in_none_of_them() -> None:
    kwargs = {"user": "ann", "password": "hunter2", "settings": {"deep": [{"api_key": "k-123"}], "n": 1}}
    texts = {"arg.user": "ann", "arg.password": "hunter2", "arg.settings": json.dumps(kwargs["settings"])}

    shown = [
        as_python(SIGN_IN, [], kwargs, Options()),
        as_python(SIGN_IN, ["ann", "hunter2"], {}, Options()),
        as_curl("u", SIGN_IN, [], kwargs, Options(), has_token=False),
        as_curl("u", SIGN_IN, ["ann", "hunter2"], {}, Options(), has_token=False),
        as_link("u", SIGN_IN, texts, {}),
        as_link("u", SIGN_IN, {**texts, "arg.settings": '{"api_key": "k-123", '}, {}),  # broken JSON as well
    ]

    assert [text for text in shown if "hunter2" in text or "k-123" in text] == []
    assert all("ann" in text for text in shown)
    assert hidden_in(kwargs) == ("password", "settings")


def test_a_link_fills_in_the_same_form() -> None:
    typed = {"arg.text": "a b&c=d", "arg.count": "3", "arg.items": "[7]", "arg.day": "2026-01-31", "arg.level": "max"}

    link = as_link(
        "http://x/jobs/new", EVERYTHING, typed, {"opt.queue": "media", "opt.job_id": "j", "opt.priority": ""}
    )

    query = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    prefill = from_query(EVERYTHING, query)
    assert query["fn"] == "everything"
    assert prefill.options == {"opt.queue": "media"}
    fields = by_name(fields_of(EVERYTHING, prefill=prefill))
    assert {name: fields[name].value for name in ("text", "count", "items", "day", "level", "flag")} == {
        "text": "a b&c=d", "count": "3", "items": "[7]", "day": "2026-01-31", "level": "max", "flag": "",
    }  # fmt: skip


def test_a_link_says_only_what_differs_and_is_none_at_all_where_it_is_too_long() -> None:
    texts = texts_of(fields_of(RESIZE))

    assert as_link("/new", RESIZE, {**texts, "arg.width": "900"}, {}) == "/new?fn=resize&arg.width=900"
    assert as_link("/new", RESIZE, {**texts, "arg.folder": "x" * 3000}, {}) == ""


def test_a_secret_is_not_taken_from_a_link() -> None:
    prefill = from_query(SIGN_IN, {"arg.user": "ann", "arg.password": "hunter2"})

    fields = by_name(fields_of(SIGN_IN, prefill=prefill))

    assert (fields["user"].value, fields["password"].value) == ("ann", "")
    assert "Enter it" in fields["password"].hint


def test_half_a_form_is_shown_as_far_as_it_goes() -> None:
    args, kwargs = as_far_as_typed(RESIZE, {"arg.width": "900", "arg.options": "{", "arg.sharpen": "on"})

    assert (args, kwargs) == ([], {"width": 900, "sharpen": True})


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_any_value_is_written_as_the_python_it_is(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value
