"""Who asks, where a password or token is set: a signed cookie for people, a bearer token for programs."""

from __future__ import annotations

import hmac
import time
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from secrets import token_hex
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .appkeys import ADMITTED, GATE, SETTINGS
from .errors import Refused
from .guard import is_https
from .language import N_
from .place import base, here, inner_path, kind
from .settings import Settings

COOKIE = "arqboard_session"
#: So many wrong passwords from one address within so many seconds, then it has to wait.
MAX_FAILURES = 5
FAILURE_SECONDS = 60.0
#: Addresses remembered at most.
MAX_ADDRESSES = 10_000


@dataclass(slots=True)
class Attempts:
    """Wrong passwords by address, in this process."""

    failures: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])

    def wait_seconds(self, address: str) -> int:
        """How long the address has to wait, 0 if it may try."""
        failed = self.failures.get(address)
        if not failed or len(failed) < MAX_FAILURES:
            return 0
        return max(0, round(failed[0] + FAILURE_SECONDS - time.monotonic() + 0.5))

    def failed(self, address: str) -> None:
        if len(self.failures) >= MAX_ADDRESSES:
            self.failures.pop(next(iter(self.failures)))
        self.failures.setdefault(address, deque(maxlen=MAX_FAILURES)).append(time.monotonic())

    def succeeded(self, address: str) -> None:
        self.failures.pop(address, None)


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie with a right signature says."""

    expires: int
    """seconds since 1970"""
    name: str


class Gate:
    """Signs and checks what proves that somebody may come in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value().encode()
        self._ended: set[Session] = set()
        self.attempts = Attempts()
        self.form_token = self._sign("form")
        """one for the whole installation, so that shared fragments hold nothing personal"""

        self.login_token = self._sign("login")
        """another one for the one page that strangers can read"""

    def is_form_token(self, given: str, path: str) -> bool:
        return _equal(given, self.login_token if path == "/login" else self.form_token)

    def is_password(self, given: str) -> bool:
        return any(_equal(given, password) for password in self._settings.passwords)

    def is_bearer(self, header: str) -> bool:
        scheme, _, given = header.partition(" ")
        bearer = self._settings.bearer
        return scheme.lower() == "bearer" and bool(bearer) and _equal(given.strip(), bearer)

    def new_session(self) -> str:
        """A cookie that is good until it expires or is ended, the secret changes, or the password does."""
        expires = int(time.time() + self._settings.session_hours * 3600)
        claim = f"{expires}.{token_hex(8)}"
        return f"{claim}.{self._sign('session', claim, *self._settings.passwords)}"

    def is_session(self, cookie: str) -> bool:
        session = self._session(cookie)
        return session is not None and not self.is_over(session)

    def is_over(self, session: Session) -> bool:
        """Whether its time has passed, or its owner has signed out."""
        return session.expires <= time.time() or session in self._ended

    def end_session(self, request: web.Request) -> None:
        """Signing out: the cookie is no good any more, also for who has a copy. Known to this process only."""
        self._ended = {session for session in self._ended if session.expires > time.time()}
        session = self.session_of(request)
        if session:
            self._ended.add(session)

    def session_of(self, request: web.Request) -> Session | None:
        """The session that the request belongs to; None for a program, and where nobody has to sign in."""
        return self._session(request.cookies.get(COOKIE, "")) if self._settings.is_protected else None

    def lets_in(self, request: web.Request) -> bool:
        """Whether the request comes from somebody known, or nobody has to be."""
        if not self._settings.is_protected:
            return True
        return self.is_bearer(request.headers.get(hdrs.AUTHORIZATION, "")) or self.is_session(
            request.cookies.get(COOKIE, "")
        )

    def _session(self, cookie: str) -> Session | None:
        claim, _, signature = cookie.rpartition(".")
        if not _equal(signature, self._sign("session", claim, *self._settings.passwords)):
            return None
        expires, _, name = claim.partition(".")
        return Session(int(expires), name)

    def _sign(self, *parts: str) -> str:
        return hmac.new(self._secret, "\0".join(parts).encode("utf-8", "replace"), sha256).hexdigest()


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything but the door itself needs a session or a token."""
    if not _is_open(request) and not request.app[GATE].lets_in(request):
        return _turn_away(request)
    request[ADMITTED] = True
    return await handler(request)


def safe_next(request: web.Request, wanted: str) -> str:
    """Where to go after signing in: a place in this dashboard, never another site."""
    home = f"{base(request.app)}/jobs"
    inside = wanted.startswith(f"{base(request.app)}/") and wanted[1:2] not in ("/", "\\")
    return wanted if inside and wanted.isprintable() and "\\" not in wanted else home


def sign_in(request: web.Request, response: web.StreamResponse) -> None:
    settings = request.app[SETTINGS]
    response.set_cookie(
        COOKIE,
        request.app[GATE].new_session(),
        max_age=int(settings.session_hours * 3600),
        path=cookie_path(request),
        httponly=True,
        samesite="Lax",
        secure=is_https(request),
    )


def sign_out(request: web.Request, response: web.StreamResponse) -> None:
    request.app[GATE].end_session(request)
    response.del_cookie(COOKIE, path=cookie_path(request), httponly=True, samesite="Lax", secure=is_https(request))


def cookie_path(request: web.Request) -> str:
    return base(request.app) or "/"


def _is_open(request: web.Request) -> bool:
    """The door, files, and bars with their sockets, which a signed link opens."""
    path = inner_path(request)
    return kind(request) in ("static", "widget") or path in ("/login", "/healthz") or path.startswith("/ws/widget/")


def _turn_away(request: web.Request) -> web.StreamResponse:
    if kind(request) == "page" and request.method in ("GET", "HEAD"):
        login = f"{base(request.app)}/login?next={quote(here(request), safe='')}"
        if request.headers.get("HX-Request") == "true":
            return web.Response(headers={"HX-Redirect": login})
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: login})
    raise Refused(
        N_("Sign in first, or send the token as `Authorization: Bearer …`."),
        code="unauthorized",
        status=HTTPStatus.UNAUTHORIZED,
        headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="arqboard"'},
    )


def _equal(given: str, right: str) -> bool:
    """In constant time, for any text."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))
