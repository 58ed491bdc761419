"""The directory of offices that letters go to: who holds them, their hours and pace, and which campaigns write to them."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the desk's pages, and the offices on a campaign's own page."""
    from campaign.coalition import campaign_page
    from campaign.offices import (
        desk,
        desk_campaign,
        desk_files,
        front,
        models,  # noqa: F401  # the tables
    )
    from campaign.web import nav

    for module in (desk, desk_campaign, desk_files):
        app.register_blueprint(module.bp)
    campaign_page.register_section("offices", front.section)
    nav.register(app, "offices_desk.index", _l("Offices"), 24)
