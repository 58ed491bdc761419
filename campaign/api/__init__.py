"""JSON out: what the public pages say of campaigns, for anyone's program; no key, no cookie, cacheable."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the routes below /api/v1."""
    from campaign.api import views

    app.register_blueprint(views.blueprint)
    app.after_request(views.open_to_all)
