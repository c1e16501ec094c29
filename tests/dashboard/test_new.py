"""The page of a new job as a browser without scripts sees it, and what it asks while somebody types."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from board import EVERYTHING, Client, MakeClient, forget, form_token

from arqboard.protocol import FunctionInfo, Job, Keys, Reader, State
from arqboard.protocol.commands import Commands, Submission
from arqboard.protocol.payload import preview_call
from arqboard_dashboard.offers import check_offer, check_recent, read_offer, read_recent

HTMX = {"HX-Request": "true"}
QUEUE = "arq:queue"


async def send(client: Client, path: str = "/jobs", headers: Any = None, **fields: str) -> Any:
    data = {"token": form_token(client), **fields}
    return await client.post(path, data=data, headers=headers, allow_redirects=False)


async def submitted(client: Client, reader: Reader, **fields: str) -> Job:
    answer = await send(client, **fields)
    assert answer.status == 303, await answer.text()
    return await reader.get(answer.headers["Location"].rpartition("/")[2])


async def worker(redis: Any, keys: Keys, name: str = "w1", **told: Any) -> None:
    """A worker as it reports itself."""
    seconds, micros = await redis.time()
    now = seconds * 1000 + micros // 1000
    fields = {
        "host": "h", "pid": 1, "queue": QUEUE, "slots": 4, "running": "[]", "functions": '["resize"]', "started": now,
        "seen": now, **told,
    }  # fmt: skip
    await redis.hset(keys.worker(name), mapping=fields)
    await redis.zadd(keys.workers, {name: now})


def said(text: str) -> str:
    """What stands on the page, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# Options


async def test_every_option_of_the_form_reaches_the_job(client: Client, reader: Reader, redis: Any, keys: Keys) -> None:
    options = {"queue": QUEUE, "defer_by": "60", "priority": "7", "max_tries": "2", "timeout": "1.5", "job_id": "one"}

    job = await submitted(client, reader, function="nothing", **{f"opt.{name}": text for name, text in options.items()})

    assert (job.id, job.queue, job.state, job.priority, job.max_tries) == ("one", QUEUE, State.DEFERRED, 7, 2)
    assert json.loads(await redis.hget(keys.job("one"), "options")) == {"max_tries": 2, "timeout": 1.5}


async def test_tags_are_typed_with_commas_and_come_beside_those_of_the_task(
    client: Client, reader: Reader, redis: Any, keys: Keys
) -> None:
    info = FunctionInfo.of("tagged", _tagged, queue=QUEUE, tags=["own"])
    await redis.hset(keys.functions, "tagged", info.model_dump_json())

    job = await submitted(client, reader, function="tagged", **{"opt.tags": " import, customer:42 "})

    assert job.tags == ("own", "import", "customer:42")
    page = await (await client.get(f"/jobs/new?again={job.id}")).text()
    assert re.search(r'name="opt.tags"[^>]* value="import, customer:42"', page)
    assert "Beside those of the task: own" in page
    code = said(page)
    assert 'tags=["import", "customer:42"]' in code
    assert "opt.tags=import%2C+customer%3A42" in code


async def _tagged(ctx: dict[Any, Any]) -> None: ...


async def test_a_job_can_start_at_a_moment_in_utc(client: Client, reader: Reader) -> None:
    at = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)

    job = await submitted(client, reader, function="nothing", **{"opt.run_at": at.strftime("%Y-%m-%dT%H:%M:%S")})

    assert abs(job.run_at - at.timestamp() * 1000) < 2000
    assert job.state is State.DEFERRED


async def test_of_jobs_with_one_unique_key_one_waits_and_the_second_form_leads_to_it(
    client: Client, reader: Reader
) -> None:
    first = await submitted(client, reader, function="nothing", **{"opt.unique_key": "nightly"})
    second = await send(client, function="nothing", **{"opt.unique_key": "nightly"})

    assert second.headers["Location"] == f"/jobs/{first.id}"
    assert "had been submitted before" in await (await client.get(second.headers["Location"])).text()


@pytest.mark.parametrize(
    ("option", "text", "why"),
    [
        ("run_at", "soon", "is not a date"),
        ("run_at", "2020-01-01T00:00", "has passed"),
        ("run_at", "2999-01-01T00:00", "more than a year"),
        ("priority", "10", "whole number from 0 to 9"),
        ("priority", "1.5", "whole number"),
        ("max_tries", "0", "from 1 to"),
        ("timeout", "0", "more than 0"),
        ("timeout", "nan", "more than 0"),
        ("unique_key", "x" * 201, "at most 200"),
        ("defer_by", "inf", "seconds from now"),
        ("tags", "a, b*", "is no tag"),
        ("tags", "x" * 61, "is no tag"),
        ("tags", ",".join("abcdefghijk"), "at most 10 tags, not 11"),
    ],
)
async def test_an_option_that_makes_no_sense_is_told_at_its_field(
    client: Client, redis: Any, keys: Keys, option: str, text: str, why: str
) -> None:
    answer = await send(client, function="nothing", **{f"opt.{option}": text})

    page = await answer.text()
    assert answer.status == 422
    assert why in said(page.split(f'id="error-o-{option}"')[1].split("</div>")[0])
    assert text in page
    assert await redis.zcard(keys.jobs()) == 0


async def test_a_start_in_seconds_and_one_at_a_moment_are_one_too_many(client: Client) -> None:
    at = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")

    answer = await send(client, function="nothing", **{"opt.run_at": at, "opt.defer_by": "5"})

    assert answer.status == 422
    assert "a job starts once" in await answer.text()


# What is wrong, and where


async def test_a_value_in_json_that_does_not_fit_is_shown_where_it_stands(
    client: Client, redis: Any, keys: Keys
) -> None:
    await redis.hset(keys.functions, EVERYTHING.name, EVERYTHING.model_dump_json())
    await forget(client)
    items = '[\r\n  1,\r\n  "two"\r\n]'

    page = await (
        await send(client, function="everything", **{"arg.text": "a", "arg.count": "1", "arg.items": items})
    ).text()

    box = page.split('id="error-f-items"')[1].split('id="error-')[0]
    assert "line 3, column 3" in box
    assert "<mark>&#34;</mark>two" in box
    assert 'data-line="3" data-column="3"' in box


# As code


async def test_while_somebody_types_the_code_follows_and_nothing_is_started(
    client: Client, redis: Any, keys: Keys
) -> None:
    answer = await send(client, "/jobs/preview", HTMX, function="resize", **{"arg.folder": "/in", "opt.defer_by": "90"})

    text = await answer.text()
    assert answer.status == 200
    assert 'folder="/in"' in html.unescape(text)
    assert "_defer_by=90" in html.unescape(text)
    assert f"curl -X POST '{client.make_url('/api/v1/jobs')}'" in html.unescape(text)
    assert "now" not in said(text.split('id="options-said"')[1].split("</span>")[0])
    assert await redis.zcard(keys.jobs()) == 0


async def test_only_fields_that_were_left_are_told_what_is_wrong_with_them(client: Client) -> None:
    text = await (
        await send(client, "/jobs/preview", HTMX, function="resize", touched="arg.options", **{"arg.options": "{,}"})
    ).text()

    assert "a comma with nothing after it" in text
    assert 'id="error-f-options"' in text
    assert 'id="error-f-folder"' not in text


async def test_without_scripts_a_button_writes_the_code(client: Client) -> None:
    page = await (await send(client, "/jobs/preview", function="resize", **{"arg.folder": "/in"})).text()

    assert "<html" in page
    assert 'value="/in"' in page
    assert re.search(r'<details class="acc box" id="code" open', page)


async def test_the_code_of_a_dashboard_with_a_token_says_that_one_is_needed(
    make_client: MakeClient, functions: dict[str, FunctionInfo]
) -> None:
    client = await make_client(token="t" * 20, base="/ops")

    page = await (await client.get("/jobs/new?fn=resize", headers={"Authorization": f"Bearer {'t' * 20}"})).text()

    assert "$ARQBOARD_TOKEN" in page
    assert "/ops/api/v1/jobs" in page
    assert "t" * 20 not in page


# Who would run it


async def test_it_says_who_would_run_the_job(client: Client, redis: Any, keys: Keys) -> None:
    assert "No worker is running" in await (await client.get("/jobs/new?fn=resize")).text()

    await worker(redis, keys)
    await forget(client)
    assert "1 worker takes it from arq:queue" in said(await (await client.get("/jobs/new?fn=resize")).text())

    await worker(redis, keys, functions='["total"]')
    await forget(client)
    page = said(await (await client.get("/jobs/new?fn=resize")).text())
    assert "1 worker of arq:queue does not have resize: if it takes the job, the job fails." in page


async def test_a_pause_is_told_before_the_job_is_sent(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await worker(redis, keys)
    await commands.submit(Submission("resize", QUEUE, b"payload"))
    await commands.pause("queue", QUEUE)
    await commands.pause("function", "resize")
    await forget(client)

    page = said(await (await client.get("/jobs/new?fn=resize")).text())

    assert "Queue arq:queue is paused" in page
    assert "Task resize is paused" in page


async def test_a_queue_that_is_chosen_is_the_one_that_is_spoken_of(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await worker(redis, keys)
    await commands.submit(Submission("other", "media", b"payload"))
    await forget(client)

    text = said(await (await send(client, "/jobs/preview", HTMX, function="resize", **{"opt.queue": "media"})).text())

    assert "No worker takes resize from media now" in text
    assert "Workers of arq:queue have it." in text


async def test_both_live_parts_render_as_on_the_page(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await worker(redis, keys)
    await commands.submit(Submission("resize", QUEUE, b"payload", job_id="j1"))
    await forget(client)
    page = await (await client.get("/jobs/new?fn=resize")).text()

    for kind, read in (("offer", read_offer), ("recent", read_recent)):
        name = html.unescape(re.search(rf'data-live="{kind}:(.*?)"', page)[1])  # type: ignore[index]
        part = await read(client.app, name)
        assert 'hx-swap-oob="outerMorph"' in part
        shown = part.replace(' hx-swap-oob="outerMorph"', "")
        body = shown.split(">", 1)[1]
        assert body.strip() in page


@pytest.mark.parametrize("name", ["", "x", "fn=a", "queue=a", "fn=a&queue=b&more=c", "fn=&queue="])
def test_an_offer_of_nothing_is_no_name(name: str) -> None:
    with pytest.raises(ValueError):
        check_offer(name)


def test_a_name_that_no_function_has_is_not_looked_up() -> None:
    for name in ("", "x" * 501):
        with pytest.raises(ValueError):
            check_recent(name)


# The last ones, and finding a task


async def test_the_last_jobs_of_the_task_can_be_used_again(client: Client, commands: Commands, reader: Reader) -> None:
    for n in range(7):
        await commands.submit(
            Submission("resize", QUEUE, b"p", job_id=f"j{n}", kwargs=json.dumps({"folder": f"/in{n}"}), priority=n)
        )

    page = await (await client.get("/jobs/new?fn=resize")).text()
    assert re.findall(r"like=(j\d)", page) == ["j6", "j5", "j4", "j3", "j2"]

    again = await (await client.get("/jobs/new?like=j4")).text()
    assert 'value="/in4"' in again
    assert re.search(r'name="opt.priority"[^>]* value="4"', again)
    job = await submitted(client, reader, function="resize", like="j4", **{"arg.folder": "/in4"})
    assert job.retry_of == ""


async def test_whole_numbers_of_any_length_are_filled_in_again_as_they_were(
    client: Client, commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    info = FunctionInfo.of("count", _count, queue=QUEUE)
    await redis.hset(keys.functions, "count", info.model_dump_json())
    given = {"upto": 2**64, "others": [2**63, -(10**30)]}
    _, kwargs = preview_call([], given)
    await commands.submit(Submission("count", QUEUE, b"p", job_id="j1", kwargs=kwargs))

    page = await (await client.get("/jobs/new?again=j1")).text()
    assert f'value="{2**64}"' in page
    shown = html.unescape(re.search(r'<textarea[^>]*name="arg.others"[^>]*>(.*?)</textarea>', page, re.DOTALL)[1])  # type: ignore[index]
    job = await submitted(client, reader, function="count", **{"arg.upto": str(2**64), "arg.others": shown})

    assert job.kwargs == given


async def _count(ctx: dict[Any, Any], upto: int, others: list[int]) -> None: ...


async def test_run_again_links_the_new_job_to_the_old_one(client: Client, commands: Commands, reader: Reader) -> None:
    await commands.submit(Submission("resize", QUEUE, b"p", job_id="j1", kwargs='{"folder": "/in"}'))
    page = await (await client.get("/jobs/new?again=j1")).text()
    assert '<input type="hidden" name="again" value="j1">' in page

    job = await submitted(client, reader, function="resize", again="j1", **{"arg.folder": "/in"})

    assert job.retry_of == "j1"


async def test_a_record_that_can_not_be_read_spoils_its_own_line_only(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    for n in range(2):
        await commands.submit(Submission("resize", QUEUE, b"p", job_id=f"j{n}"))
    await redis.hset(keys.job("j0"), "enqueued", "never")

    page = await (await client.get("/jobs/new?fn=resize")).text()

    assert re.findall(r"like=(j\d)", page) == ["j1"]
    assert "Unreadable" in page


async def test_a_task_is_found_by_its_name_or_by_what_it_does(client: Client) -> None:
    def shown(page: str) -> list[str]:
        links = re.findall(r'<a href="/jobs/new\?fn=(\w+)[^>]*?>', page)
        hidden = re.findall(r'<a href="/jobs/new\?fn=(\w+)[^>]*? hidden', page)
        return [name for name in links if name not in hidden]

    assert shown(await (await client.get("/jobs/new?find=RESI")).text()) == ["resize"]
    assert shown(await (await client.get("/jobs/new?find=smaller+pictures")).text()) == ["resize"]
    nobody = await (await client.get("/jobs/new", params={"find": "<b>"})).text()
    assert shown(nobody) == []
    assert '<p class="none">' in nobody


async def test_what_a_worker_published_stays_text(client: Client, redis: Any, keys: Keys) -> None:
    hostile = '"><script>alert(1)</script>{{ 7 * 7 }}'
    parameter = {
        "name": hostile,
        "type": hostile,
        "json_schema": {"type": "object", "properties": {hostile: {}}, "description": hostile},
    }
    info = FunctionInfo(name=hostile, doc=hostile, signature=hostile, parameters=[parameter])  # type: ignore[list-item] # pyright: ignore
    await redis.hset(keys.functions, hostile, info.model_dump_json())
    await forget(client)

    page = await (await client.get("/jobs/new", params={"fn": hostile})).text()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_what_the_code_for_curl_says_is_taken_by_the_api(client: Client, redis: Any, keys: Keys) -> None:
    options = {
        "opt.priority": "3",
        "opt.max_tries": "2",
        "opt.timeout": "9",
        "opt.unique_key": "k",
        "opt.defer_by": "60",
        "opt.tags": "import customer:42",
    }
    text = await (
        await send(client, "/jobs/preview", HTMX, function="resize", **{"arg.folder": "/in", **options})
    ).text()
    shown = html.unescape(re.search(r'aria-label="curl"[^>]*>(.*?)</pre>', text, re.DOTALL)[1])  # type: ignore[index]

    answer = await client.post("/api/v1/jobs", json=json.loads(shlex.split(shown)[-1]))

    assert answer.status == 202, await answer.text()
    job = keys.job((await answer.json())["id"])
    assert await redis.hmget(job, "priority", "max_tries", "timeout") == [b"3", b"2", b"9"]
