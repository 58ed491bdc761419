"""What a request brings is read before it is answered, also where no view wants it.

A server that answers before the body is there has to break the connection afterwards (RFC 9112, 9.6), and a client or proxy
that has sent its next request on it is told nothing.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream

MOST = 64 * 1024
"""Bytes of a body that nobody has asked for which are read; a larger one is not worth the wait."""


class BodyIsRead:
    """WSGI middleware that reads what the application has left of a small body."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if not (length.isdecimal() and 0 < int(length) <= MOST):
            return self.app(environ, start_response)
        body = LimitedStream(environ["wsgi.input"], int(length))
        answer = self.app({**environ, "wsgi.input": body}, start_response)
        with contextlib.suppress(ClientDisconnected):
            body.exhaust()
        return answer


def init_app(app: Flask) -> None:
    """Puts the middleware in front of the application."""
    app.wsgi_app = BodyIsRead(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented hook
