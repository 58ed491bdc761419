"""Who may use which route: each view says so, and the application does not start while one does not.

``public`` anyone; ``link`` anyone who holds the signed link; ``staff`` any signed-in member of staff; ``lead``
leads and organizers; ``organizer``; ``administrator``. An administrator may do all that an organizer may.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from campaign.extensions import csrf

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC, LINK, STAFF, LEAD, ORGANIZER, ADMINISTRATOR = (
    "public",
    "link",
    "staff",
    "lead",
    "organizer",
    "administrator",
)

ADMITS = {
    STAFF: {"lead", "organizer", "administrator"},
    LEAD: {"lead", "organizer", "administrator"},
    ORGANIZER: {"organizer", "administrator"},
    ADMINISTRATOR: {"administrator"},
}

# Views that libraries bring; Flask-Security guards those of its own that need a signed-in user.
FOREIGN = {
    "static": PUBLIC,
    "security.static": PUBLIC,
    "security.login": PUBLIC,
    "security.logout": PUBLIC,
    "security.verify": STAFF,
    "security.change_password": STAFF,
    "security.forgot_password": PUBLIC,
    "security.reset_password": PUBLIC,
}


def _declare(level: str) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.access = level  # type: ignore[attr-defined]  # the mark that level_of reads
        return view

    return mark


public = _declare(PUBLIC)
link = _declare(LINK)
staff = _declare(STAFF)
lead = _declare(LEAD)
organizer = _declare(ORGANIZER)
administrator = _declare(ADMINISTRATOR)


def level_of(app: Flask, endpoint: str) -> str | None:
    """The level an endpoint declares, or None where it declares none."""
    if endpoint in FOREIGN:
        return FOREIGN[endpoint]
    return getattr(app.view_functions.get(endpoint), "access", None)


def is_desk(endpoint: str | None) -> bool:
    """Whether the endpoint belongs to the staff's side of the site, where sessions exist."""
    if endpoint is None:
        return False
    return endpoint.startswith("security.") or level_of(current_app, endpoint) in ADMITS


def admits(level: str, role: str) -> bool:
    """Whether someone signed in with ``role`` may use a route of ``level``."""
    return level in (PUBLIC, LINK) or role in ADMITS.get(level, set())


def _enforce() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None
    level = level_of(current_app, request.endpoint)
    if level is None:
        abort(500)
    if level in (PUBLIC, LINK):
        if request.endpoint.startswith("security."):
            csrf.protect()
        return None
    if not current_user.is_authenticated:
        if request.method == "GET":
            return redirect(url_for("security.login", next=request.script_root + request.full_path))
        return redirect(url_for("security.login"))
    if current_user.role not in ADMITS[level]:
        abort(403)
    csrf.protect()
    return None


def init_app(app: Flask) -> None:
    """Puts the guard in front of every request."""
    app.before_request(_enforce)


def require_declared(app: Flask) -> None:
    """Raises RuntimeError naming the routes that do not say who may use them."""
    missing = sorted(
        {rule.endpoint for rule in app.url_map.iter_rules() if level_of(app, rule.endpoint) is None}
    )
    if missing:
        raise RuntimeError(
            f"These routes do not declare who may use them: {', '.join(missing)}. "
            "Mark each view with one of campaign.web.access's decorators."
        )
