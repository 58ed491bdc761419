"""What every page's frame shows: whose site it is, the language, and the way to the other languages."""

from typing import Any, NamedTuple

from flask import Flask, current_app, g, has_request_context
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.local import LocalProxy

from campaign import settings
from campaign.extensions import db
from campaign.web import languages

SITE = "site"
"""The setting that holds the fields of Site."""


class Site(NamedTuple):
    """The coalition, as its pages and mails name it."""

    name: str = "Campaign"
    postal_address: str = ""
    """CAN-SPAM (15 U.S.C. 7704(a)(5)) asks for one in every action alert."""
    email: str = ""
    about_url: str = ""
    privacy_url: str = ""


_KNOWN = "campaign.frame.site"


def site() -> Site:
    """Whose site this is, as staff have said; the defaults where nobody has. While the database is away: as it was known last."""
    if has_request_context() and "site" in g:
        return g.site
    try:
        found = settings.get(SITE) or {}
        known = Site(**{key: str(found[key]) for key in Site._fields if found.get(key)})
        current_app.extensions[_KNOWN] = known
    except SQLAlchemyError:
        db.session.rollback()
        known = current_app.extensions.get(_KNOWN, Site())
    if has_request_context():
        g.site = known
    return known


def use_known_site() -> None:
    """Has this request's page name the site as this process knows it: a flood's refusals do not ask the database."""
    if _KNOWN in current_app.extensions:
        g.site = current_app.extensions[_KNOWN]


def save_site(new: Site, by: str) -> None:
    """Keeps the coalition's name and addresses."""
    settings.put(SITE, new._asdict(), by)
    db.session.commit()


def _context() -> dict[str, Any]:
    language = languages.current()
    return {
        "site": LocalProxy(site),
        "language": language,
        "dir": "rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
        "language_links": languages.links() if has_request_context() else [],
    }


def init_app(app: Flask) -> None:
    """Gives the frame's values to every template."""
    app.context_processor(_context)
