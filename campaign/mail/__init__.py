"""The mail engine: one ledger of outbound messages in three streams, and what sends it. It knows no feature."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Registers the engine's tables, its jobs, the origin that it renders itself, and the capture inbox."""
    from campaign.mail import desk, jobs, models, notices  # noqa: F401  # importing registers them

    desk.init_app(app)
