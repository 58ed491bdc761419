"""Petitions: requests to one agency each, in immutable numbered versions, with documents."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the public pages, the desk's, and the petitions' part of the campaign's page."""
    from campaign.coalition import campaign_page, site
    from campaign.petitions import desk, desk_docket, front, views

    app.register_blueprint(views.blueprint)
    app.register_blueprint(desk.blueprint)
    app.register_blueprint(desk_docket.blueprint)
    campaign_page.register_section("petitions", front.section)
    site.register_addresses(front.addresses)
