"""The shop of examples/shop: its web application, its worker, mail and reports, as its users see them."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from arqboard.demo.export_csv import export_csv
from arqboard.testing import Kit, kit

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@dataclass
class Shop:
    """The application, and the worker behind it."""

    client: TestClient[Any, Any]
    kit: Kit

    async def post(self, path: str, body: Any, status: int = 202) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def task(self, url: str, status: int = 200) -> Any:
        answer = await self.client.get(url)
        assert answer.status == status
        return await answer.json()

    @property
    def mails(self) -> Any:
        assert self.kit.worker is not None
        return self.kit.worker.ctx["sink"].mailbox.latest


@pytest.fixture
async def shop(redis: object, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.syspath_prepend(str(SHOP))
    monkeypatch.setenv("SHOP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SMTP_URL", raising=False)
    from shop.app import shop as make_shop
    from shop.worker import WorkerSettings

    async with kit(redis_url) as opened:
        await opened.use(WorkerSettings)
        async with TestClient(TestServer(make_shop(redis_url, tmp_path / "shop.sqlite"))) as client:
            yield Shop(client, opened)
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        del sys.modules[name]


async def test_who_registers_gets_one_mail(shop: Shop) -> None:
    told = await shop.post("/register", {"email": "ada@example.org", "name": "Ada"})
    assert (await shop.task(told["url"]))["state"] == "queued"
    again = await shop.post("/register", {"email": "ada@example.org", "name": "Ada"})
    assert (again["task"], again["user_id"]) == (told["task"], told["user_id"])

    jobs = await shop.kit.run_until_idle(raise_errors=True)
    [mail] = shop.mails
    assert mail.rcpt_tos == ["ada@example.org"] and b"Welcome, Ada" in mail.content
    assert [job.result for job in jobs if job.function == "congratulate"] == ["Ada was welcomed at ada@example.org"]
    assert await shop.task(told["url"]) == {
        "id": told["task"], "state": "succeeded", "percent": 100.0, "doing": "", "error": None,
        "result": {"to": "ada@example.org", "message_id": mail.content.decode().split("Message-ID: ")[1].split()[0]},
    }  # fmt: skip


async def test_a_refused_address_is_told_as_the_tasks_error(shop: Shop) -> None:
    told = await shop.post("/register", {"email": "bad@example.org", "name": "Bad"})
    await shop.kit.run_until_idle()
    task = await shop.task(told["url"])
    assert task["state"] == "failed" and "no such mailbox" in task["error"]


async def test_a_report_is_made_once_and_downloaded_from_the_dashboard(shop: Shop) -> None:
    one, two = await shop.post("/reports", {"user_id": 7}), await shop.post("/reports", {"user_id": 7})
    assert one == two
    await shop.kit.run_until_idle(timeout=30, raise_errors=True)
    task = await shop.task(one["url"])
    assert (task["state"], task["percent"], task["result"]["user_id"]) == ("succeeded", 100.0, 7)

    page = await shop.client.get(f"/ops/jobs/{one['task']}")
    assert page.status == 200 and "report-7.pdf" in await page.text()
    file = await shop.client.get(f"/ops/api/v1/jobs/{one['task']}/artefacts/1")
    assert file.content_type == "application/pdf" and (await file.read()).startswith(b"%PDF")


async def test_the_page_of_a_task_has_its_bar(shop: Shop) -> None:
    told = await shop.post("/reports", {"user_id": 7})

    page = await (await shop.client.get(f"{told['url']}/watch")).text()

    (address,) = re.findall(r'data-job="([^"]+)"', page)
    bar = await shop.client.get(URL(html.unescape(address), encoded=True).relative())
    assert bar.status == 200 and "Waiting to start" in await bar.text()


async def test_an_unknown_task_is_not_found_in_words(shop: Shop) -> None:
    assert (await shop.task("/tasks/nothing", 404))["error"] == "There is no such task."


async def test_other_jobs_of_the_board_are_no_customers_business(shop: Shop) -> None:
    other = await export_csv.submit()
    assert (await other.info()).function == "export_csv"

    await shop.task(f"/tasks/{other.id}", 404)
    await shop.task(f"/tasks/{other.id}/watch", 404)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/register", {"email": "ada", "name": "Ada"}, "email"),
        ("/register", {"email": "ada@example.org"}, "name"),
        ("/register", {"email": "ada@example.org", "name": "Ada", "admin": True}, "admin"),
        ("/reports", {"user_id": 0}, "user_id"),
        ("/reports", [], "body"),
    ],
)
async def test_bad_input_is_named(shop: Shop, path: str, body: Any, field: str) -> None:
    assert field in (await shop.post(path, body, status=422))["errors"]
    assert await shop.kit.jobs() == []
