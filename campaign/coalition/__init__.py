"""The coalition: campaigns, organizations, updates."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the public pages and the desk's."""
    from campaign.coalition import desk, desk_organizations, desk_updates, site, views
    from campaign.web import nav

    for room in (views, site, desk, desk_updates, desk_organizations):
        app.register_blueprint(room.blueprint)
    nav.register(app, "coalition_desk.campaigns", _l("Campaigns"), 10)
    nav.register(app, "organizations_desk.organizations", _l("Organizations"), 45)
