"""Error pages: a sentence that helps, in the reader's language, and never a traceback.

When the database is away while someone sends a public form, the page that says so holds all that they typed, ready
to be sent again.
"""

from typing import Any

import structlog
from flask import Flask, Response, render_template, request
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, TooManyRequests

from campaign.engines.away import is_away
from campaign.extensions import db
from campaign.web import access, frame, pages

log = structlog.get_logger()

LABELS = {
    "email": _l("Email"),
    "given_name": _l("Given name"),
    "family_name": _l("Family name"),
    "postal_code": _l("ZIP code"),
    "subject": _l("Subject"),
    "body": _l("Your letter"),
    "organization_name": _l("Organization or expert"),
    "organization_kind": _l("Kind"),
    "website": _l("Website"),
    "signer_name": _l("Signer's name"),
    "signer_title": _l("Signer's title"),
    "signer_email": _l("Signer's email"),
}


def _wants_json() -> bool:
    return request.path.startswith("/api/")


def _answer(status: int, name: str, **context: Any) -> Response:
    if _wants_json():
        response = pages.private("", status)
        response.set_data(f'{{"error": "{name}"}}\n')
        response.mimetype = "application/json"
        return response
    response = pages.private(
        render_template(f"errors/{name}.html", status=status, **context), status
    )
    return response


def _http(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    known = {
        400: "bad_request",
        403: "forbidden",
        404: "not_found",
        405: "not_found",
        410: "gone",
        413: "too_large",
        429: "too_many",
        503: "unavailable",
    }
    if code == 429:
        frame.use_known_site()
    response = _answer(
        code,
        known.get(code, "internal"),
        typed=_typed() if code in (429, 503) else [],
        **getattr(error, "told", {}),
    )
    if isinstance(error, TooManyRequests) and error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if code == 405 and getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(error.valid_methods or [])  # type: ignore[attr-defined]  # MethodNotAllowed
    return response


def _typed() -> list[dict[str, Any]]:
    """What a public form held, field by field, for a page that offers it again."""
    if request.method != "POST" or access.is_desk(request.endpoint):
        return []
    return [
        {"name": name, "value": value, "label": LABELS.get(name), "long": name == "body"}
        for name, values in request.form.lists()
        if name != "altcha"  # a page that is sent again brings its own
        for value in values
    ]


def _engine_away(error: Exception) -> Response:
    db.session.rollback()
    log.error("database_unavailable", endpoint=request.endpoint, kind=type(error).__name__)
    response = _answer(503, "unavailable", typed=_typed())
    response.headers["Retry-After"] = "30"
    return response


def _database(error: DBAPIError) -> Response:
    if isinstance(error, DataError):
        # A number beyond bigint or a NUL in an address: nothing has such a name.
        db.session.rollback()
        log.warning("impossible_value", endpoint=request.endpoint)
        return (
            _answer(404, "not_found")
            if request.method in ("GET", "HEAD")
            else _answer(400, "bad_request")
        )
    return _engine_away(error) if is_away(error) else _unexpected(error)


def _request(error: InvalidRequestError) -> Response:
    return _engine_away(error) if is_away(error) else _unexpected(error)


def _unexpected(error: Exception) -> Response:
    db.session.rollback()
    # The exception's text may hold what someone typed, so only its kind and place go to the log.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    log.error("unexpected_error", endpoint=request.endpoint, kind=type(error).__name__, place=place)
    return _answer(500, "internal")


def _csrf(error: CSRFError) -> Response:
    return _answer(400, "stale", reason=error.description)


def init_app(app: Flask) -> None:
    """Registers the handlers."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(PoolTimeout, _engine_away)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(InvalidRequestError, _request)
    if not app.config.get("PROPAGATE_EXCEPTIONS"):
        app.register_error_handler(Exception, _unexpected)
