"""Serializers without pickles: what they carry, what they refuse, and stock arq clients that use them."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import datetime as dt
import ipaddress
import json
import pickle
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import DeserializationError, Job, JobResult, SerializationError, serialize_job, serialize_result
from arq.worker import JobExecutionFailed, Retry, RetryJob
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, HttpUrl, SecretStr
from waiting import eventually

from arqboard.calls import read_call
from arqboard.chunking import ChunkError
from arqboard.limits import HardTimeLimit, SoftTimeLimit
from arqboard.protocol.errors import BadArguments, JobNotFound
from arqboard.protocol.payload import encode_call
from arqboard.remote import known_errors
from arqboard.serializers import (
    Deserializer,
    RemoteError,
    Serializer,
    json_deserializer,
    json_serializer,
    msgpack_deserializer,
    msgpack_serializer,
)
from arqboard.tag_reader import MAX_DEPTH
from arqboard.validation import CallChecker

from .conftest import StartWorker

Pair = tuple[Serializer, Deserializer]
JSON: Pair = (json_serializer, json_deserializer)
MSGPACK: Pair = (msgpack_serializer, msgpack_deserializer)

both = pytest.mark.parametrize("pair", [JSON, MSGPACK], ids=["json", "msgpack"])


def carried(pair: Pair, value: Any) -> Any:
    """The value as it comes back when it is an argument."""
    write, read = pair
    return read(write({"a": (value,)}))["a"][0]


# What is carried


@both
def test_a_call_comes_back_as_it_was(pair: Pair) -> None:
    write, read = pair
    call = {"t": None, "f": "send", "a": (1, "x", None), "k": {"when": dt.date(2026, 3, 1)}, "et": 1_795_332_970_539}

    assert read(write(call)) == call


BERLIN = ZoneInfo("Europe/Berlin")
EXACT: list[Any] = [
    None, True, 0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 0.1, -0.0, float("inf"), float("-inf"),
    "", "ü€😀", "\ud800\udc00", "\ud800",
    b"", b"\x00\xff", bytearray(b"\xff"), [], [1, [2]], (), (1, (2,)), {}, set(), {1, 2}, frozenset({"a"}), {(1, 2)},
    {1: "a", None: "b", 2.5: "c", (1, dt.date(2026, 1, 1)): "d", b"k": "e"},
    dt.datetime(2026, 3, 1, 12, 30, 0, 1), dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime.max, dt.datetime.min,
    dt.datetime(2026, 3, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30, seconds=-5))),
    dt.date(1, 1, 1), dt.time(23, 59, 59, 999_999), dt.time(1, tzinfo=dt.UTC),
    dt.timedelta.max, dt.timedelta.min, dt.timedelta(microseconds=-1),
    Decimal("1.10"), Decimal("-0"), Decimal("1E+400"), Decimal("Infinity"), UUID(int=2**128 - 1), Path("/a/../ü"),
]  # fmt: skip


@both
@pytest.mark.parametrize("value", EXACT, ids=lambda value: repr(value)[:30])
def test_a_value_comes_back_exactly(pair: Pair, value: Any) -> None:
    back = carried(pair, value)

    assert back == value and type(back) is type(value)
    assert str(back) == str(value) if isinstance(value, float | Decimal) else True


@both
def test_what_is_not_a_number_comes_back_as_such(pair: Pair) -> None:
    back = carried(pair, float("nan"))
    assert type(back) is float and back != back


@both
def test_a_time_keeps_its_zone_and_which_of_two_hours_it_is(pair: Pair) -> None:
    second = dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    skipped = dt.datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)

    back = carried(pair, second)
    assert back.tzinfo is BERLIN and back.fold == 1 and back.utcoffset() == dt.timedelta(hours=1)
    assert carried(pair, skipped).isoformat() == skipped.isoformat() and carried(pair, skipped).hour == 2
    assert carried(pair, dt.time(2, tzinfo=BERLIN)).tzinfo is BERLIN


@both
def test_a_zone_that_is_unknown_here_becomes_its_offset(pair: Pair) -> None:
    write, read = pair
    data = write({"a": dt.datetime(2026, 3, 1, tzinfo=BERLIN)}).replace(b"Europe/Berlin", b"Europe/Nowher")

    assert read(data)["a"] == dt.datetime(2026, 3, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@both
@pytest.mark.parametrize(
    "value", [{"$": "date", "v": "2026-03-01"}, {"$": 1}, {"$": 1, "v": {"$": None}}, {"v": 1}, {"a": {"$": "int"}}]
)
def test_a_dict_that_looks_like_a_tag_is_a_dict(pair: Pair, value: Any) -> None:
    write, read = pair
    assert carried(pair, value) == value
    assert read(write(value)) == value


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Kind(StrEnum):
    A = "a"


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Address:
    street: str
    since: dt.date


@dataclass
class User:
    name: str
    home: Address
    tags: set[str] = field(default_factory=set[str])


class Order(BaseModel):
    number: int = Field(validation_alias="orderNumber", serialization_alias="order_number")
    placed: dt.datetime
    user: User
    page: HttpUrl
    secret: SecretStr


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


USER = User("Ann", Address("Mill Lane", dt.date(2020, 2, 2)), {"a"})


@both
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, "red"),
        (Size.BIG, 3),
        ({Kind.A: 1}, {"a": 1}),
        (Point(1, 2), (1, 2)),
        (USER, {"name": "Ann", "home": {"street": "Mill Lane", "since": dt.date(2020, 2, 2)}, "tags": {"a"}}),
        (deque([1, 2]), [1, 2]),
        (Text("as it is"), "as it is"),
        (ipaddress.ip_address("::1"), "::1"),
        (SecretStr("s3cret"), "s3cret"),
        ({Address("a", dt.date(2020, 2, 2))}, [{"street": "a", "since": dt.date(2020, 2, 2)}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_need_a_class_comes_back_plain(pair: Pair, value: Any, plain: Any) -> None:
    back = carried(pair, value)
    assert back == plain and type(back) is type(plain)


@both
def test_hints_make_models_dataclasses_and_enums_of_it_again(pair: Pair) -> None:
    async def ship(ctx: Any, order: Order, users: set[Address], colour: Colour, at: Point) -> None: ...

    at = dt.datetime(2026, 1, 1, tzinfo=BERLIN)
    order = Order.model_validate(
        {"orderNumber": 7, "placed": at, "user": USER, "page": "https://example.org/", "secret": "x"}
    )
    args = (order, {USER.home}, Colour.RED, Point(1, 2))
    back = tuple(carried(pair, list(args)))

    assert back != args
    assert CallChecker(ship).check(back, {})[0] == args


@both
def test_a_number_has_as_many_digits_as_it_likes(pair: Pair) -> None:
    """Python refuses to write more than 4,300 of them in decimals."""
    assert carried(pair, 10**5000) == 10**5000


# Everything else by chance

keys = st.one_of(
    st.text(max_size=5), st.just("$"), st.integers(), st.booleans(), st.none(), st.binary(max_size=4), st.dates()
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.binary(max_size=20), st.dates(),
    st.text(st.characters(exclude_categories=()), max_size=20), st.times(), st.timedeltas(), st.uuids(),
    st.decimals(allow_nan=False), st.datetimes(timezones=st.none() | st.timezones()),
    st.sets(keys), st.frozensets(keys),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=15,
)


def typed(value: Any) -> Any:
    """With the type of everything beside it: 1, 1.0 and True are equal."""
    match value:
        case dict():
            return [(typed(key), typed(inner)) for key, inner in value.items()]
        case list() | tuple():
            return type(value), [typed(inner) for inner in value]
        case set() | frozenset():
            return type(value), {(type(inner), inner) for inner in value}
        case dt.datetime() | dt.time():
            return type(value), value.replace(tzinfo=None), value.fold, str(value.tzinfo), value.utcoffset()
        case _:
            return type(value), value


@both
@settings(max_examples=150, deadline=None)
@given(value=values)
def test_any_value_comes_back(pair: Pair, value: Any) -> None:
    assert typed(carried(pair, value)) == typed(value)


# What is refused


class Unknown:
    pass


@both
@pytest.mark.parametrize(
    "value", [object(), Unknown(), iter([1]), Unknown, memoryview(b"a"), {Address("a", dt.date.max): 1}]
)
def test_what_cannot_come_back_is_refused_with_its_type(pair: Pair, value: Any) -> None:
    with pytest.raises(TypeError, match=r"can't be (stored|a key)"):
        carried(pair, value)


@both
def test_a_refusal_names_the_type(pair: Pair) -> None:
    with pytest.raises(TypeError, match=r"test_serializers\.Unknown can't be stored; use plain values"):
        carried(pair, {"deep": [Unknown()]})


def within(seconds: float, work: Callable[[], Any]) -> None:
    """Of the processor's time: what others do on this machine is not counted."""
    started = time.process_time()
    work()
    assert time.process_time() - started < seconds


@both
def test_a_cycle_ends(pair: Pair) -> None:
    endless: list[Any] = []
    endless += [endless, endless]

    def write() -> None:
        with pytest.raises(ValueError, match="nested more than"):
            carried(pair, endless)

    within(5, write)


@both
def test_a_few_objects_that_stand_for_billions_are_refused(pair: Pair) -> None:
    laughs: list[Any] = ["ha"] * 1_000
    for _ in range(20):
        laughs = [laughs] * 100

    def write() -> None:
        with pytest.raises(ValueError, match="too many values"):
            carried(pair, laughs)

    within(60, write)


@both
def test_what_can_be_written_can_be_read(pair: Pair) -> None:
    """Both ends count levels alike, so a job that was queued is not found unreadable."""
    deep: Any = "end"
    for n in range(MAX_DEPTH - 2):
        deep = [deep] if n % 2 else {1: deep}

    assert carried(pair, deep) == deep
    with pytest.raises(ValueError, match="nested more than"):
        carried(pair, [deep])


@both
def test_too_long_a_call_is_refused_where_it_is_made(pair: Pair) -> None:
    with pytest.raises(ValueError, match="bytes long"):
        carried(pair, "x" * 33 * 1024 * 1024)


def test_without_msgpack_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from arqboard import serializers

    serializers._msgpack.cache_clear()
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ImportError, match=r'pip install "arqboard\[msgpack\]"'):
        msgpack_serializer({})
    with pytest.raises(ImportError, match=r'pip install "arqboard\[msgpack\]"'):
        msgpack_deserializer(b"\x80")


# Hostile bytes

FORMATS: dict[str, tuple[Callable[[Any], bytes], Deserializer]] = {
    "json": (lambda tree: json.dumps(tree).encode(), json_deserializer),
    "msgpack": (import_module("msgpack").packb, msgpack_deserializer),
}
in_both = pytest.mark.parametrize("form", FORMATS)

BAD_TREES: list[Any] = [
    [], "text", None, 7, {"$": 2, "v": {}}, {"$": 1}, {"$": 1, "v": 3},
    *({"$": 1, "v": {"a": tagged}} for tagged in (
        {"$": "no such tag", "v": 1}, {"$": [], "v": 1}, {"$": None}, {"$": "date"}, {"$": "date", "v": 5},
        {"$": "date", "v": "2026-13-01"}, {"$": "datetime", "v": []}, {"$": "datetime", "v": "2026-01-01", "fold": 7},
        {"$": "datetime", "v": "2026-01-01", "zone": ["x"]}, {"$": "time", "v": "25:00"},
        {"$": "timedelta", "v": [10**12]},
        {"$": "timedelta", "v": [1, 2, 3, 4, 5, 6, 7, 8]}, {"$": "decimal", "v": "1..2"}, {"$": "uuid", "v": "x"},
        {"$": "int", "v": "12x"}, {"$": "int", "v": None}, {"$": "float", "v": "much"}, {"$": "bytes", "v": "*"},
        {"$": "bytearray", "v": 10**9}, {"$": "bytearray", "v": "text"}, {"$": "tuple", "v": 3},
        {"$": "set", "v": "abc"},
        {"$": "dict", "v": [1]}, {"$": "dict", "v": {"a": 1}}, {"$": "dict", "v": [[[], 1]]},
        {"$": "dict", "v": [[1, 2, 3]]},
        {"$": "path", "v": 1}, {"$": "error"}, {"$": "error", "type": 1, "module": "m", "message": "", "traceback": "",
                                                "args": None, "state": None},
    )),
]  # fmt: skip


@in_both
@pytest.mark.parametrize("tree", BAD_TREES, ids=lambda tree: json.dumps(tree)[:60])
def test_what_nobody_would_write_is_one_clear_error(form: str, tree: Any) -> None:
    write, read = FORMATS[form]

    with pytest.raises(DeserializationError, match="not a call or result"):
        read(write(tree))


@both
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_dict_or_one_error(pair: Pair, data: bytes) -> None:
    with contextlib.suppress(DeserializationError):
        assert isinstance(pair[1](data), dict)


trees = st.recursive(
    st.none() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$", "v", "a", "args", "state", "zone", "fold"]), inner, max_size=4)
        | st.builds(
            lambda tag, v: {"$": tag, "v": v}, st.sampled_from(["int", "dict", "set", "timedelta", "error"]), inner
        )
    ),
    max_leaves=12,
)


@in_both
@settings(max_examples=200, deadline=None)
@given(tree=trees)
def test_any_tags_are_a_dict_or_one_error(form: str, tree: Any) -> None:
    write, read = FORMATS[form]
    with contextlib.suppress(DeserializationError):
        assert isinstance(read(write({"$": 1, "v": {"a": tree}})), dict)


DEEP = 200_000


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (json_deserializer, b"[" * DEEP),
        (json_deserializer, b'{"a":' * DEEP),
        (json_deserializer, b'{"$":1,"v":' * 150 + b"1" + b"}" * 150),
        (json_deserializer, b'{"$":1,"v":{"a":' + b"[" * 500 + b"]" * 500 + b"}}"),
        (json_deserializer, b'{"a":' + b"9" * 1_000_000 + b"}"),
        (json_deserializer, b'{"a":NaN}'),
        (json_deserializer, b'{"a":"\xff"}'),
        (json_deserializer, b'{"a":1}'.decode().encode("utf-16")),
        (json_deserializer, b'{"a":"' + b"x" * 33 * 1024 * 1024 + b'"}'),
        (msgpack_deserializer, b"\x91" * DEEP),
        (msgpack_deserializer, b"\x81\xa1a" * DEEP),
        (msgpack_deserializer, b"\xdd\xff\xff\xff\xff"),
        (msgpack_deserializer, b"\xdf\xff\xff\xff\xff"),
        (msgpack_deserializer, b"\xc6\xff\xff\xff\xff"),
        (msgpack_deserializer, b"\xc7\x01\xff\x00"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else value.__name__,
)
def test_bombs_are_refused_at_once(read: Deserializer, data: bytes) -> None:
    def decode() -> None:
        with pytest.raises(DeserializationError):
            read(data)

    within(5, decode)


@in_both
@pytest.mark.parametrize("tag", ["set", "frozenset", "dict"])
def test_numbers_that_are_made_to_collide_are_refused(form: str, tag: str) -> None:
    """Multiples of this one have the same hash, and a set of n of them takes n² steps to build."""
    write, read = FORMATS[form]
    items = [{"$": "int", "v": hex(n * sys.hash_info.modulus)} for n in range(20_000)]
    data = write({"$": 1, "v": {"a": {"$": tag, "v": [[item, 0] for item in items] if tag == "dict" else items}}})

    def decode() -> None:
        with pytest.raises(DeserializationError, match="collide"):
            read(data)

    within(5, decode)


@both
def test_a_large_set_of_honest_numbers_is_carried(pair: Pair) -> None:
    honest = set(range(-20_000, 20_000)) | {float(n) + 0.5 for n in range(10_000)}
    assert carried(pair, honest) == honest


# Plain JSON and msgpack


@in_both
def test_calls_that_another_serializer_wrote_are_read(form: str) -> None:
    """Those that were queued before the serializer was changed."""
    write, read = FORMATS[form]
    call: dict[str, Any] = {"t": None, "f": "add", "a": [1, {"x": {"$": "date", "v": "2026-01-01"}}], "k": {}, "et": 1}

    assert read(write(call)) == call


@both
def test_a_worker_reads_what_the_dashboard_writes(pair: Pair) -> None:
    """The dashboard knows no serializer but JSON; a tag in what a person typed is no tag."""
    typed_in = {"$": "path", "v": "/etc/passwd"}
    payload = encode_call("read", [typed_in], {"on": "2026-03-01"}, serializer="custom")

    call = read_call(payload, pair[1])
    assert (call.function, call.args, call.kwargs) == ("read", (typed_in,), {"on": "2026-03-01"})


@both
def test_hints_turn_what_the_dashboard_wrote_into_dates(pair: Pair) -> None:
    async def read(ctx: Any, on: dt.date, at: dt.datetime, id: UUID) -> None: ...

    id_ = uuid4()
    payload = encode_call(
        "read", ["2026-03-01"], {"at": "2026-03-01T12:00:00+01:00", "id": str(id_)}, serializer="custom"
    )
    call = read_call(payload, pair[1])

    assert CallChecker(read).check(call.args, call.kwargs) == (
        (dt.date(2026, 3, 1),),
        {"at": dt.datetime(2026, 3, 1, 11, tzinfo=dt.UTC), "id": id_},
    )


# Exceptions


def raised(error: BaseException) -> BaseException:
    """With a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def as_result(pair: Pair, error: BaseException) -> Any:
    """As a stock client reads the exception of a job."""
    blob = serialize_result("f", (), {}, 1, 1, False, error, 1, 2, "j:f", "arq:queue", "j", serializer=pair[0])
    assert blob
    return pair[1](blob)["r"]


def noted(error: Exception) -> Exception:
    error.add_note("what to do")
    return error


KNOWN: list[BaseException] = [
    ValueError("it broke"), ValueError(), ValueError("a", 1, dt.date(2026, 1, 1)), KeyError("key"), ZeroDivisionError(),
    TimeoutError(), TimeoutError("late"), asyncio.CancelledError(), asyncio.CancelledError("why"),
    FileNotFoundError(2, "No such file", "/tmp/x"), OSError("text"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad byte"), StopIteration(3),
    noted(RuntimeError("noted")), ExceptionGroup("two", [ValueError("a"), TypeError("b")]),
    JobExecutionFailed("max 5 retries exceeded"), Retry(defer=5), RetryJob("again"), SerializationError("no"),
    JobNotFound("j7"), BadArguments("send", {"list_id": "is required"}), ChunkError("no size"), HardTimeLimit.after(3),
    RemoteError("ApiError", "no", "Traceback …", "shop.errors"),
]  # fmt: skip


@both
@pytest.mark.parametrize("error", KNOWN, ids=lambda error: repr(error)[:40])
def test_exceptions_that_everybody_has_come_back_as_themselves(pair: Pair, error: BaseException) -> None:
    back = as_result(pair, raised(error))

    assert type(back) is type(error) and str(back) == str(error) and repr(back) == repr(error)
    assert vars(back) == vars(error)


class Outer:
    class ApiError(Exception):
        def __init__(self, status: int, *, url: str) -> None:
            super().__init__(f"{url} answered {status}")


class ValueError_(ValueError):  # noqa: N801 - any name will do
    pass


@both
def test_an_exception_of_the_users_comes_back_as_a_remote_error(pair: Pair) -> None:
    back = as_result(pair, raised(Outer.ApiError(503, url="/pay")))

    assert isinstance(back, RemoteError) and str(back) == "ApiError: /pay answered 503"
    assert (back.type, back.message, back.module) == ("ApiError", "/pay answered 503", __name__)
    assert "in raised" in back.traceback and "raise error" in back.traceback


@both
def test_a_subclass_is_not_taken_for_its_base(pair: Pair) -> None:
    assert str(as_result(pair, ValueError_("no"))) == "ValueError_: no"


@both
def test_the_workers_traceback_comes_with_the_exception(pair: Pair) -> None:
    back = as_result(pair, raised(ValueError("it broke")))

    assert isinstance(back.__cause__, RemoteError) and "raise error\nValueError: it broke" in back.__cause__.traceback


@both
def test_arguments_that_cannot_travel_leave_the_message(pair: Pair) -> None:
    back = as_result(pair, ValueError("no room for", Unknown))
    assert type(back) is ValueError and back.args == (f"('no room for', {Unknown!r})",)


@both
@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), SoftTimeLimit("too long"), BaseExceptionGroup("x", [SystemExit()])]
)
def test_what_would_end_or_cancel_the_reader_is_a_remote_error(pair: Pair, error: BaseException) -> None:
    """`Job.result()` raises it: in a web application a SystemExit ends the server, a cancellation the request."""
    assert isinstance(as_result(pair, error), RemoteError)


@both
def test_an_exception_with_hostile_code_still_ends_the_job(pair: Pair) -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert str(as_result(pair, Hostile())) == "Hostile: <its str() raised>"


@both
def test_an_exception_that_holds_itself_ends(pair: Pair) -> None:
    endless = ValueError("a")
    endless.args = (endless, endless)

    within(5, lambda: as_result(pair, endless))


@both
def test_exceptions_are_values_too(pair: Pair) -> None:
    """As `gather(return_exceptions=True)` returns them."""
    one, other = carried(pair, [ValueError("a"), Outer.ApiError(1, url="b")])
    assert repr(one) == "ValueError('a')" and type(other) is RemoteError


@in_both
@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("builtins", "SystemExit"), ("builtins", "object"),
     ("arqboard.remote", "known_errors"),
     ("arqboard.cli", "main"), ("", ""), ("__main__", "ValueError")],
)  # fmt: skip
def test_data_cannot_name_what_is_made_of_it(form: str, module: str, name: str) -> None:
    write, read = FORMATS[form]
    tagged = {
        "$": "error",
        "type": name,
        "module": module,
        "message": "touch /tmp/x",
        "traceback": "",
        "args": ["touch /tmp/x"],
        "state": {},
    }

    back = read(write({"$": 1, "v": {"r": tagged}}))["r"]
    assert type(back) is RemoteError and back.module == module


def test_nothing_is_imported_to_read_an_exception() -> None:
    data = json_serializer({"r": Outer.ApiError(1, url="x")}).replace(__name__.encode(), b"antigravity")
    assert json_deserializer(data)["r"].module == "antigravity" and "antigravity" not in sys.modules


def test_known_errors_are_exceptions_that_are_safe_to_raise() -> None:
    assert all(issubclass(error, Exception) or error is asyncio.CancelledError for error in known_errors().values())
    every = {v for v in vars(builtins).values() if isinstance(v, type) and issubclass(v, Exception)}
    assert every <= set(known_errors().values())


@pytest.mark.parametrize(
    "error", [BadArguments("f", {"a": "is required"}), JobNotFound("j"), RemoteError("A", "b", "tb", "m")]
)
def test_errors_of_ours_survive_a_pickle(error: Exception) -> None:
    """The default serializer: a result that can't be unpickled would hide why the job failed."""
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error) and vars(back) == vars(error)


# Stock clients with our worker


@pytest.fixture(params=[JSON, MSGPACK], ids=["json", "msgpack"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.param  # type: ignore[no-any-return] # what it is, is in the line above


@pytest.fixture
async def client(redis: object, redis_settings: RedisSettings, pair: Pair) -> AsyncIterator[ArqRedis]:
    """A stock pool, as a web application makes it for a fleet with this serializer."""
    stock = await create_pool(redis_settings, job_serializer=pair[0], job_deserializer=pair[1])
    yield stock
    await stock.aclose()


async def later(ctx: dict[str, Any], when: dt.datetime, by: dt.timedelta, price: Decimal) -> dict[str, Any]:
    return {"when": when + by, "price": price * 2, "kinds": {type(when).__name__, type(by).__name__}, "pair": (1, 2)}


async def break_(ctx: dict[str, Any], kind: str) -> None:
    raise {"ours": ValueError("it broke"), "theirs": Outer.ApiError(503, url="/pay")}[kind]


async def stay(ctx: dict[str, Any]) -> None:
    await asyncio.Event().wait()


async def no_result(ctx: dict[str, Any]) -> object:
    return object()


async def enqueue(client: ArqRedis, function: str, *args: Any, **kwargs: Any) -> Job:
    job = await client.enqueue_job(function, *args, **kwargs)
    assert job is not None
    return job


async def test_a_stock_client_gets_the_result(start: StartWorker, client: ArqRedis, pair: Pair) -> None:
    await start(later, job_serializer=pair[0], job_deserializer=pair[1])
    when = dt.datetime(2026, 3, 1, 12, tzinfo=BERLIN)
    job = await enqueue(client, "later", when, by=dt.timedelta(hours=1), price=Decimal("1.10"))

    result = await job.result(timeout=30, poll_delay=0.02)
    assert result == {
        "when": when + dt.timedelta(hours=1), "price": Decimal("2.20"), "kinds": {"datetime", "timedelta"},
        "pair": (1, 2),
    }  # fmt: skip
    info = await job.info()
    assert isinstance(info, JobResult) and info.args == (when,) and info.kwargs["price"] == Decimal("1.10")


async def test_a_stock_client_gets_the_exception(start: StartWorker, client: ArqRedis, pair: Pair) -> None:
    await start(break_, job_serializer=pair[0], job_deserializer=pair[1])
    ours, theirs = await enqueue(client, "break_", "ours"), await enqueue(client, "break_", kind="theirs")

    with pytest.raises(ValueError, match=r"^it broke$") as caught:
        await ours.result(timeout=30, poll_delay=0.02)
    assert "in break_" in str(getattr(caught.value.__cause__, "traceback", ""))
    with pytest.raises(RemoteError) as remote:
        await theirs.result(timeout=30, poll_delay=0.02)
    assert str(remote.value) == "ApiError: /pay answered 503"


async def test_a_stock_client_aborts(start: StartWorker, client: ArqRedis, pair: Pair) -> None:
    worker = await start(stay, job_serializer=pair[0], job_deserializer=pair[1], allow_abort_jobs=True)
    job = await enqueue(client, "stay")
    await eventually(lambda: job.job_id in worker.running)

    assert await job.abort(timeout=30, poll_delay=0.02) is True


async def test_what_the_dashboard_wrote_as_text_reaches_the_function_as_hinted(
    start: StartWorker, client: ArqRedis, pair: Pair
) -> None:
    await start(later, job_serializer=pair[0], job_deserializer=pair[1])
    call = {"when": "2026-03-01T12:00:00Z", "by": "PT1H", "price": "1.10"}
    await client.psetex("arq:job:form", 60_000, encode_call("later", [], call, serializer="custom"))
    await client.zadd("arq:queue", {"form": 1})

    result = await Job("form", client, _deserializer=pair[1]).result(timeout=30, poll_delay=0.02)
    assert (result["when"], result["price"]) == (dt.datetime(2026, 3, 1, 13, tzinfo=dt.UTC), Decimal("2.20"))


async def test_a_result_that_cannot_be_stored_says_so(start: StartWorker, client: ArqRedis, pair: Pair) -> None:
    await start(no_result, job_serializer=pair[0], job_deserializer=pair[1])

    with pytest.raises(SerializationError, match="unable to serialize result"):
        await (await enqueue(client, "no_result")).result(timeout=30, poll_delay=0.02)


async def test_a_call_that_cannot_be_stored_is_refused_where_it_is_made(client: ArqRedis) -> None:
    with pytest.raises(SerializationError) as caught:
        await client.enqueue_job("later", object())
    assert "can't be stored" in str(caught.value.__cause__)


async def test_a_stock_client_sees_all_results(start: StartWorker, client: ArqRedis, pair: Pair) -> None:
    await start(break_, job_serializer=pair[0], job_deserializer=pair[1])
    job = await enqueue(client, "break_", "theirs")
    await eventually(job.result_info)

    [result] = await client.all_job_results()
    assert result.job_id == job.job_id and isinstance(result.result, RemoteError)


UNREADABLE = {
    "a pickle": serialize_job("later", (), {}, None, 1),  # a stock client with the default serializer, by mistake
    "no JSON": b"{",
    "another version": b'{"$":2,"v":{}}',
    "a field too few": b'{"f":"later","a":[],"k":{},"t":null}',
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_an_unreadable_payload_fails_its_own_job_only(
    start: StartWorker, client: ArqRedis, pair: Pair, what: str
) -> None:
    await start(later, job_serializer=pair[0], job_deserializer=pair[1])
    await client.psetex("arq:job:bad", 60_000, UNREADABLE[what])
    await client.zadd("arq:queue", {"bad": 1})

    good = await enqueue(client, "later", dt.datetime.now(dt.UTC), dt.timedelta(), Decimal(1))
    assert (await good.result(timeout=30, poll_delay=0.02))["price"] == 2
    info = await eventually(Job("bad", client, _deserializer=pair[1]).result_info)
    assert info is not None and isinstance(info.result, DeserializationError)
