"""Whether a page that has been open for a while is, word by word, as one that is opened now."""

from __future__ import annotations

import asyncio
import difflib
import time
from contextlib import suppress

from playwright.async_api import Error, Page, WebSocketRoute

#: Both as lines: elements with what tells them apart, and texts. Times are compared by what they stand for, since each
#: page keeps its own going; what a script alone shows (a pill, a cursor, a button to copy) is left out.
_LINES = """async () => {
  const KEPT = ['class', 'hidden', 'data-state', 'data-live', 'value', 'max', 'href', 'action', 'disabled', 'role',
    'aria-current', 'aria-label', 'aria-rowcount', 'd', 'points', 'x', 'y', 'width', 'height', 'datetime'];
  const OWN = '.newpill, .cursor, #chunk-detail, .kept, script, template, noscript, [data-count], option,'
    + ' #charts, .kpis svg' + (new URL(location.href).searchParams.has('q') ? ', #how-many, .pager' : '');
  const SHOWN_BY_SCRIPTS = '[data-all-frames], [data-copy-from], [data-follow], [data-bell], [data-copy]';
  const tidy = text => text.replace(/htmx-[a-z]+/g, '').replace(/\\s+/g, ' ').trim();
  const told = el => KEPT.filter(name => el.hasAttribute(name) && !(name === 'hidden' && el.matches(SHOWN_BY_SCRIPTS)))
    .map(name => [name, tidy(el.getAttribute(name))]).filter(([name, text]) => text || name !== 'class');
  function lines(el, found = []) {
    if (el.matches(OWN)) return found;
    found.push([el.localName, ...told(el).map(pair => pair.join('='))].join(' '));
    if (el.matches('time, [data-zone], [data-follow]')) return found;
    for (const child of el.childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE) lines(child, found);
      const text = child.nodeType === Node.TEXT_NODE && tidy(child.data);
      if (text) found.push(`  ${text}`);
    }
    return found;
  }
  const parts = doc => [...doc.querySelectorAll('main, .side, #alerts')].flatMap(part => lines(part));
  const answer = await fetch(location.href, { cache: 'no-store' });
  const now = new DOMParser().parseFromString(await answer.text(), 'text/html');
  return [answer.status, parts(document), parts(now)];
}"""


class Lines:
    """The sockets of a browser context, which can be held back before they say hello, and cut."""

    def __init__(self) -> None:
        self.is_held = False
        self._waiting: list[tuple[WebSocketRoute, list[str | bytes]]] = []
        self._through: list[tuple[WebSocketRoute, WebSocketRoute]] = []

    async def route(self, ws: WebSocketRoute) -> None:
        """For `route_web_socket`."""
        if not self.is_held:
            self._connect(ws, [])
            return
        said: list[str | bytes] = []
        ws.on_message(lambda message: said.append(message))
        self._waiting.append((ws, said))

    def hold(self) -> None:
        self.is_held = True

    def let_go(self) -> None:
        """Everything that was said meanwhile is said now."""
        self.is_held = False
        waiting, self._waiting = self._waiting, []
        for ws, said in waiting:
            self._connect(ws, said)

    def _connect(self, ws: WebSocketRoute, said: list[str | bytes]) -> None:
        server = ws.connect_to_server()
        ws.on_message(lambda message: server.send(message))
        server.on_message(lambda message: ws.send(message))
        for message in said:
            server.send(message)
        self._through.append((ws, server))

    async def cut(self) -> None:
        """Every socket that is open ends, as when the server goes away."""
        through, self._through = self._through, []
        for ws, server in through:
            with suppress(Error):  # its page has gone on to another address
                await server.close()
                await ws.close(code=1012)


async def differences(page: Page) -> list[str]:
    """What a page shows that it would not show if it were opened now (-), and the other way round (+)."""
    status, here, now = await page.evaluate(_LINES)
    if here == now:
        return []
    return [f"{status}", *list(difflib.unified_diff(here, now, lineterm="", n=2))[2:]]


async def settle(pages: dict[str, Page], within: float) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Wait until all are as new. What is not, and how long each took."""
    began, took = time.monotonic(), dict[str, float]()
    left = dict(pages)
    found: dict[str, list[str]] = {}
    while left and time.monotonic() - began < within:
        for name, page in list(left.items()):
            found[name] = await differences(page)
            if not found[name]:
                took[name] = time.monotonic() - began
                del left[name], found[name]
        await asyncio.sleep(0.1)
    return found, took
