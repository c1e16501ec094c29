"""The page of one job: its parts, each by itself, what can be done with it, and what is refused."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from board import Client, form_token, own_origin
from waiting import eventually

from arqboard.protocol import Keys, Reader, State
from arqboard.protocol.commands import ChunkReport, Claimed, Commands, Ended, LogReport, Report, Submission
from arqboard.protocol.job import Outcome
from arqboard_dashboard.inside_parts import METERS

QUEUE = "arq:queue"
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/srv/shop/tasks.py", line 12, in resize\n    picture = load(path)\n'
    '  File "/usr/lib/python3.12/json/decoder.py", line 3, in decode\n    raise ValueError\n'
    "ValueError: <b>no</b> picture\n"
)
HTMX: dict[str, Any] = {"HX-Request": "true"}


async def queued(commands: Commands, job_id: str = "j1", **more: Any) -> None:
    kwargs = json.dumps({"width": 12345678901234567890, "inner": {"deep": [1, 2]}})
    call = Submission(function="resize", queue=QUEUE, payload=b"\x80\x05p", kwargs=kwargs, job_id=job_id, **more)
    await commands.submit(call)


async def running(commands: Commands, job_id: str = "j1") -> Claimed:
    await queued(commands, job_id)
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    return attempt


async def chunked(commands: Commands, marks: str, error: str = "OSError: <b>disk</b> full") -> Claimed:
    """A running job with chunks of ten items, the last of which is short."""
    attempt = await running(commands)
    total, items = len(marks), len(marks) * 10 - 3
    ends = {n: (1500, error if mark == "f" else "") for n, mark in enumerate(marks) if mark in "df"}
    report = Report("j1", attempt.token, 10 * marks.count("d"), items, "rows", "", "")
    told = {n: mark for n, mark in enumerate(marks) if mark != "."}
    await commands.mark([ChunkReport(report, total, 10, items, told, ends)])
    return attempt


async def ended(commands: Commands, attempt: Claimed, outcome: Outcome = Outcome.FAILED) -> None:
    failed = outcome is Outcome.FAILED
    end = Ended(
        attempt.job_id, attempt.token, outcome, preview='{"n": 98765432109876543210}' if not failed else "",
        error_type="ValueError" if failed else "", error="<b>no</b> picture" if failed else "",
        traceback=TRACE if failed else "",
    )  # fmt: skip
    await commands.finish([end], keep_jobs=100, keep_jobs_ms=10**12)


async def logged(commands: Commands, attempt: Claimed, count: int, start: int = 0) -> None:
    levels = ((20, "INFO"), (30, "WARNING"), (40, "ERROR"))
    lines = [(0, *levels[n % 3], "shop.pictures", f"line <i>{n}</i>") for n in range(start, start + count)]
    await commands.log([LogReport(attempt.job_id, attempt.token, start, lines)], keep=2_000)


async def text(client: Client, path: str, status: int = 200, **headers: Any) -> str:
    answer = await client.get(path, headers=headers)
    body = await answer.text()
    assert answer.status == status, body
    return body


async def act(client: Client, path: str, **form: str) -> Any:
    return await client.post(
        path, data={"token": form_token(client), **form}, headers={"Origin": own_origin(client)}, allow_redirects=False
    )


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# The page


async def test_a_page_shows_chunks_error_log_and_arguments_of_a_job(client: Client, commands: Commands) -> None:
    attempt = await chunked(commands, "ddf.")
    await logged(commands, attempt, 3)
    await ended(commands, attempt)

    html = await text(client, "/jobs/j1")

    shown = words(html)
    assert "2 of 4 chunks done, 0 running, failed: 3" in html
    assert "&lt;b&gt;no&lt;/b&gt; picture" in html and "<b>no</b>" not in html
    assert "12345678901234567890" in shown
    assert "line &lt;i&gt;2&lt;/i&gt;" in html
    assert "Retry the failed one" in shown and "Resume: 2 chunks left" in shown and "Skip failed" in shown
    assert "OSError: &lt;b&gt;disk&lt;/b&gt; full" in html  # in the table of failed chunks


async def test_what_is_filtered_is_in_the_address(client: Client, commands: Commands) -> None:
    attempt = await chunked(commands, "dfr.")
    await logged(commands, attempt, 9)

    html = await text(client, "/jobs/j1?show=failed&chunk=2&level=warning&q=LINE")

    assert 'data-show="failed"' in html
    assert "items 11 to 20" in words(html)
    shown = re.findall(r'class="lv-(\w+)" data-id', html)
    assert shown == ["warning", "error"] * 3
    assert 'value="LINE"' in html


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("show=lost", "show"),
        ("chunk=0", "chunk"),
        ("chunk=x", "chunk"),
        ("level=loud", "level"),
        ("before=x", "before"),
    ],
)
async def test_a_bad_parameter_is_named(client: Client, commands: Commands, query: str, field: str) -> None:
    await chunked(commands, "dd")
    answer = await client.get(f"/jobs/j1?{query}", headers={"Accept": "application/json"})
    assert answer.status == 422
    assert (await answer.json())["error"]["field"] == field


async def test_a_job_without_anything_has_a_page_too(client: Client, commands: Commands) -> None:
    await queued(commands)
    html = await text(client, "/jobs/j1")
    assert "Waiting for a free slot" in html and "Reschedule…" in html and "data-empty" in html


async def test_what_a_job_submitted_is_listed_with_it(client: Client, commands: Commands) -> None:
    await running(commands)
    await queued(commands, "child", parent="j1")
    html = await text(client, "/jobs/j1")
    assert 'href="/jobs/child"' in html and "Submitted by this job" in html
    assert 'href="/jobs/j1"' in await text(client, "/jobs/child")


async def test_a_good_result_is_a_tree_with_exact_numbers(client: Client, commands: Commands) -> None:
    await ended(commands, await running(commands), Outcome.SUCCEEDED)
    assert "98765432109876543210" in await text(client, "/jobs/j1")


# Parts on demand


@pytest.mark.parametrize("path", ["chunks/1", "log", "log.txt", "stack", "raw", "attempts/1"])
async def test_no_part_of_an_unknown_job_is_found(client: Client, path: str) -> None:
    await text(client, f"/jobs/nobody/{path}", 404)


async def test_a_chunk_says_its_items_time_attempt_and_error(client: Client, commands: Commands) -> None:
    await chunked(commands, "df..")

    part = await text(client, "/jobs/j1/chunks/2", **HTMX)

    assert "<html" not in part
    said = words(part)
    for expected in ("failed", "Chunk 2", "items 11 to 20", "1.5 s", "attempt 1", "OSError: &lt;b&gt;disk"):
        assert expected in said
    assert "items 31 to 37" in words(await text(client, "/jobs/j1/chunks/4"))  # the last is short
    assert "has no chunk 5; it has 4" in await text(client, "/jobs/j1/chunks/5", 404)


async def test_a_traceback_is_shown_own_frames_first_and_as_text(client: Client, commands: Commands) -> None:
    await ended(commands, await running(commands))

    part = await text(client, "/jobs/j1/attempts/1", **HTMX)

    assert part.index("picture = load(path)") < part.index("<details")
    assert "1 frame in" in words(part) and "&lt;b&gt;no" in part
    assert await text(client, "/jobs/j1/attempts/1?format=text") == TRACE
    await text(client, "/jobs/j1/attempts/7", 404)


async def test_new_lines_of_a_log_are_those_after_a_place(client: Client, commands: Commands, reader: Reader) -> None:
    attempt = await running(commands)
    await logged(commands, attempt, 3)
    newest = (await reader.log_tail("j1", 1))[0].id
    assert await text(client, f"/jobs/j1/log?after={newest}", 204, **HTMX) == ""

    await logged(commands, attempt, 3, start=3)

    part = await text(client, f"/jobs/j1/log?after={newest}", **HTMX)
    assert re.findall(r"&lt;i&gt;(\d+)", part) == ["3", "4", "5"] and part.startswith("<li")
    errors = await text(client, f"/jobs/j1/log?after={newest}&level=error", **HTMX)
    assert re.findall(r"&lt;i&gt;(\d+)", errors) == ["5"]


async def test_older_lines_are_those_before_a_place_and_end_at_the_start(client: Client, commands: Commands) -> None:
    attempt = await running(commands)
    await logged(commands, attempt, 450)
    seen: list[int] = []
    path = "/jobs/j1"
    while path:
        html = await text(client, path)
        seen = [int(n) for n in re.findall(r'<span class="msg">.*?&lt;i&gt;(\d+)', html)] + seen
        older = re.search(r'href="([^"]*before=[^"]*)"', html)
        path = older[1].replace("&amp;", "&") if older else ""
        if path.startswith("?"):
            path = f"/jobs/j1/log{path}"
    assert seen == list(range(450))


async def test_the_whole_log_is_given_as_text_and_as_a_file(client: Client, commands: Commands) -> None:
    await logged(commands, await running(commands), 1_500)
    answer = await client.get("/jobs/j1/log.txt")
    lines = (await answer.text()).splitlines()
    assert answer.content_type == "text/plain" and len(lines) == 1_500
    assert re.fullmatch(r"\S+Z ERROR    shop\.pictures: line <i>1499</i>", lines[-1])
    file = await client.get("/jobs/j1/log.txt?download")
    assert file.headers["Content-Disposition"].startswith('attachment; filename="j1.log"')


async def test_a_raw_record_opens_nothing(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await queued(commands)
    await redis.hset(keys.job("j1"), "odd", b"\xff<b>")
    said = await text(client, "/jobs/j1/raw", **HTMX)
    assert "arq:job:j1" in said and "pickle, protocol 5, not opened" in said
    assert "&lt;b&gt;" in said and "arqboard:job:j1" in said


async def test_a_job_that_does_not_run_stands_nowhere(client: Client, commands: Commands) -> None:
    await queued(commands)
    assert "Only a running job" in await text(client, "/jobs/j1/stack", 409)


async def test_an_answer_of_a_worker_is_shown_and_its_absence_said(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await running(commands)
    assert "No worker answered" in await text(client, "/jobs/j1/stack", **HTMX)  # nothing is known of w1
    await redis.hset(keys.worker("w1"), "pid", 1)

    async def answer() -> None:
        [[_, name]] = json.loads(await eventually(lambda: redis.hget(keys.worker("w1"), "asked")))
        frames = [["/srv/shop/tasks.py", 7, "resize", "await <b>load</b>()"], ["/x/site-packages/y.py", 1, "read", ""]]
        picture = {"kind": "loop", "frames": frames, "beside": [["Task-9", frames[:1]]], "blocked": frames[1:]}
        await redis.rpush(keys.answer(name), json.dumps(picture))

    answering = asyncio.create_task(answer())
    said = await text(client, "/jobs/j1/stack")
    await answering
    assert "await &lt;b&gt;load&lt;/b&gt;()" in said and 'class="lib"' in said
    assert "is blocked here" in said and "Task-9" in said


# Actions


async def test_failed_chunks_are_retried_and_others_skipped_by_form(
    client: Client, commands: Commands, reader: Reader
) -> None:
    await ended(commands, await chunked(commands, "dff."))
    answer = await act(client, "/jobs/j1/chunks/skip", number="2")
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs/j1")
    assert await reader.chunk_marks("j1") == "dsf."
    await act(client, "/jobs/j1/chunks/skip", which="waiting")
    assert await reader.chunk_marks("j1") == "dsfs"
    assert (await act(client, "/jobs/j1/chunks/retry", only="failed")).status == 303
    assert (await reader.get("j1")).state is State.QUEUED


async def test_for_htmx_the_answer_is_the_map_and_the_table_as_they_are_now(client: Client, commands: Commands) -> None:
    await ended(commands, await chunked(commands, "dff."))
    answer = await client.post(
        "/jobs/j1/chunks/skip", data={"token": form_token(client), "which": "failed"},
        headers={"Origin": own_origin(client), **HTMX},
    )  # fmt: skip
    html = await answer.text()
    assert html.startswith('<section id="chunks-j1"') and "skipped" in html
    assert 'id="failed-chunks-j1"' in html and html.count("hx-swap-oob") == 1


@pytest.mark.parametrize(
    ("path", "form", "status", "said"),
    [
        ("chunks/skip", {"which": "all"}, 422, "which"), ("chunks/skip", {"number": "0"}, 422, "number"),
        ("chunks/skip", {"number": "1"}, 409, "has failed or waits"), ("chunks/retry", {}, 409, "once it has ended"),
        ("reschedule", {"delay": "-1"}, 422, "delay"), ("reschedule", {"delay": "nan"}, 422, "delay"),
        ("reschedule", {"at": "tomorrow"}, 422, "at"), ("reschedule", {"unit": "moons"}, 422, "unit"),
        ("reschedule", {}, 409, "Only a job that waits"),
    ],
)  # fmt: skip
async def test_what_can_not_be_done_says_why(
    client: Client, commands: Commands, path: str, form: dict[str, str], status: int, said: str
) -> None:
    await chunked(commands, "dd.")
    answer = await act(client, f"/jobs/j1/{path}", **form)
    assert answer.status == status
    assert said in await answer.text()


async def test_a_job_is_put_off_and_brought_forward(client: Client, commands: Commands, reader: Reader) -> None:
    await queued(commands)
    await act(client, "/jobs/j1/reschedule", delay="2", unit="hours")
    job = await reader.get("j1")
    assert job.state is State.DEFERRED and job.run_at - await reader.now_ms() == pytest.approx(7_200_000, abs=20_000)
    await act(client, "/jobs/j1/reschedule", at="2099-01-01T00:00:00")
    assert (await reader.get("j1")).run_at == 4_070_908_800_000
    html = await text(client, "/jobs/j1")
    assert "Run now" in html and 'value="2099-01-01T00:00:00"' in html
    await act(client, "/jobs/j1/reschedule")
    assert (await reader.get("j1")).state is State.QUEUED


# Live parts


async def test_live_parts_of_a_job_that_is_gone_are_empty(client: Client, commands: Commands) -> None:
    for meter in METERS:
        with pytest.raises(ValueError):
            meter.check("")
        html = await meter.read(client.app, "nobody")
        assert not html or " hidden" in html
