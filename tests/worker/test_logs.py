"""What a job logs is kept with the job; what is logged elsewhere goes where it always went."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from arq.connections import ArqRedis
from waiting import eventually

from arqboard import Worker
from arqboard.live import Live
from arqboard.logs import MAX_WAITING, Line, LogCapture, line_of
from arqboard.protocol import LogLine, Reader, State
from arqboard.settings import ToolkitSettings

from .conftest import StartWorker, ended, has_state, running

shop = logging.getLogger("shop")


@pytest.fixture(autouse=True)
def _shop_lets_info_pass() -> Iterator[None]:
    was = shop.level
    shop.setLevel(logging.INFO)  # pytest has handlers on the root logger, so its level is left alone
    yield
    shop.setLevel(was)


def told(lines: list[LogLine]) -> list[tuple[str, str, str]]:
    return [(line.level, line.logger, line.message) for line in lines]


# In a worker


async def test_a_jobs_records_are_kept_with_it(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        shop.info("%d articles", 12)
        await asyncio.create_task(later())
        await asyncio.to_thread(shop.warning, "the stock is low")
        shop.debug("below the level")

    async def later() -> None:
        logging.getLogger("shop.prices").error("no price")

    await start(work)
    before = time.time() * 1000
    job_id = await ended(pool, reader, "work")
    page = await reader.logs(job_id)
    assert told(page.lines) == [
        ("INFO", "shop", "12 articles"), ("ERROR", "shop.prices", "no price"), ("WARNING", "shop", "the stock is low")
    ]  # fmt: skip
    assert all(line.attempt == 1 and before - 1000 < line.time < before + 20_000 for line in page.lines)
    assert (await reader.get(job_id)).log_lines == 3
    assert (await reader.logs(job_id, page.next)).lines == []


async def test_jobs_that_run_at_once_keep_their_lines_apart(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    both = asyncio.Barrier(2)

    async def work(ctx: dict[str, Any], name: str) -> None:
        await both.wait()
        for n in range(3):
            shop.info("%s %d", name, n)
            await asyncio.sleep(0.01)

    await start(work)
    jobs = [await pool.enqueue_job("work", name) for name in ("a", "b")]
    for job, name in zip(jobs, "ab", strict=True):
        assert job is not None
        await job.result(timeout=30, poll_delay=0.02)
        assert [line.message for line in (await reader.logs(job.job_id)).lines] == [f"{name} {n}" for n in range(3)]


async def test_lines_are_seen_while_the_job_runs(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    go_on = asyncio.Event()

    async def work(ctx: dict[str, Any]) -> None:
        shop.info("begun")
        await go_on.wait()
        shop.info("ended")

    await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    await eventually(lambda: _has_lines(reader, job.job_id, ["begun"]))
    assert (await reader.get(job.job_id)).progress is None  # it has said nothing of its progress
    go_on.set()
    await eventually(lambda: _has_lines(reader, job.job_id, ["begun", "ended"]))


async def test_an_exception_brings_its_traceback(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        try:
            raise KeyError("price")
        except KeyError:
            shop.exception("skipped")

    await start(work)
    [line] = (await reader.logs(await ended(pool, reader, "work"))).lines
    assert line.message.startswith("skipped\nTraceback (most recent") and line.message.endswith("KeyError: 'price'")


async def test_a_flood_is_capped_and_says_how_much_is_missing(
    start: StartWorker, pool: ArqRedis, reader: Reader, redis: Any
) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        for n in range(MAX_WAITING + 20):
            shop.info("line %d", n)

    await start(work, arqboard={"log_lines": 200})
    job_id = await ended(pool, reader, "work")
    assert MAX_WAITING < (await reader.get(job_id)).log_lines == MAX_WAITING + 1
    lines = (await reader.logs(job_id)).lines
    assert 200 <= len(lines) <= 300  # a stream is trimmed by nodes of a hundred
    assert lines[-1].message.startswith("20 lines were dropped here")


async def test_the_workers_own_lines_are_not_the_jobs(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        for name in ("arq.worker", "arqboard.reporter", "arqboard", "arq", "arqsomething", "arqboard.demo.mail"):
            logging.getLogger(name).warning("from %s", name)

    await start(work)
    lines = (await reader.logs(await ended(pool, reader, "work"))).lines
    assert [line.logger for line in lines] == ["arqsomething", "arqboard.demo.mail"]


async def test_lines_of_each_attempt_are_kept(
    start: StartWorker, pool: ArqRedis, reader: Reader, commands: Any
) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        shop.info("trying")
        raise OSError

    await start(work)
    job_id = await ended(pool, reader, "work")
    await commands.retry(job_id)
    await eventually(lambda: _has_lines(reader, job_id, ["trying", "trying"]))
    assert [line.attempt for line in (await reader.logs(job_id)).lines] == [1, 2]


async def test_what_cannot_be_formatted_breaks_nothing(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    class Hostile:
        def __str__(self) -> str:
            shop.info("from inside")
            raise RuntimeError("no")

    async def work(ctx: dict[str, Any]) -> str:
        root = logging.getLogger()
        others = [handler for handler in root.handlers if not isinstance(handler, LogCapture)]
        for handler in others:  # pytest's own raise what they can't format
            root.removeHandler(handler)
        try:
            shop.info("one", 2)
            shop.info("%s", Hostile())
            shop.info("\ud800 half a character")
            shop.info("x" * 5000)
        finally:
            for handler in others:
                root.addHandler(handler)
        return "fine"

    await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    assert await job.result(timeout=30, poll_delay=0.02) == "fine"
    messages = [line.message for line in (await reader.logs(job.job_id)).lines]
    assert messages[:3] == [
        "one (its arguments don't fit: TypeError)", "%s (its arguments don't fit: RuntimeError)", "? half a character"
    ]  # fmt: skip
    assert messages[3] == "x" * 4000 + "… (1000 more characters)" and len(messages) == 4


async def test_a_line_after_the_end_is_not_written(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    go_on, tasks = asyncio.Event(), set[asyncio.Task[None]]()

    async def straggler() -> None:
        await go_on.wait()
        shop.info("too late")

    async def work(ctx: dict[str, Any]) -> None:
        shop.info("in time")
        tasks.add(asyncio.create_task(straggler()))

    worker = await start(work)
    job_id = await ended(pool, reader, "work")
    go_on.set()
    await asyncio.gather(*tasks)
    await worker.reporter.flush()
    assert [line.message for line in (await reader.logs(job_id)).lines] == ["in time"]


async def test_capture_can_be_turned_off(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        shop.warning("unheard")

    await start(work, arqboard={"log_lines": 0})
    assert (await reader.logs(await ended(pool, reader, "work"))).lines == []


async def test_two_workers_of_one_process_catch_each_line_once(
    start: StartWorker, redis_settings: Any, pool: ArqRedis, reader: Reader
) -> None:
    async def work(ctx: dict[str, Any]) -> None:
        shop.info("once")

    await start(work)
    async with running(Worker([work], redis_settings=redis_settings, queue_name="other", handle_signals=False)):
        job_id = await ended(pool, reader, "work")
        assert told((await reader.logs(job_id)).lines) == [("INFO", "shop", "once")]
    assert [isinstance(handler, LogCapture) for handler in logging.getLogger().handlers].count(True) == 1


async def test_lines_of_a_child_process_are_taken_in(start: StartWorker, pool: ArqRedis, reader: Reader) -> None:
    go_on = asyncio.Event()

    async def work(ctx: dict[str, Any]) -> None:
        await go_on.wait()

    worker = await start(work)
    job = await pool.enqueue_job("work")
    assert job is not None
    attempt = await eventually(lambda: worker.running.get(job.job_id))
    record = logging.LogRecord("child", logging.ERROR, "f.py", 1, "from %s", ("afar",), None)
    quiet = (time.time(), logging.DEBUG, "child", "not asked for")
    assert attempt is not None
    worker.logs.add(attempt.live, [line_of(record), quiet, (time.time(), 25, "child", "y" * 4001)])
    go_on.set()
    await eventually(lambda: has_state(reader, job.job_id, State.SUCCEEDED))
    lines = (await reader.logs(job.job_id)).lines
    assert told(lines[:1]) == [("ERROR", "child", "from afar")]
    assert told(lines[1:]) == [("Level 25", "child", "y" * 4000 + "… (1 more characters)")]
    assert lines[1].levelno == 25


# What it does to logging elsewhere. A process of its own: pytest has its handlers on the root logger


def test_where_logging_is_not_set_up_nothing_more_is_printed_than_before() -> None:
    printed, caught = run(
        "inside(); log.info('job info'); log.warning('job warning'); outside();"
        "log.info('info'); log.debug('debug'); log.warning('warning')"
    )
    assert printed == ["job warning", "warning"]
    assert caught == ["job info", "job warning"]


def test_a_logger_with_a_handler_of_its_own_prints_no_more_than_before() -> None:
    printed, caught = run(
        "inside(); own.info('info'); own.warning('warning'); own.getChild('x').info('info of a child')",
        setup="own = logging.getLogger('own'); own.addHandler(logging.StreamHandler())",
    )
    assert (printed, caught) == (["warning"], ["warning"])


def test_where_the_root_logger_is_set_up_its_level_stays() -> None:
    printed, caught = run(
        "inside(); log.info('info'); log.warning('warning')", setup="logging.basicConfig(format='%(message)s')"
    )
    assert (printed, caught) == (["warning"], ["warning"])


def test_stopping_puts_back_what_starting_changed() -> None:
    printed, _ = run(
        "capture.start(); capture.stop(); capture.stop();"
        "assert (logging.root.level, logging.root.handlers) == (logging.WARNING, []);"
        "log.info('info'); log.warning('warning')"
    )
    assert printed == ["warning"]


def test_the_heir_of_a_stopped_capture_puts_the_level_back() -> None:
    run(
        "second = LogCapture(lambda live, line: None); second.start(); capture.stop();"
        "assert logging.root.level == logging.INFO; second.stop(); assert logging.root.level == logging.WARNING"
    )


def run(code: str, setup: str = "") -> tuple[list[str], list[str]]:
    """Runs code beside a capture; returns what went to stderr and what was caught."""
    lines = [
        "import logging",
        "from arqboard.live import Live",
        "from arqboard.logs import LogCapture, _bound",
        "caught = []",
        "log = logging.getLogger('shop')",
        setup,
        "capture = LogCapture(lambda live, line: caught.append(line.message), logging.INFO)",
        "capture.start()",
        "inside = lambda: capture.bind(Live('j', 't'))",
        "outside = lambda: _bound.set(None)",
        code,
        "print('\\n'.join(caught))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines(), done.stdout.split("\n")[:-1] if done.stdout.strip() else []


# The parts


def test_a_long_traceback_keeps_its_end() -> None:
    def deeper(n: int) -> None:
        if n:
            deeper(n - 1)
        else:
            raise ValueError("at the bottom " + "z" * 6000)

    try:
        deeper(10)
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, "f.py", 1, "oh", (), sys.exc_info())
    message = line_of(record).message
    assert message.startswith("oh\n… (") and message.endswith("zzz") and len(message) < 4100


def test_a_handler_that_cannot_pass_a_line_on_does_not_raise(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(live: Live, line: Line) -> None:
        raise OSError("no room")

    capture = LogCapture(refuse)
    capture.start()
    try:
        capture.bind(Live("j", "t"))
        shop.error("heard")
    finally:
        capture.stop()
    assert "no room" in capsys.readouterr().err


def test_a_level_that_does_not_exist_is_refused() -> None:
    assert ToolkitSettings(log_level="debug").log_levelno == logging.DEBUG
    with pytest.raises(ValueError, match="log_level is 'LOUD'; it can be NOTSET, DEBUG"):
        ToolkitSettings(log_level="LOUD")


async def _has_lines(reader: Reader, job_id: str, messages: list[str]) -> bool:
    return [line.message for line in (await reader.logs(job_id)).lines] == messages
