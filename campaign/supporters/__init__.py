"""Supporters: sign-up, confirmation of the address, consent, the supporter's own page."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the feature's routes, the mail that it sends, and what waits for confirmation."""
    from campaign.supporters import desk, jobs, mailing, models, own_views, signups, unsubscribing  # noqa: F401  # routes, tables, renderer
    from campaign.supporters.views import bp
    from campaign.web import nav

    signups.init()
    app.register_blueprint(bp)
    app.register_blueprint(desk.bp)
    nav.register(app, "supporters_desk.supporters", _l("Supporters"), 40)
