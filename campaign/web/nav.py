"""The desk's navigation: features name their pages, and each person sees those that their role may open."""

from typing import Any, NamedTuple

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user
from werkzeug.local import LocalProxy

from campaign.web import access

_EXTENSION = "campaign.nav"


class Entry(NamedTuple):
    """A line of the navigation; ``place`` orders them, small numbers first."""

    endpoint: str
    label: Any
    place: int


def register(app: Flask, endpoint: str, label: Any, place: int = 50) -> None:
    """Adds a desk page to the navigation. Who sees it follows from what its view declares."""
    entries: dict[str, Entry] = app.extensions.setdefault(_EXTENSION, {})
    entries[endpoint] = Entry(endpoint, label, place)


def entries(role: str) -> list[tuple[str, Any, str]]:
    """The (endpoint, label, access level) that someone with ``role`` may open, in their order."""
    found = []
    for entry in sorted(
        current_app.extensions.get(_EXTENSION, {}).values(), key=lambda one: one.place
    ):
        level = access.level_of(current_app, entry.endpoint)
        if level is not None and access.admits(level, role):
            found.append((entry.endpoint, entry.label, level))
    return found


def _for_me() -> list[tuple[str, Any, str]]:
    if "nav" not in g:
        g.nav = entries(current_user.role) if current_user.is_authenticated else []
    return g.nav


def _context() -> dict[str, Any]:
    if not request or not access.is_desk(request.endpoint):
        return {}
    # Proxies, so that an error page, which shows no navigation, asks nobody anything.
    return {"nav": LocalProxy(_for_me), "logout_url": url_for("security.logout")}


def init_app(app: Flask) -> None:
    """Gives the navigation to the desk's templates."""
    app.context_processor(_context)
