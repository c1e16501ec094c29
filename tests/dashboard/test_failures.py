"""The pages of failures: groups in a grid, one group, and what is done to all of its jobs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from board import Client, forget, form_token
from multidict import MultiDict
from waiting import eventually

from arqboard.protocol import Keys, Outcome, Reader, State
from arqboard.protocol.commands import Commands, Ended, Submission
from arqboard.protocol.failures import By, Failures
from arqboard_dashboard.errors import BadInput
from arqboard_dashboard.failures_views import FailuresQuery, GroupQuery, heat
from arqboard_dashboard.meters import all_meters
from arqboard_dashboard.traces import read_trace

QUEUE = "arq:queue"
HTMX = {"HX-Request": "true"}
TRACE = """Traceback (most recent call last):
  File "/srv/shop/images.py", line 3, in first
    raise KeyError("earlier")
KeyError: 'earlier'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/venv/lib/python3.12/site-packages/arq/worker.py", line 9, in run
    await job()
  File "/srv/shop/tasks.py", line 12, in resize
    save(picture)
    ~~~~^^^^^^^^^
  File "/srv/shop/images.py", line 40, in save
    picture.save(path)
  File "/usr/lib/python3.12/pathlib.py", line 5, in open
    return io.open(self)
OSError: no disk
"""


async def fail(commands: Commands, job_id: str = "j1", function: str = "resize", **told: Any) -> None:
    await commands.submit(Submission(function, QUEUE, b"payload", job_id=job_id))
    [attempt] = (await commands.claim(QUEUE, "w1", 1, lease_ms=10_000, max_crashes=3)).jobs
    told = {"error_type": "OSError", "error": "no disk", "frame": "shop.images:save", "traceback": TRACE, **told}
    ended = Ended(attempt.job_id, attempt.token, Outcome.FAILED, **told)
    await commands.finish([ended], keep_jobs=1000, keep_jobs_ms=10**9)


async def fingerprint(redis: Any, n: int = 0) -> str:
    return (await Failures(redis).page(By.FINGERPRINT)).groups[n].name


async def act(client: Client, path: str, headers: Any = None, **fields: str) -> Any:
    return await client.post(path, data={"token": form_token(client), **fields}, headers=headers, allow_redirects=False)


async def test_failures_are_shown_in_groups(client: Client, commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2")
    await fail(commands, "j3", "send", error_type="ValueError", error="<b>bad</b>", frame="shop.mail:send")

    html = await (await client.get("/failures")).text()

    assert html.count('class="frow"') == 2
    assert "shop.images:save" in html
    assert "&lt;b&gt;bad" in html
    assert "<b>bad" not in html
    assert f'/failures/{await fingerprint(redis, 1)}?since=1h"' in html
    assert 'aria-current="page"' in html.split("Failures</a>")[0].rpartition("<a ")[2] or "Failures" in html
    assert 'data-live="failures:"' in html


@pytest.mark.parametrize(("by", "names"), [("function", ["resize", "send"]), ("exception", ["OSError"])])
async def test_groups_by_function_and_by_exception(
    client: Client, commands: Commands, by: str, names: list[str]
) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2", "send")

    html = await (await client.get(f"/failures?by={by}")).text()

    found = re.findall(r'class="f-title"><a href="/failures/(\w+)\?by=(\w+)"', html)
    assert sorted(found) == [(name, by) for name in names]


async def test_nothing_has_failed(client: Client) -> None:
    html = await (await client.get("/failures")).text()

    assert "Nothing has failed" in html
    assert 'class="frow"' not in html


async def test_nothing_failed_in_the_last_hour_and_more_before(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await fail(commands)
    await redis.zincrby(keys.failures("fingerprint"), -7_200_000, await fingerprint(redis))

    html = await (await client.get("/failures?window=1h")).text()

    assert "Nothing failed in the last 1 h" in html
    assert 'href="/failures"' in html


async def test_jobs_that_are_in_no_group_are_not_passed_over(client: Client, commands: Commands, redis: Any) -> None:
    """They failed before there were groups."""
    await fail(commands)
    await redis.delete(*[f"arqboard:failures:{by}" for by in By])
    await forget(client)

    html = await (await client.get("/failures")).text()

    assert "1 failed job is in no group" in html
    assert "/jobs?state=failed" in html


@pytest.mark.parametrize(
    ("query", "field"), [("by=colour", "by"), ("window=2h", "window"), ("order=x", "order"), ("page=x", "page")]
)
async def test_a_bad_parameter_is_named(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/failures?{query}", headers={"Accept": "application/json"})

    assert answer.status == 422
    assert (await answer.json())["error"]["field"] == field


async def test_the_page_of_a_group_shows_where_and_its_jobs(client: Client, commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2")
    await fail(commands, "other", error_type="ValueError")
    group = (await Failures(redis).page(By.FINGERPRINT)).groups[1]

    html = await (await client.get(f"/failures/{group.name}")).text()

    assert 'id="job-j1"' in html
    assert 'id="job-j2"' in html
    assert 'id="job-other"' not in html
    assert html.index("images.py:40") < html.index("tasks.py:12") < html.index("site-packages/arq")
    assert "Retry 2 jobs" in html
    assert f'data-live="failure:by=fingerprint&amp;name={group.name}"' in html


async def test_a_cell_leads_to_exactly_its_jobs(client: Client, commands: Commands, redis: Any, keys: Keys) -> None:
    await fail(commands, "old")
    name = await fingerprint(redis)
    await redis.zincrby(keys.failed("fingerprint", name), -7_200_000, "old")
    await fail(commands, "young")

    within = await (await client.get(f"/failures/{name}?since=1h")).text()
    ever = await (await client.get(f"/failures/{name}")).text()

    assert ('id="job-young"' in within, 'id="job-old"' in within, "Retry 1 job<" in within) == (True, False, True)
    assert ('id="job-young"' in ever, 'id="job-old"' in ever) == (True, True)


async def test_the_jobs_of_a_group_are_paged(client: Client, commands: Commands, redis: Any) -> None:
    for n in range(55):
        await fail(commands, f"j{n}")
    name = await fingerprint(redis)

    first = await (await client.get(f"/failures/{name}")).text()
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    second = await (await client.get(older[1].replace("&amp;", "&"))).text()

    shown = [re.findall(r'id="job-(j\d+)"', page) for page in (first, second)]
    assert [len(ids) for ids in shown] == [50, 5]
    assert {*shown[0], *shown[1]} == {f"j{n}" for n in range(55)}


async def test_what_nobody_knows_is_not_found(client: Client) -> None:
    for path in ("/failures/nope", "/failures/x?by=function", "/failures/" + "x" * 501):
        answer = await client.get(path)
        assert answer.status == 404
        assert "No such failures" in await answer.text()


async def test_all_jobs_of_a_group_are_retried_without_scripts(
    client: Client, commands: Commands, reader: Reader, redis: Any
) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2")

    answer = await act(client, f"/failures/{await fingerprint(redis)}/retry")

    assert (answer.status, answer.headers["Location"]) == (303, "/failures")
    assert (await reader.counts())[State.QUEUED] == 2


async def test_a_row_of_the_grid_answers_with_the_grid_and_says_what_came_of_it(
    client: Client, commands: Commands, redis: Any
) -> None:
    await fail(commands, "j1", error_type="ValueError")
    await fail(commands, "j2")
    await fail(commands, "j3")

    answer = await act(client, f"/failures/{await fingerprint(redis)}/delete", HTMX, grid="window=24h")

    html = await answer.text()
    assert answer.status == 200
    assert html.startswith('<section id="failures"')
    assert 'data-live="failures:window=24h"' in html
    assert html.count('class="frow"') == 1
    assert "2 jobs were deleted." in html
    assert 'hx-swap-oob="beforeend:#toasts"' in html


async def test_jobs_whose_call_has_expired_stay_and_are_counted(
    client: Client, commands: Commands, redis: Any, keys: Keys
) -> None:
    await fail(commands, "j1")
    await fail(commands, "j2")
    await redis.delete(keys.payload("j1"))

    answer = await act(client, f"/failures/{await fingerprint(redis)}/retry", HTMX)

    html = await answer.text()
    assert html.startswith('<section id="failure"')
    assert "1 job runs again. 1 could not: its call has expired." in html
    assert "Retry 1 job<" in html


async def test_only_the_time_that_was_asked_about_is_hit(
    client: Client, commands: Commands, reader: Reader, redis: Any, keys: Keys
) -> None:
    await fail(commands, "old")
    name = await fingerprint(redis)
    await redis.zincrby(keys.failed("fingerprint", name), -7_200_000, "old")
    await fail(commands, "young")

    await act(client, f"/failures/{name}/retry?since=1h", HTMX)

    states = [job.state for job in (await reader.get("old"), await reader.get("young"))]
    assert states == [State.FAILED, State.QUEUED]


async def _is_past(redis: Any, moment: tuple[int, int]) -> bool:
    """The next millisecond has begun; what happens within one is at the same time."""
    seconds, micros = await redis.time()
    return bool((seconds, micros // 1000) > (moment[0], moment[1] // 1000))


async def test_a_fault_that_came_with_the_last_deploy_is_marked(client: Client, commands: Commands, redis: Any) -> None:
    await fail(commands, "j1")
    failed = await redis.time()
    await eventually(lambda: _is_past(redis, failed))
    await commands.deploy("1.1")
    assert "First seen since" not in await (await client.get("/failures")).text()

    await fail(commands, "j2", error_type="TypeError")

    html = await (await client.get("/failures")).text()
    assert html.count("First seen since") == 1
    row = html.split('class="frow"')[1]
    assert "TypeError" in row
    assert "First seen since" in row


async def test_names_of_functions_can_be_anything(client: Client, commands: Commands) -> None:
    await fail(commands, "j1", "a/b?<c>&d%2F")

    html = await (await client.get("/failures?by=function")).text()
    link = re.search(r'class="f-title"><a href="([^"]+)"', html)
    assert link
    page = await client.get(link[1].replace("&amp;", "&"))

    assert page.status == 200
    assert 'id="job-j1"' in await page.text()


def test_every_list_has_one_name() -> None:
    for query in (FailuresQuery(), FailuresQuery(By.FUNCTION, "24h", "count", 3)):
        assert FailuresQuery.parse(query.text()) == query
    group = GroupQuery(By.EXCEPTION, "a&b=c d", "3d")
    assert GroupQuery.parse(group.text()) == group


@pytest.mark.parametrize("name", ["window=", "by=fingerprint", "page=2&window=1h", "x=1", "window=99h", "page=0"])
def test_other_names_can_not_be_watched(name: str) -> None:
    with pytest.raises((ValueError, BadInput)):
        all_meters()["failures"].check(name)


async def test_what_is_live_is_what_the_page_shows(client: Client, commands: Commands, redis: Any) -> None:
    await fail(commands)
    group = GroupQuery(By.FINGERPRINT, await fingerprint(redis))
    meters = all_meters()

    for kind, name, path in (("failures", "", "/failures"), ("failure", group.text(), group.path())):
        pushed = await meters[kind].read(client.app, name)
        assert pushed.replace(' hx-swap-oob="outerMorph"', "") in await (await client.get(path)).text()
    assert await meters["failure"].read(client.app, GroupQuery(By.FUNCTION, "nope").text()) == ""


def test_frames_of_the_users_code_come_first() -> None:
    trace = read_trace(TRACE)

    assert [(f.function, f.line) for f in trace.own] == [("save", 40), ("resize", 12)]
    assert trace.own[1].code == "save(picture)\n~~~~^^^^^^^^^"
    assert trace.others == 2


@pytest.mark.parametrize("text", ["", "ValueError: no", 'File "x", line 1', '  File "x", line 99999999999, in y'])
def test_any_text_can_be_read_as_a_trace(text: str) -> None:
    read_trace(text)


def test_more_failures_are_darker() -> None:
    assert [heat(n) for n in (0, 1, 10, 100, 1000, 10**6)] == [0, 1, 2, 3, 4, 4]


def test_a_query_names_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="2h"):
        FailuresQuery.of(MultiDict({"window": "2h"}))
