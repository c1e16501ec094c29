"""Who may ask: the host's name, the origin of what acts, the token in forms; and every answer's headers."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .appkeys import GATE, SETTINGS
from .errors import BadInput, Refused
from .framing import framed_headers
from .language import N_, gettext
from .place import base, inner_path, kind
from .settings import Settings

if TYPE_CHECKING:
    from multidict import MultiMapping

MAX_BODY = 256 * 1024
#: Seconds in which a body has to arrive.
BODY_SECONDS = 30.0
MAX_FIELDS = 500
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?")

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Server": "arqboard",  # instead of the versions of Python and aiohttp
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer, which makes browsers send `Origin: null` with forms: over plain http on a network the
    # origin is all there is to tell our own forms from others; other sites are told nothing either way
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_CACHE = {
    "static": "public, max-age=31536000, immutable",
    "page": "no-cache",  # not no-store, which would keep the page out of the browser's back-forward cache
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer this application gives: pages, data, errors, files, 304."""
    what = kind(request)
    if what == "widget":
        response.headers.update(framed_headers(HEADERS, request.app[SETTINGS]))
    else:
        policy = response.headers.get("Content-Security-Policy", CSP)  # files of jobs say a stricter one
        response.headers.update({**HEADERS, "Content-Security-Policy": policy})
    if what == "static" and response.status >= HTTPStatus.BAD_REQUEST:
        what = "api"  # a missing file may be there after the next release
    response.headers.setdefault(hdrs.CACHE_CONTROL, _CACHE.get(what, "no-store"))
    if what == "page":
        response.headers[hdrs.VARY] = "HX-Request, Cookie, Accept-Language"
    if is_https(request):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if hdrs.UPGRADE in request.headers and not isinstance(response, web.WebSocketResponse):
        # what follows a refused upgrade on the same connection must not be read as a request (CVE-2026-69243)
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()


@web.middleware
async def known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only names this dashboard has, so that no other site can point its own name at it (DNS rebinding)."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not is_allowed_host(hosts[0], request.app[SETTINGS]):
        said = hosts[0][:100] if hosts else "(none)"
        why = gettext(
            'This dashboard does not answer to the name "%(name)s". If it is right, add it to ARQBOARD_ALLOWED_HOSTS.'
        )
        raise Refused(why % {"name": said}, code="unknown_host")
    return await handler(request)


@web.middleware
async def own_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What acts, and the socket, must come from our own pages or from a program that is not a browser."""
    if kind(request) == "socket":
        _check_socket(request)
    elif request.method not in SAFE_METHODS:
        _check_action(request)
    return await handler(request)


@web.middleware
async def form_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A form carries the token its page was made with; the API takes JSON only, which no form can send."""
    if request.method not in SAFE_METHODS:
        if kind(request) == "page":
            await _check_token(request)
        else:
            _check_json(request)
    return await handler(request)


def is_https(request: web.Request) -> bool:
    """Whether the browser came over TLS: here, or at a proxy whose https origin is trusted."""
    return request.secure or f"https://{request.host.lower()}" in request.app[SETTINGS].trusted_origins


def own_address(request: web.Request) -> str:
    """Where the dashboard is, as the one who asks sees it: `https://ops.example.com/jobs`."""
    return f"{'https' if is_https(request) else 'http'}://{request.host}{base(request.app)}"


def is_allowed_host(host: str, settings: Settings) -> bool:
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return False
    allowed = {"127.0.0.1", "localhost", "[::1]", *(name.lower() for name in settings.allowed_hosts)}
    if settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104 - these name no host
        allowed.add(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    allowed.update(urlsplit(origin).netloc for origin in settings.trusted_origins)
    return bool(allowed & {"*", match["name"], host.lower()})


def is_own_origin(request: web.Request) -> bool:
    """Whether `Origin` is exactly this dashboard's, or trusted. `null` never is."""
    origin = request.headers.get(hdrs.ORIGIN, "").lower()
    schemes = ("https",) if request.secure else ("http", "https")  # TLS may end at a proxy, never begin there
    own = {f"{scheme}://{request.host.lower()}" for scheme in schemes}
    return origin in own or origin in request.app[SETTINGS].trusted_origins


def _check_socket(request: web.Request) -> None:
    if not is_own_origin(request):
        raise Refused(N_("The socket is open to this dashboard's own pages only."), code="cross_site")


def _check_action(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site")
    trusted = is_own_origin(request)
    if site is not None:
        is_own = site in ("same-origin", "none") or trusted
    else:
        is_own = trusted or hdrs.ORIGIN not in request.headers
    if not is_own:
        raise Refused(N_("This was sent by a page of another site, so nothing was done."), code="cross_site")


async def _check_token(request: web.Request) -> None:
    given = request.headers.get("X-Form-Token") or (await read_form(request)).get("token", "")
    if not request.app[GATE].is_form_token(given, inner_path(request)):
        raise Refused(
            N_("This form is older than the server, so nothing was done. Reload the page and try again."),
            code="form_token",
        )


def _check_json(request: web.Request) -> None:
    if request.can_read_body and request.content_type != "application/json":
        raise BadInput(
            f'The body has to be JSON (Content-Type: application/json), not "{request.content_type[:60]}".',
            code="wrong_content_type",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )


async def read_body(request: web.Request, *, most: int = MAX_BODY) -> bytes:
    """The body, at most `most` bytes of it and within BODY_SECONDS, whatever the host application allows."""
    if (request.content_length or 0) > most:
        raise _too_large(most)
    source = request.clone(client_max_size=most) if most > MAX_BODY else request
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await source.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(most) from None
    if len(body) > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> BadInput:
    return BadInput(
        gettext("The body is too large: %(n)s kB are the most.") % {"n": most // 1024},
        code="too_large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, the last of each name. Files are not taken."""
    return dict(await read_pairs(request))


async def read_pairs(request: web.Request) -> list[tuple[str, str]]:
    """The same with every field of a name, as ticked boxes send them."""
    if request.can_read_body and request.content_type != "application/x-www-form-urlencoded":
        raise BadInput(
            N_("A form has to be sent as application/x-www-form-urlencoded."),
            code="wrong_content_type",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    body = await read_body(request)
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        wrong = gettext("The form can't be read: it has to be UTF-8 and have at most %(n)s fields.")
        raise BadInput(wrong % {"n": MAX_FIELDS}) from None


def text_of(query: MultiMapping[str], name: str) -> str | None:
    """A query parameter, None where it is missing or empty."""
    return query.get(name, "").strip() or None
