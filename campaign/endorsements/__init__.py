"""Endorsements: organizations and experts co-sign a petition; the desk approves; everyone sees the list."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.endorsements import models  # noqa: F401  # the tables
