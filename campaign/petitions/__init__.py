"""Petitions: requests to one agency each, in immutable numbered versions, with documents."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.petitions import models  # noqa: F401  # the tables
