"""Security headers of every answer."""

from flask import Flask, Response, request

# No third party, no inline script or style; forms go to this site alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

MARKED = "public, max-age=31536000, immutable"
"""For static files whose address changes with their content (pages.asset)."""

UNMARKED = "public, max-age=604800"
"""For those that a style sheet names, such as fonts."""


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # Links carry keys: no other site may learn the address it was reached from.
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static" and response.status_code in (200, 304):
        headers["Cache-Control"] = MARKED if "v" in request.args else UNMARKED
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response


def init_app(app: Flask) -> None:
    """Adds the headers to every answer that does not set its own."""
    app.after_request(_add)
