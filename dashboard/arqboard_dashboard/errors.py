"""What a handler may raise, beside the errors of the verbs: each named after what is wrong for who asked."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from arqboard.protocol import ArqboardError
from arqboard.protocol.said import Said


class BadInput(ArqboardError):
    """A request that can't be understood. `field` names the part of it that is wrong, "" for the whole."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "bad_request",
        field: str = "",
        status: int = HTTPStatus.BAD_REQUEST,
    ) -> None:
        self.code, self.field, self.status = code, field, status
        super().__init__(message)


class FailureNotFound(ArqboardError):
    """No job has failed like this lately."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            Said(
                'Nothing is known of failures called "%(name)s". What has not failed for 90 days is forgotten.',
                name=name,
            )
        )


class Unreadable(ArqboardError):
    """The record is there but can't be understood, so there is nothing to show or act on."""


class Refused(ArqboardError):
    """A request from where it must not come; `status` is 401, 403 or 429."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = HTTPStatus.FORBIDDEN,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.status, self.headers = code, status, dict(headers or {})
        super().__init__(message)
