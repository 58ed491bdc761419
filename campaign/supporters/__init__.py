"""Supporters: sign-up, confirmation of the address, consent, the supporter's own page."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.supporters import models  # noqa: F401  # the tables
