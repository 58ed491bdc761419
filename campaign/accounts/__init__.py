"""Staff accounts, roles, and log-in (Flask-Security)."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Sets Flask-Security up for the desk, and adds the pages about who works here."""
    from campaign.accounts import desk, invitations, security, views
    from campaign.web import nav

    security.init_app(app)
    app.register_blueprint(desk.blueprint)
    app.register_blueprint(views.blueprint)
    invitations.register()
    nav.register(app, "users.users", _l("People at the desk"), 90)
