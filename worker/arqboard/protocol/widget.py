"""Signed links to the bar of one job: what a link grants, how it is signed, and how it is read. No Redis, no web.

What is signed are five lines of UTF-8, the job's id last as it alone may hold line ends, so that no two grants have the
same text and any language can sign: `arqboard-widget 1`, until, show, label, id.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from urllib.parse import quote, urlencode

from .errors import ArqboardError

#: Characters of a secret at least: what signs for strangers must not be guessed.
MIN_SECRET = 32
MAX_LABEL, MAX_ID = 100, 500
#: Seconds that a link may be good for: what has to live longer should be signed anew.
MAX_SECONDS = 366 * 24 * 3600
_VERSION = "arqboard-widget 1"
_UNTIL = re.compile(r"[1-9][0-9]{0,11}")


class BadLink(ArqboardError):
    """A link that nobody with the secret has signed as it is now."""

    def __init__(self) -> None:
        super().__init__("This link is not right. Ask for a new one where you got it.")


class Show(StrEnum):
    """What a link lets its reader see, each with all before it."""

    BAR = "bar"
    """state, percent and time left"""
    STEPS = "steps"
    """the phase, the note and the amounts that the job reports"""
    OUTCOME = "outcome"
    """the result or the error, on one line"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One job, until a second since 1970, as much of it as `show` says, under a label of the signer's choice."""

    job_id: str
    until: int
    show: Show = Show.BAR
    label: str = ""

    def signature(self, secret: str) -> str:
        """43 characters of base64url. Raises UnicodeEncodeError for what is no text."""
        text = "\n".join((_VERSION, str(self.until), self.show, self.label, self.job_id))
        digest = hmac.digest(secret.encode(), text.encode(), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def path(self, secret: str) -> str:
        """Where it leads from the dashboard's address on, signed."""
        given = {"until": str(self.until), "show": self.show.value, "label": self.label, "sig": self.signature(secret)}
        pairs = {name: value for name, value in given.items() if value and (name, value) != ("show", Show.BAR)}
        return f"/widget/{quote(self.job_id, safe='')}?{urlencode(pairs)}"

    @classmethod
    def read(cls, job_id: str, query: Mapping[str, str], secrets: Sequence[str]) -> Grant:
        """What a link grants, expired or not. Raises BadLink, the same one for whatever is wrong."""
        until, show, label = query.get("until", ""), query.get("show", Show.BAR), query.get("label", "")
        if not _UNTIL.fullmatch(until) or show not in set(Show) or not is_label(label) or len(job_id) > MAX_ID:
            raise BadLink
        grant = cls(job_id, int(until), Show(show), label)
        given = query.get("sig", "").encode(errors="replace")
        try:
            right = [grant.signature(secret).encode() for secret in secrets]
        except UnicodeEncodeError:
            raise BadLink from None
        if not any([hmac.compare_digest(given, signature) for signature in right]):  # noqa: C419 - all are compared
            raise BadLink
        return grant


def secrets_in(text: str) -> tuple[str, ...]:
    """The secrets in a setting, separated by commas: the first one signs, all are good. Raises ValueError."""
    found = tuple(part for part in (part.strip() for part in text.split(",")) if part)
    if any(len(secret) < MIN_SECRET for secret in found):
        raise ValueError(f"has to be {MIN_SECRET} or more random characters, or several such with commas between them")
    return found


def is_label(text: str) -> bool:
    """Whether it can stand over a bar: one line of text, which is also one line of what is signed."""
    return len(text) <= MAX_LABEL and text.isprintable() and text.strip() == text
