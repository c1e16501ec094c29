"""What many ask for is read once for all of them, and anew for who needs what is true now."""

from __future__ import annotations

import asyncio

import pytest

from arqboard_dashboard.fresh import Fresh


class Source:
    """Answers with the number of the reading, when the test lets it."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[int]] = []
        self.fresh = Fresh(self.read, seconds=3600)

    async def read(self) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return await answer

    def answer(self, number: int) -> None:
        self.answers[number - 1].set_result(number)

    async def asked(self, *, again: bool = False) -> asyncio.Task[int]:
        """Somebody asks, and waits."""
        task = asyncio.create_task(self.fresh.again() if again else self.fresh.get())
        for _ in range(3):
            await asyncio.sleep(0)  # the question, the reading, its first await
        return task


@pytest.fixture
async def source() -> Source:
    return Source()


async def test_who_asks_while_it_is_read_gets_that_reading_and_who_comes_later_too(source: Source) -> None:
    waiting = [await source.asked() for _ in range(3)]

    source.answer(1)

    assert await asyncio.gather(*waiting, source.fresh.get()) == [1, 1, 1, 1]


async def test_who_goes_takes_nothing_from_those_who_wait(source: Source) -> None:
    first, second = await source.asked(), await source.asked()

    first.cancel()
    source.answer(1)

    assert await second == 1


async def test_all_who_wait_share_a_failure_and_the_next_one_tries_anew(source: Source) -> None:
    waiting = [await source.asked() for _ in range(2)]
    source.answers[0].set_exception(ConnectionError("away"))
    for task in waiting:
        with pytest.raises(ConnectionError):
            await task

    later = await source.asked()
    source.answer(2)
    assert await later == 2


async def test_who_has_just_done_something_gets_no_reading_that_began_before(source: Source) -> None:
    """Else the answer to a click shows what was before it."""
    early = await source.asked()
    late = await source.asked(again=True)

    source.answer(1)
    source.answer(2)

    assert (await early, await late) == (1, 2)
    assert await source.fresh.get() == 2


async def test_an_early_reading_that_is_slow_does_not_take_the_place_of_a_later_one(source: Source) -> None:
    early, late = await source.asked(), await source.asked(again=True)
    source.answer(2)
    assert await late == 2

    source.answer(1)

    assert await early == 1
    assert await source.fresh.get() == source.fresh.last == 2


async def test_what_expires_while_it_is_read_is_read_again_for_the_next(source: Source) -> None:
    early = await source.asked()
    source.fresh.expire()
    source.answer(1)
    assert await early == 1

    later = await source.asked()
    source.answer(2)

    assert await later == 2


async def test_all_who_need_it_anew_at_once_share_one_reading(source: Source) -> None:
    waiting = [asyncio.create_task(source.fresh.again()) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0)

    source.answer(1)

    assert await asyncio.gather(*waiting) == [1] * 20
    assert len(source.answers) == 1
