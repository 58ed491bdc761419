"""Endorsements: organizations and experts co-sign a petition; the desk approves; everyone sees the list."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the routes, the acts to confirm, the mails, and the signers on the campaign's page."""
    from campaign.coalition import campaign_page
    from campaign.endorsements import (
        desk,
        models,  # noqa: F401  # the tables
        notices,  # noqa: F401  # importing registers what renders the mails
        own,
        pending,
        retention,
        section,
        views,
    )
    from campaign.papers import enclosures
    from campaign.supporters import confirmation, erasing, own_page
    from campaign.supporters import retention as unconfirmed
    from campaign.web import nav

    app.register_blueprint(views.blueprint)
    app.register_blueprint(desk.blueprint)
    confirmation.register(pending.KIND, pending.Signatures())
    campaign_page.register_section("endorsements", section.signers)
    own_page.register(own.section)
    own_page.register_data("endorsements", own.gather)
    erasing.register(own.erase)
    unconfirmed.register(pending.KIND, retention.purge)
    enclosures.register_cosigners(section.on_paper)
    nav.register(app, "endorsements_desk.index", _l("Endorsements"), 40)
