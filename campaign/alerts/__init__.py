"""Action alerts: written, aimed at an audience, scheduled, sent, and measured by what people then did."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.alerts import models  # noqa: F401  # the tables
