"""HEAD is GET without the body (RFC 9110, 9.3.2), for every view at once.

Link scanners send HEAD. A view that asks "is it GET?" to tell looking from doing would take theirs for a press of
the button; so no view ever sees one.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask


class HeadIsGet:
    """WSGI middleware that answers HEAD with GET's status and headers."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") != "HEAD":
            return self.app(environ, start_response)
        body = self.app({**environ, "REQUEST_METHOD": "GET"}, start_response)
        if hasattr(body, "close"):
            body.close()
        return []


def init_app(app: Flask) -> None:
    """Puts the middleware in front of the application."""
    app.wsgi_app = HeadIsGet(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented hook
