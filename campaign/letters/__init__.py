"""Letters to officials: the form, the offices, the drip that hands letters over in office hours."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.letters import models  # noqa: F401  # the tables
