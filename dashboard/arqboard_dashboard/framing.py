"""Headers of what other sites may have in their pages: the bar of one job, and the script that puts it there."""

from __future__ import annotations

from collections.abc import Mapping

from .settings import Settings


def framed_headers(usual: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The usual ones, but the sites of `ARQBOARD_WIDGET_ORIGINS` may frame it, and any may load it.

    The dashboard frames it too, to show what it looks like. Pages that are isolated from others (COEP) can embed it.
    """
    headers = {name: value for name, value in usual.items() if name != "X-Frame-Options"}
    return {
        **headers,
        "Content-Security-Policy": framed_policy(settings.widget_origins),
        "Referrer-Policy": "no-referrer",  # the address is the permission to see it
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }


def framed_policy(origins: tuple[str, ...]) -> str:
    """Its own files and its own socket, and no forms: there is nothing to send."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors " + " ".join(["'self'", *origins]),
        ]
    )
