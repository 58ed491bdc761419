"""Staff accounts, roles, and log-in (Flask-Security)."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Sets Flask-Security up for the desk."""
    from campaign.accounts import security

    security.init_app(app)
