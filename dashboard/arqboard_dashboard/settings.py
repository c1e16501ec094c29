"""What the dashboard is told at its start: read once from `ARQBOARD_*` or arguments, then never changed."""

from __future__ import annotations

import ipaddress
import re
import secrets
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from arqboard.protocol import ArqboardError
from arqboard.protocol.widget import secrets_in

WAYS_TO_PROTECT = (
    "Set ARQBOARD_PASSWORD (people sign in with it) or ARQBOARD_TOKEN (programs send it as a bearer token), "
    "or keep to 127.0.0.1 and put a proxy or an SSH tunnel in front."
)
#: An origin as a Content-Security-Policy takes it; the first name may be any.
_FRAMING = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")


class BadSettings(ArqboardError):
    """A setting makes no sense or is not safe; the message says which one and what to do."""


def _listed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


#: Several names in one variable, separated by commas.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Every setting of the dashboard. `Settings.read()` is the way to make one: its errors are sentences."""

    model_config = SettingsConfigDict(env_prefix="ARQBOARD_", env_ignore_empty=True, frozen=True, extra="forbid")

    redis_url: str = "redis://127.0.0.1:6379/0"
    prefix: str = Field("arqboard:", min_length=1, max_length=64)
    host: str = "127.0.0.1"
    port: int = Field(8700, ge=0, le=65535)
    base: str = ""
    """URL prefix in links, where a proxy strips it; a mount by `add_subapp` is found without it"""
    password: SecretStr | None = None
    token: SecretStr | None = None
    secret: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))
    """signs sessions and forms; without it each start makes a new one and people sign in again"""
    session_hours: float = Field(24 * 7, gt=0, le=24 * 365)
    allowed_hosts: Names = ()
    """names in `Host` beside the loopback ones, each with any port unless it has one; `*` takes all"""
    trusted_origins: Names = ()
    """origins beside the dashboard's own that may act and open the socket, like `https://ops.example.com`"""
    max_sockets: int = Field(2000, ge=1, le=100_000)
    widget_secret: SecretStr | None = None
    """signs links to the bar of one job; without it there are none. Of several the first signs, all are good"""
    widget_origins: Names = ()
    """whose pages may frame such a bar, like `https://shop.example.com` or `https://*.example.com`; `*` lets all"""
    development: bool = False
    """for who works on arqboard itself: `/patterns` shows every component in every state"""

    @classmethod
    def read(cls, **given: Any) -> Self:
        """From the arguments, then the environment, then the defaults. Raises BadSettings."""
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise BadSettings(" ".join(_sentence(problem) for problem in error.errors())) from None

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("has to start with redis://, rediss:// or unix://")
        _ = urlsplit(url).port
        return url

    @field_validator("base")
    @classmethod
    def _prefix_of_links(cls, base: str) -> str:
        base = base.rstrip("/")
        if base and (not base.startswith("/") or base.startswith("//") or set(base) & set(' "<>\\?#')):
            raise ValueError("has to be a path like /ops/jobs")
        return base

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.netloc
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f'takes origins like https://ops.example.com, not "{origin[:80]}"')
        return tuple(origin.lower() for origin in origins)

    @field_validator("widget_secret")
    @classmethod
    def _long_widget_secrets(cls, secret: SecretStr | None) -> SecretStr | None:
        secrets_in(_reveal(secret))
        return secret

    @field_validator("widget_origins")
    @classmethod
    def _framing_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """They go into a header, so nothing but what an origin is made of gets through."""
        lowered = tuple(origin.lower() for origin in origins)
        for origin in lowered:
            if not _FRAMING.fullmatch(origin) and lowered != ("*",):
                raise ValueError(
                    "takes origins like https://shop.example.com or https://*.example.com, or * alone for all,"
                    f' not "{origin[:80]}"'
                )
        return lowered

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 16:
            raise ValueError("is too short to sign anything: use 16 or more random characters")
        return secret

    @model_validator(mode="after")
    def _not_open_to_the_network(self) -> Self:
        if not is_loopback(self.host) and not self.is_protected:
            raise ValueError(
                f"Refusing to listen on {self.host}: anybody who reaches it could read and run jobs. {WAYS_TO_PROTECT}"
            )
        return self

    @property
    def is_protected(self) -> bool:
        """Whether somebody has to show a password or a token."""
        return bool(_reveal(self.password) or _reveal(self.token))

    @property
    def passwords(self) -> tuple[str, ...]:
        """What signs a person in: the password, and the token where that is all there is."""
        return tuple(secret for secret in (_reveal(self.password) or _reveal(self.token),) if secret)

    @property
    def bearer(self) -> str:
        """What a program sends as its bearer token, "" for none."""
        return _reveal(self.token)

    @property
    def widget_secrets(self) -> tuple[str, ...]:
        """What signs links to bars, the one for new links first; none where there are no such links."""
        return secrets_in(_reveal(self.widget_secret))

    @property
    def database(self) -> int:
        """The number of the database that the URL names."""
        path = urlsplit(self.redis_url).path.strip("/")
        return int(path) if path.isdigit() else 0

    @property
    def redis_label(self) -> str:
        """Where Redis is, without user and password, to be shown to people."""
        parts = urlsplit(self.redis_url)
        if parts.scheme == "unix":
            return parts.path
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
        return f"{host}:{parts.port or 6379}/{parts.path.strip('/') or 0}"

    @property
    def redis_shown(self) -> str:
        """The URL as a person would write it, without user and password."""
        scheme = urlsplit(self.redis_url).scheme
        return f"{scheme}://{self.redis_label}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. A name other than localhost counts as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _sentence(problem: Any) -> str:
    text = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return text
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f'There is no setting "{name}".'
    text = text.removeprefix("Input should be ")
    is_phrase = text.split()[0] in ("has", "takes", "is")
    return f"ARQBOARD_{name.upper()} {text if is_phrase else f'has to be {text}'}."
