"""The journal of what happened, folded each second into the counters that every page reads."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Registers the fold with cron."""
    from campaign.counts import jobs  # noqa: F401  # importing registers it
