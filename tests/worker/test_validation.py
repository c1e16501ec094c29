"""Calls against type hints: what is converted, what is refused and in which words, what is left alone."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, TypeVar, Unpack
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, HttpUrl, field_validator
from typing_extensions import TypedDict

from arqboard.protocol.errors import BadArguments
from arqboard.validation import CallChecker

if TYPE_CHECKING:
    from somewhere import OnlyForCheckers  # type: ignore[import-not-found] # as people do; nothing is there at run time

Ctx = dict[str, Any]
T = TypeVar("T")


def check(
    function: Callable[..., Any], *args: Any, fed: bool = False, **kwargs: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return CallChecker.of(function).check(args, kwargs, fed=fed)


def problems(function: Callable[..., Any], *args: Any, fed: bool = False, **kwargs: Any) -> dict[str, str]:
    with pytest.raises(BadArguments) as refused:
        check(function, *args, fed=fed, **kwargs)
    return refused.value.problems


# What people write


async def send(ctx: Ctx, list_id: int, subject: str = "Hello", *, on: dt.date | None = None) -> None: ...


def test_a_call_that_fits_is_passed_as_it_was_given() -> None:
    assert check(send, 7) == ((7,), {})
    assert check(send, 7, "Hi", on=dt.date(2026, 3, 1)) == ((7, "Hi"), {"on": dt.date(2026, 3, 1)})
    assert check(send, subject="Hi", list_id=7) == ((), {"subject": "Hi", "list_id": 7})


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(BadArguments) as refused:
        check(send, "x", on="soon", subjct="Hi")

    assert str(refused.value) == (
        "The arguments don't fit send: subjct: no such parameter; did you mean subject?; list_id: input should be a"
        " valid integer, unable to parse string as an integer, got 'x' (str); on: input should be a valid date or"
        " datetime, input is too short, got 'soon' (str)"
    )


def test_a_missing_argument_is_named() -> None:
    assert problems(send) == {"list_id": "is required"}
    assert problems(send, subject="Hi") == {"list_id": "is required"}


def test_too_many_arguments_are_counted() -> None:
    assert problems(send, 7, "Hi", "there") == {"": "it takes at most 2 positional arguments, 3 were given"}


def test_an_argument_given_twice_is_named() -> None:
    assert problems(send, 7, list_id=8) == {"list_id": "given twice, by position and by name"}


def test_an_unknown_name_says_what_there_is() -> None:
    assert problems(send, 7, colour="red") == {"colour": "no such parameter; it takes list_id, subject, on"}


# What came as JSON becomes what the hint says


class Colour(Enum):
    RED = "red"


@dataclass
class Address:
    street: str
    since: dt.date


class Point(NamedTuple):
    x: int
    y: int


class Order(BaseModel):
    number: int = Field(alias="orderNumber")
    home: Address


class Options(TypedDict, total=False):
    size: int


ADDRESS = {"street": "Mill Lane", "since": "2020-02-02"}
HOME = Address("Mill Lane", dt.date(2020, 2, 2))


@pytest.mark.parametrize(
    ("hint", "given", "expected"),
    [
        (dt.date, "2026-03-01", dt.date(2026, 3, 1)),
        (dt.datetime, "2026-03-01T12:00:00Z", dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)),
        (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
        (UUID, "12345678123456781234567812345678", UUID("12345678123456781234567812345678")),
        (Decimal, "1.10", Decimal("1.10")),
        (Colour, "red", Colour.RED),
        (Address, ADDRESS, HOME),
        (Order, {"orderNumber": 1, "home": ADDRESS}, Order(orderNumber=1, home=HOME)),
        (Order, {"number": 1, "home": ADDRESS}, Order(orderNumber=1, home=HOME)),
        (Point, [1, 2], Point(1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[dt.date], ["2026-03-01"], {dt.date(2026, 3, 1)}),
        (list[Address], [ADDRESS], [HOME]),
        (dict[str, Colour], {"a": "red"}, {"a": Colour.RED}),
        (Address | None, ADDRESS, HOME),
        (Literal["a", "b"], "b", "b"),
        (Annotated[int, Field(gt=0)], 3, 3),
        (HttpUrl, "https://example.org/", HttpUrl("https://example.org/")),
        (Options, {"size": "3"}, {"size": 3}),
        (int, "12", 12),
        (float, 1, 1.0),
        (bytes, "text", b"text"),
    ],
    ids=str,
)
def test_json_becomes_the_hinted_type(hint: Any, given: Any, expected: Any) -> None:
    async def function(ctx: Any, value: Any) -> None: ...

    function.__annotations__["value"] = hint
    (value,), _ = check(function, given)
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize(
    "value", [HOME, Order(orderNumber=1, home=HOME), Colour.RED, dt.date(2026, 1, 1), object(), Ellipsis]
)
def test_a_value_that_is_right_is_passed_as_it_is(value: Any) -> None:
    async def function(ctx: Any, value: Any) -> None: ...

    function.__annotations__["value"] = type(value)
    assert check(function, value)[0][0] is value


class Client:
    """Of the user's; nothing that a schema knows."""


async def use(ctx: Ctx, client: Client, more: list[Client] | None = None) -> None: ...


def test_an_instance_of_a_plain_class_is_checked_by_its_type_and_kept() -> None:
    class Better(Client): ...

    client = Better()
    assert check(use, client, more=[client])[0][0] is client
    assert problems(use, 3) == {"client": "input should be an instance of Client, got 3 (int)"}


def test_the_default_may_be_passed_whatever_its_type() -> None:
    async def function(ctx: Ctx, size: int = None) -> None: ...  # type: ignore[assignment] # noqa: RUF013 - as people do

    assert check(function, None) == ((None,), {})
    assert check(function, size=None) == ((), {"size": None})


# The kinds of parameters


async def mixed(ctx: Ctx, a: int, /, b: int, *rest: int, c: int, d: int = 0, **more: dt.date) -> None: ...


def test_extra_arguments_are_checked_by_their_hint() -> None:
    assert check(mixed, "1", 2, "3", c=4, x="2026-03-01") == ((1, 2, 3), {"c": 4, "x": dt.date(2026, 3, 1)})
    assert set(problems(mixed, 1, 2, 3, "x", c=4, y="z")) == {"rest[1]", "y"}


def test_a_keyword_only_parameter_is_required_by_name() -> None:
    assert problems(mixed, 1, 2, 3) == {"c": "is required"}


def test_a_positional_only_parameter_is_not_taken_by_name() -> None:
    async def function(ctx: Ctx, a: int, /) -> None: ...

    assert problems(function, a=1) == {"a": "can only be given by position"}
    assert problems(mixed, b=1, c=2, a=dt.date(2026, 1, 1)) == {"a": "is required"}
    assert check(mixed, 1, 2, c=3, a=dt.date(2026, 1, 1))[1]["a"] == dt.date(2026, 1, 1)


def test_unpacked_options_are_checked_together() -> None:
    async def function(ctx: Any, **options: Any) -> None: ...

    function.__annotations__["options"] = Unpack[Options]
    assert check(function, size="3") == ((), {"size": 3})
    assert problems(function, size="x") == {
        "options": "at ['size']: input should be a valid integer, unable to parse string as an integer, got 'x' (str)"
    }


def test_the_context_may_be_taken_by_star_args() -> None:
    async def function(*args: int, size: int) -> None: ...

    assert check(function, "1", size="2") == ((1,), {"size": 2})


# A step of a workflow, whose first argument is the result of the step before it


def test_a_fed_call_starts_at_the_second_parameter() -> None:
    assert check(send, fed=True) == ((), {})
    assert check(send, "Hi", fed=True) == (("Hi",), {})
    assert problems(send, 3, fed=True) == {"subject": "input should be a valid string, got 3 (int)"}


def test_a_fed_argument_cannot_be_given_as_well() -> None:
    assert problems(send, list_id=7, fed=True) == {"list_id": "given twice, by the step before it and by name"}
    assert problems(send, "Hi", "x", fed=True) == {
        "": "it takes at most 2 positional arguments, 3 were given, one by the step before it"
    }


def test_what_takes_no_positional_argument_cannot_be_fed() -> None:
    async def function(ctx: Ctx, *, a: int = 0) -> None: ...
    async def any_number(ctx: Ctx, *results: int) -> None: ...

    assert problems(function, fed=True) == {
        "": "it takes no positional argument, so it can't take the result of the step before it"
    }
    assert check(any_number, fed=True) == ((), {})


# What is wrong, in words


async def deliver(ctx: Ctx, orders: list[Order], to: int | dt.date, password: int = 0) -> None: ...


def test_the_place_in_a_value_is_named() -> None:
    assert problems(deliver, [{"orderNumber": 1, "home": ADDRESS}, {"orderNumber": "x", "home": {"street": 3}}], 1) == {
        "orders": "at [1]['orderNumber']: input should be a valid integer, unable to parse string as an integer,"
        " got 'x' (str); at [1]['home']['street']: input should be a valid string, got 3 (int);"
        " at [1]['home']['since']: field required"
    }


def test_members_of_a_union_are_told_as_alternatives() -> None:
    assert problems(deliver, [], []) == {
        "to": "input should be a valid integer or input should be a valid date, got a value of type list"
    }


def test_of_many_wrong_items_a_few_are_named() -> None:
    text = problems(deliver, ["x"] * 1000, 1)["orders"]
    assert text.startswith("at [0]: ") and text.endswith("; and 997 more") and len(text) < 1000


def test_a_secret_is_not_repeated() -> None:
    """The message becomes the job's error, which people see."""

    async def log_in(ctx: Ctx, who: dict[str, int]) -> None: ...

    assert "hunter2" not in str(problems(deliver, [], 1, password="hunter2"))
    assert "hunter2" not in str(problems(log_in, {"api_key": "hunter2"}))


def test_long_values_are_not_repeated() -> None:
    assert problems(send, "x" * 500)["list_id"].endswith("got a value of type str")
    assert problems(send, 1, on=10**5000)["on"].endswith("got a value of type int")


def test_a_validator_that_breaks_is_a_problem_of_its_parameter() -> None:
    class Broken(BaseModel):
        size: int

        @field_validator("size")
        @classmethod
        def look(cls, value: int) -> int:
            raise RuntimeError("no such table")

    async def function(ctx: Any, broken: Any) -> None: ...

    function.__annotations__["broken"] = Broken
    assert problems(function, {"size": 1}) == {"broken": "could not be checked, RuntimeError: no such table"}


# What is left alone


class Store(Protocol):
    def get(self, key: str) -> str: ...


async def odd(
    ctx: Ctx, a: OnlyForCheckers, b: Store | None, c: T, d: Iterable[int], e: Callable[[int], str] = str, *, f: int = 0
) -> None: ...


def test_hints_that_are_no_schema_are_not_checked_and_others_are() -> None:
    given = ("anything", 3, object(), ["not", "numbers"])

    assert check(odd, *given, f="3") == (given, {"f": 3})
    assert set(problems(odd, *given, f="x")) == {"f"}


@pytest.mark.parametrize(
    "hint", [Iterable[int], Iterator[int], list[Iterable[int]] | None, AsyncIterator[int] | Iterable[int]]
)
def test_an_iterable_is_not_turned_into_something_that_can_be_read_once(hint: Any) -> None:
    async def function(ctx: Any, items: Any) -> None: ...

    function.__annotations__["items"] = hint
    items = [1, 2, 3]
    assert check(function, items)[0][0] is items


def test_a_sequence_stays_one() -> None:
    async def function(ctx: Any, items: Sequence[int]) -> None: ...

    assert check(function, (1, "2")) == (((1, 2),), {})


def test_a_function_without_hints_has_its_arguments_counted_only() -> None:
    async def function(ctx, a, b=None):  # type: ignore[no-untyped-def]
        ...

    value = object()
    assert check(function, value, b="x") == ((value,), {"b": "x"})
    assert problems(function, 1, 2, 3) == {"": "it takes at most 2 positional arguments, 3 were given"}


def test_decorated_partial_and_callable_functions_are_seen_through() -> None:
    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return wrapper

    class Sender:
        async def __call__(self, ctx: Ctx, list_id: int) -> None: ...

        async def send(self, ctx: Ctx, list_id: int) -> None: ...

    for function in (decorated(send), functools.partial(send, subject="Hi"), Sender(), Sender().send):
        assert check(function, "7") == ((7,), {})
        assert set(problems(function, "x")) == {"list_id"}


def test_a_builtin_that_says_nothing_of_itself_takes_anything() -> None:
    assert check(dict.update, 1, a=2) == ((1,), {"a": 2})


def test_a_checker_is_made_once() -> None:
    assert CallChecker.of(send) is CallChecker.of(send)
    assert CallChecker.of(send) is not CallChecker.of(use)
