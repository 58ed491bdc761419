"""The coalition: campaigns, organizations, updates."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the public pages and the desk's."""
    from campaign.coalition import site, views

    app.register_blueprint(views.blueprint)
    app.register_blueprint(site.blueprint)
