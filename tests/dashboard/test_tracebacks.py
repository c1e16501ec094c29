"""Tracebacks as they are read: whose frames they are, which are folded, what each exception says."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable

import pytest

from arqboard_dashboard.tracebacks import MAX_FRAMES, blocks_of
from arqboard_dashboard.traces import is_own


def text_of(fails: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:
        fails()
    return "".join(traceback.format_exception(caught.value))


def parse() -> None:
    json.loads("{")


def test_own_frames_stand_alone_and_those_of_a_library_are_one_run() -> None:
    [block] = blocks_of(text_of(parse))

    own, library = block.runs[0], block.runs[-1]
    assert own.is_own and own.frames[-1].function == "parse"
    assert 'json.loads("{")' in own.frames[-1].code
    assert not library.is_own and library.packages == "json" and len(library.frames) > 1
    assert block.says.startswith("json.decoder.JSONDecodeError: Expecting property name")


def test_what_the_first_exception_led_to_is_a_block_of_its_own() -> None:
    def fails() -> None:
        try:
            parse()
        except ValueError as error:
            raise RuntimeError("no settings\nin two lines") from error

    first, second = blocks_of(text_of(fails))
    assert first.intro == "" and "JSONDecodeError" in first.says
    assert second.intro.startswith("The above exception was the direct cause")
    assert second.says == "RuntimeError: no settings\nin two lines"


def test_an_exception_group_keeps_its_text() -> None:
    async def fails() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(parse))

    text = text_of(lambda: asyncio.run(fails()))
    assert "JSONDecodeError" in "".join(block.says + block.intro for block in blocks_of(text))


def test_of_a_recursion_both_ends_are_shown() -> None:
    text = "Traceback (most recent call last):\n" + '  File "/app/x.py", line 1, in dive\n    dive()\n' * 500 + "Deep\n"
    [block] = blocks_of(text)
    assert sum(len(run.frames) for run in block.runs) == MAX_FRAMES
    assert block.says == "Deep"


@pytest.mark.parametrize("text", ["", "KeyError: 'x'", "no\ntraceback\nat all", "Traceback (most recent call last):"])
def test_what_is_no_traceback_is_shown_as_text(text: str) -> None:
    blocks = blocks_of(text)
    assert len(blocks) == 1 and not blocks[0].runs


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/srv/shop/tasks.py", True), ("C:\\shop\\tasks.py", True),
        ("/usr/lib/python3.12/json/decoder.py", False), ("/venv/lib/python3.12/site-packages/aiohttp/client.py", False),
        ("<frozen importlib._bootstrap>", False), ("/srv/venv/x/arqboard/executing.py", False),
    ],
)  # fmt: skip
def test_whose_a_file_is_follows_from_its_path(file: str, own: bool) -> None:
    assert is_own(file) is own
