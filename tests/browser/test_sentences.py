"""Questions, notes and titles whose names come from elsewhere, and questions that follow each other fast."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect
from waiting import eventually

from arqboard.protocol.commands import Submission

from .conftest import Site, go_live

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

#: All that comes after it is read backwards.
TURNING = "file\u202egpj.exe"


async def waiting(site: Site, job_id: str, function: str = "typed") -> None:
    """A job in a queue that nobody works on."""
    await site.commands.submit(Submission(function, "elsewhere", b"p", job_id=job_id))


async def test_a_name_turns_no_question_no_note_and_no_title(page: Page, site: Site) -> None:
    await waiting(site, "j1", TURNING)
    await go_live(page, site.url("/jobs/j1"))
    await page.get_by_role("button", name="Abort").click()
    question = page.locator("#ask-what")
    await expect(question).to_have_text(re.compile(r"^Abort file\\u202egpj\.exe j1\?$"))
    await page.locator("#ask [data-yes]").click()

    await expect(page).to_have_title(re.compile(r"file\\u202egpj\.exe: Aborted"))
    await expect(page.locator("#announce")).to_have_text(re.compile(r"file\\u202egpj\.exe: Aborted"))
    await expect(page.locator("#h-job")).to_have_text(TURNING)  # by itself, and isolated, it is what it is


async def test_a_value_in_a_form_keeps_what_turns(page: Page, site: Site) -> None:
    await waiting(site, "j\u202e1")
    await page.goto(site.url("/jobs"))
    box = page.locator(".c-sel input[name=id]")
    await expect(box).to_have_value("j\u202e1")
    await expect(box).to_have_attribute("aria-label", re.compile(r"j\\u202e1"))


ASK_TWICE = """() => {
  const dialog = document.getElementById('ask'), [first, second] = document.querySelectorAll('form.twice');
  window.sent = [];
  for (const form of [first, second]) {
    form.addEventListener('submit', event => { sent.push(form.id); event.preventDefault(); });
  }
  first.requestSubmit();
  dialog.querySelector('[data-no]').click();
  second.requestSubmit();  // before the browser has said that the first question is closed
}"""


async def test_the_late_end_of_a_question_is_no_answer_to_the_next(page: Page, site: Site) -> None:
    await go_live(page, site.url())
    await page.evaluate(
        """() => { for (const id of ['one', 'two']) {
          const form = Object.assign(document.createElement('form'), { id, className: 'twice' });
          form.dataset.confirm = `Do ${id}?`;
          form.append(document.createElement('button'));
          document.querySelector('main').append(form);
        } }"""
    )
    await page.evaluate(ASK_TWICE)
    await expect(page.locator("#ask-what")).to_have_text("Do two?")
    await page.locator("#ask [data-yes]").click()

    await expect(page.locator("#ask")).to_be_hidden()
    assert await eventually(lambda: sent(page)) == ["two"]


async def sent(page: Page) -> list[str]:
    ids: list[str] = await page.evaluate("sent")
    return ids


async def test_suggestions_stay_under_their_field_when_the_window_is_narrowed(page: Page, site: Site) -> None:
    await waiting(site, "j1")
    await go_live(page, site.url())
    await page.locator("#add").focus()
    listed = page.locator("#suggestions")
    await expect(listed).to_be_visible()

    for width in (1000, 700, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await eventually(lambda: is_under(page))


async def is_under(page: Page) -> bool:
    """Whether the list begins below its field, and is in the window from side to side."""
    field, listed = await page.locator("#add").bounding_box(), await page.locator("#suggestions").bounding_box()
    assert field is not None
    assert listed is not None
    width = await page.evaluate("innerWidth")
    gap = listed["y"] - (field["y"] + field["height"])
    return 0 <= gap < 24 and listed["x"] >= 0 and listed["x"] + listed["width"] <= width
