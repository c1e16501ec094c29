"""Where in the user's own code an exception came from."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from arqboard.frames import own_frame
from arqboard.process_errors import pack_error, unpack_error

HERE = __name__


def caught(run: Any) -> BaseException:
    with pytest.raises(BaseException) as found:
        run()
    return found.value


def parse() -> None:
    json.loads("{")


class Shop:
    def charge(self) -> None:
        raise ValueError("no")


def test_the_innermost_frame_of_the_users_code_counts() -> None:
    def outer() -> None:
        parse()

    assert own_frame(caught(outer)) == f"{HERE}:parse"


def test_frames_of_the_standard_library_and_of_installed_packages_do_not() -> None:
    from pydantic import TypeAdapter

    def check() -> None:
        TypeAdapter(int).validate_python("x")

    assert own_frame(caught(check)).endswith("<locals>.check")
    assert own_frame(caught(lambda: json.loads("{"))).endswith("<lambda>")


def test_a_method_is_named_with_its_class() -> None:
    assert own_frame(caught(Shop().charge)) == f"{HERE}:Shop.charge"


def test_our_own_code_is_not_the_users() -> None:
    """An exception that arqboard raised by itself has no place in the user's code."""
    from arqboard.backoff import Backoff

    assert own_frame(JobError()) == ""
    assert own_frame(caught(lambda: Backoff(base=-1))).endswith("<lambda>")


class JobError(Exception):
    pass


def test_a_comprehension_is_no_place_of_its_own() -> None:
    """It has a frame until Python 3.11, and none since."""

    def several() -> list[int]:
        return [1 // n for n in (1, 0)]

    assert own_frame(caught(several)).endswith("<locals>.several")


def test_a_script_is_called_after_its_file() -> None:
    code = compile("def run():\n    1 / 0\n", "/srv/app/tasks.py", "exec")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(code, names)

    assert own_frame(caught(names["run"])) == "tasks:run"


async def test_the_one_failure_in_a_task_group_is_where_it_failed() -> None:
    async def work() -> None:
        parse()

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())

    with pytest.raises(ExceptionGroup) as found:
        await grouped()

    assert own_frame(found.value) == f"{HERE}:parse"


def test_what_another_process_raised_keeps_its_place() -> None:
    error = unpack_error(pack_error(caught(parse)))

    assert error.__traceback__ is None
    assert own_frame(error) == f"{HERE}:parse"


def test_broken_code_has_no_place() -> None:
    class Rude(Exception):
        @property
        def __traceback__(self) -> Any:  # type: ignore[override]
            raise RuntimeError("no")

    assert own_frame(Rude()) == ""


def test_a_place_is_not_too_long() -> None:
    names: dict[str, Any] = {"__name__": "m" * 1000}
    exec(compile("def run():\n    1 / 0\n", f"{sys.path[0]}/t.py", "exec"), names)

    assert len(own_frame(caught(names["run"]))) == 300
