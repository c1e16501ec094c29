"""The pages of schedules: when each runs, what became of its ticks, and what can be done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from board import Client, are_pushed_as_shown, forget, own_origin, page_text, post_form
from floor_data import QUEUE, claim, definition

from arqboard.protocol import Outcome, Unreadable
from arqboard.protocol.arqcron import ArqCron
from arqboard.protocol.catchup import CatchUp, Plan
from arqboard.protocol.commands import Commands, Ended
from arqboard.protocol.schedule import At, Crontab, Every, Spec
from arqboard.protocol.schedule_record import RunOutcome, ScheduleInfo, ScheduleRun
from arqboard.protocol.schedules import Schedules
from arqboard_dashboard.appkeys import SCHEDULE_BOARD
from arqboard_dashboard.fragments import METERS_OF_PAGES
from arqboard_dashboard.schedule_views import ScheduleRow, Tick
from arqboard_dashboard.schedule_words import wall


@pytest.fixture
async def schedules(redis: Any) -> Schedules:
    return Schedules(redis)


async def text(client: Client, path: str, status: int = 200) -> str:
    await forget(client)
    client.app[SCHEDULE_BOARD].all.expire()
    return await page_text(client, path, status)


async def tick(schedules: Schedules, name: str, *, missed: int = 0) -> None:
    """Its time has come, and that of some before, which nobody ticked."""
    [due] = [due for due in (await schedules.due(QUEUE, [name], offset_ms=10**10)).schedules if due.name == name]
    ticks = [due.tick + n * 1000 for n in range(missed + 1)]
    await schedules.tick(due, Plan((ticks[-1],), tuple(ticks[:-1]), missed, due.tick + 10**7), b"")


# What a row says


def row(spec: Spec, *ticks: Tick, **info: Any) -> ScheduleRow:
    given: dict[str, Any] = {
        "next": 1_900_000_000_000, "last": None, "last_job": "", "paused": False, "catch_up": CatchUp.ONE, "runs": 0,
        "missed": 0, "source": "code", "orphaned": False,
    }  # fmt: skip
    return ScheduleRow(ScheduleInfo("s", spec, "f", "q", "[]", "{}", **{**given, **info}), list(ticks))


@pytest.mark.parametrize(
    ("spec", "words", "line", "zone"),
    [
        (Every(300), "Every 5 minutes", "every(300)", "UTC"),
        (Crontab("0 9 * * mon", "Europe/Berlin"), "At 09:00 on Monday", "0 9 * * mon", "Europe/Berlin"),
        (ArqCron(hour=3, minute=30), "At 03:30 every day", "cron(…)", "UTC"),
        (At(1_900_000_000_000), "Once, on Sun 17 Mar 2030, 17:46:40", "at(…)", "UTC"),
    ],
)
def test_a_schedule_is_told_in_words_and_as_it_is_written(spec: Spec, words: str, line: str, zone: str) -> None:
    found = row(spec)
    assert (found.words, found.line, found.zone) == (words, line, zone)


def test_times_are_those_of_the_schedules_zone() -> None:
    nine = int(datetime(2026, 11, 30, 8, 0, tzinfo=UTC).timestamp() * 1000)
    assert wall(nine, "Europe/Berlin") == "Mon 30 Nov 2026, 09:00"
    assert wall(nine, "UTC", nine) == "Mon 30 Nov, 08:00"
    assert wall(nine, "UTC+05:30", nine, seconds=True) == "Mon 30 Nov, 13:30:00"
    assert wall(10**18, "UTC") == "a time that no calendar has"


def test_the_next_five_times_are_known_and_none_of_what_is_paused_or_over() -> None:
    found = row(Every(60), next=1_900_000_020_000)
    assert found.upcoming == tuple(1_900_000_020_000 + n * 60_000 for n in range(5))
    assert found.shows_seconds is False and row(Every(10), next=1_900_000_020_000).shows_seconds
    assert row(Every(60), next=None, paused=True).upcoming == ()
    over = row(At(5), next=None)
    assert over.is_over and not over.can_pause and over.upcoming == ()


def test_what_is_in_the_code_of_a_worker_cannot_be_deleted() -> None:
    assert not row(Every(60)).can_delete
    assert row(Every(60), orphaned=True).can_delete and row(Every(60), source="program").can_delete


def test_how_late_ticks_are_is_taken_from_those_by_the_clock() -> None:
    def at(late: int, outcome: RunOutcome) -> Tick:
        return Tick(ScheduleRun(1000, 1000 + late, "j", outcome), None)

    late = [at(4, RunOutcome.ENQUEUED), at(8, RunOutcome.ENQUEUED), at(90, RunOutcome.ENQUEUED)]
    assert row(Every(60), *late, at(7000, RunOutcome.BY_HAND), at(9000, RunOutcome.MISSED)).late_ms == (8, 90)
    assert row(Every(60)).late_ms is None


# Pages


async def test_without_a_schedule_the_page_says_where_they_come_from(client: Client) -> None:
    page = await text(client, "/schedules")
    assert "No schedule yet" in page and "crontab(" in page


async def test_the_list_shows_when_each_runs(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    await schedules.add(definition("news letter/ä", Crontab("0 9 * * mon", "Europe/Berlin")))
    await schedules.add(definition("old", At(5)))
    page = await text(client, "/schedules")
    assert "3 schedules" in page and "Every 5 minutes" in page and "resize(width=3)" in page
    assert "At 09:00 on Monday" in page and "0 9 * * mon" in page and "Europe/Berlin" in page
    assert 'href="/schedules/news%20letter%2F%C3%A4"' in page
    assert page.count('<ol class="upcoming num">') == 2 and "Over" in page


async def test_ticks_show_what_became_of_them_and_lead_to_their_jobs(
    client: Client, schedules: Schedules, commands: Commands
) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    await tick(schedules, "clean-up", missed=2)
    [attempt] = await claim(commands)
    await commands.finish([Ended(attempt.job_id, attempt.token, Outcome.FAILED)], keep_jobs=9, keep_jobs_ms=10**9)
    await schedules.run("clean-up")
    page = await text(client, "/schedules")
    assert page.count("tk-missed") == 2 and page.count("tk-failed") == 1 and page.count("tk-queued") == 1
    assert "2 did not run" in page and f'href="/jobs/{attempt.job_id.replace(":", "%3A")}"' in page
    assert page.index("tk-missed") < page.index("tk-failed") < page.index("tk-queued"), "the newest is on the right"

    page = await text(client, "/schedules/clean-up")
    assert "by hand" in page and "2 runs" in page and "Late by" in page
    assert "runs the latest tick that was missed" in page and "a program" in page


async def test_a_job_that_is_gone_from_the_history_is_said_to_be(
    client: Client, schedules: Schedules, commands: Commands
) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    await commands.discard(await schedules.run("clean-up"))
    assert "its job is gone" in await text(client, "/schedules")


async def test_a_record_that_cannot_be_read_spoils_its_row_only(
    client: Client, schedules: Schedules, redis: Any
) -> None:
    for name in ("broken", "fine", "text"):
        await schedules.add(definition(name, Every(300)))
    await redis.hset(schedules.keys.schedule("broken"), "spec", '{"kind": "<b>moon"}')
    await redis.delete(schedules.keys.schedule("text"))
    await redis.set(schedules.keys.schedule("text"), "no hash")
    await redis.set(schedules.keys.schedule_runs("fine"), "no list")
    page = await text(client, "/schedules")
    assert page.count("Unreadable") == 2 and "Every 5 minutes" in page and "<b>moon" not in page
    assert "can&#39;t be read" in await text(client, "/schedules/broken", 422)
    assert 'data-live="schedule:broken"' in await METERS_OF_PAGES["schedule"].read(client.app, "broken")
    assert isinstance(await client.app[SCHEDULE_BOARD].row("broken"), Unreadable)


async def test_a_schedule_that_nobody_knows_is_not_found(client: Client) -> None:
    assert "No such schedule" in await text(client, "/schedules/none", 404)
    for action in ("run", "pause", "resume", "delete"):
        assert (await post_form(client, f"/schedules/none/{action}")).status == 404


# Actions

HTMX = {"HX-Request": "true", "HX-Target": "div#schedule-clean-up"}


async def test_a_schedule_is_paused_resumed_and_run_in_its_row(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    said = await (await post_form(client, "/schedules/clean-up/pause", **HTMX)).text()
    assert 'role="row"' in said and "Paused" in said and "/resume" in said
    said = await (await post_form(client, "/schedules/clean-up/run", **HTMX)).text()
    assert "tk-queued" in said and "Paused" in said
    said = await (await post_form(client, "/schedules/clean-up/resume", **HTMX)).text()
    assert "Paused" not in said and "/pause" in said
    page = {**HTMX, "HX-Target": "div#schedule-page-clean-up"}
    assert "<h1" in await (await post_form(client, "/schedules/clean-up/pause", **page)).text()


async def test_without_javascript_a_run_leads_to_its_job_and_a_pause_back(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    answer = await post_form(client, "/schedules/clean-up/run")
    assert answer.status == 303 and answer.headers["Location"].startswith("/jobs/clean-up%3Arun-")
    answer = await post_form(client, "/schedules/clean-up/pause", Referer=f"{own_origin(client)}/schedules")
    assert answer.headers["Location"] == "/schedules"
    assert "until it is resumed" in await text(client, "/schedules")


async def test_a_one_off_is_deleted_and_what_is_in_the_code_is_not(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("once", At(1_900_000_000_000)))
    await schedules.add(definition("coded", Every(60), source="code"))
    page = await text(client, "/schedules")
    assert 'action="/schedules/once/delete"' in page and 'action="/schedules/coded/delete"' not in page
    answer = await post_form(client, "/schedules/once/delete", **{**HTMX, "HX-Target": "div#schedule-once"})
    assert 'id="schedule-once" hx-swap-oob="delete"' in await answer.text()
    assert (await post_form(client, "/schedules/coded/delete")).status == 409


async def test_deleted_from_its_own_page_there_is_the_list(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("once", At(1_900_000_000_000)))
    answer = await post_form(client, "/schedules/once/delete", **{**HTMX, "HX-Target": "div#schedule-page-once"})
    assert answer.headers["HX-Redirect"] == "/schedules"
    assert await schedules.all() == []


async def test_a_run_that_another_job_is_in_the_way_of_is_refused(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("clean-up", Every(300), job_id="only-one"))
    assert (await post_form(client, "/schedules/clean-up/run")).status == 303
    assert (await post_form(client, "/schedules/clean-up/run")).status == 409


# Live parts


async def test_each_part_of_a_page_is_pushed_as_the_page_has_it(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("clean-up", Every(300)))
    await schedules.run("clean-up")
    for page, names in {
        "/schedules": ["schedules", "schedule:clean-up"],
        "/schedules/clean-up": ["schedule-page:clean-up"],
    }.items():
        await are_pushed_as_shown(client, await text(client, page), names)
    assert await METERS_OF_PAGES["schedule"].read(client.app, "gone") == ""  # then the list is asked for anew
    assert "This schedule was deleted" in await METERS_OF_PAGES["schedule-page"].read(client.app, "gone")


async def test_the_list_has_another_mark_when_a_schedule_comes(client: Client, schedules: Schedules) -> None:
    await schedules.add(definition("a", Every(300)))
    before = (await client.app[SCHEDULE_BOARD].all.again()).members
    await schedules.pause("a")
    assert (await client.app[SCHEDULE_BOARD].all.again()).members == before
    await schedules.add(definition("b", Every(300)))
    assert (await client.app[SCHEDULE_BOARD].all.again()).members != before
