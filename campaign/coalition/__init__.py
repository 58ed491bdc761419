"""The coalition: campaigns, organizations, updates."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.coalition import models  # noqa: F401  # the tables
