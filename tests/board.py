"""What the dashboard's tests share: functions as a worker would publish them, and a browser's few secrets."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Literal

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient
from pydantic import Field

from arqboard.protocol import FunctionInfo
from arqboard_dashboard.app import create_app
from arqboard_dashboard.appkeys import GATE, OVERVIEW
from arqboard_dashboard.fragments import METERS_OF_PAGES
from arqboard_dashboard.new_views import FieldView
from arqboard_dashboard.settings import Settings

Client = TestClient[Any, Any]
MakeClient = Callable[..., Awaitable[Client]]


async def resize(
    ctx: dict[Any, Any],
    folder: str,
    width: Annotated[int, Field(ge=1, le=10_000)] = 800,
    format: Literal["jpeg", "webp"] = "jpeg",
    *,
    sharpen: bool = True,
    since: dt.date | None = None,
    options: dict[str, Any] | None = None,
) -> int:
    """Make smaller pictures of all in a folder."""
    return 0


async def total(ctx: dict[Any, Any], *numbers: float) -> float:
    return sum(numbers)


async def nothing(ctx: dict[Any, Any]) -> None: ...


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


async def everything(
    ctx: dict[Any, Any],
    text: str,
    count: Annotated[int, Field(gt=0, le=9)],
    share: float = 0.5,
    flag: bool = True,
    colour: Colour = Colour.RED,
    level: Literal[1, 2, "max"] = 1,
    maybe: bool | None = None,
    day: dt.date | None = None,
    at: dt.datetime | None = None,
    clock: dt.time | None = None,
    items: list[int] = [1, 2],  # noqa: B006 - the default is only described
    either: int | str = 0,
    unknown: Any = None,
    note: Annotated[str, Field(max_length=5000)] = "",
) -> None: ...


FUNCTIONS = {f.__name__: FunctionInfo.of(f.__name__, f) for f in (resize, total, nothing)}


EVERYTHING = FunctionInfo.of("everything", everything)


def by_name(fields: list[FieldView]) -> dict[str, FieldView]:
    """The inputs of a form by the names of their parameters."""
    return {view.name.removeprefix("arg."): view for view in fields}


def form_token(client: Client) -> str:
    """What every form of that dashboard carries."""
    return str(client.app[GATE].form_token)


def own_origin(client: Client) -> str:
    """What a browser sends as `Origin` from a page of that dashboard."""
    return str(client.make_url("/").origin())


async def post_form(client: Client, path: str, **headers: str) -> Any:
    """What a form with nothing but its token sends."""
    form = {"token": form_token(client)}
    return await client.post(path, data=form, headers={"Origin": own_origin(client), **headers}, allow_redirects=False)


async def page_text(client: Client, path: str, status: int = 200) -> str:
    """A page as a browser gets it."""
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.status == status
    return await answer.text()


async def are_pushed_as_shown(client: Client, page: str, names: Iterable[str]) -> None:
    """Each of these parts is on the page, and what is pushed takes its place there."""
    for name in names:
        kind, _, key = name.partition(":")
        METERS_OF_PAGES[kind].check(key)
        pushed = await METERS_OF_PAGES[kind].read(client.app, key)
        assert f'data-live="{name}"' in page and f'data-live="{name}"' in pushed
        assert 'hx-swap-oob="outerMorph"' in pushed


async def forget(client: Client) -> None:
    """Let the next page read everything anew instead of up to a second later."""
    overview = client.app[OVERVIEW]
    overview.functions.expire()
    for fresh in (overview.queues, overview.workers, overview.counts, overview.side, overview.kpis, overview.tags):
        fresh.expire()
    overview.trends.expire()


def routes() -> list[tuple[str, str]]:
    """Every method and address of the application, files aside."""
    resources = [(route.method, route.resource) for route in create_app(Settings.read()).router.routes()]
    found = {(method, resource.canonical.replace("{id}", "j1")) for method, resource in resources if resource}
    return sorted((method, path) for method, path in found if path and not path.startswith("/static"))


async def hear(ws: ClientWebSocketResponse, kind: str, containing: str = "") -> dict[str, Any]:
    """The next message of a kind; the others are painted and passed over."""
    while True:
        message: dict[str, Any] = await ws.receive_json(timeout=20)
        if "seq" in message:
            await ws.send_json({"t": "ack", "seq": message["seq"]})
        if message["t"] == kind and containing in message.get("content", ""):
            return message


async def closed(ws: ClientWebSocketResponse) -> int | None:
    """The code that the server closes with, whatever it says before."""
    while True:
        message = await ws.receive(timeout=20)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
            return ws.close_code
        assert message.type is WSMsgType.TEXT
