"""The mail engine: one ledger of outbound messages in three streams, and what sends it. It knows no feature."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Registers the engine's tables, its jobs, the origin that it renders itself, and the capture inbox."""
    from campaign.mail import (  # noqa: F401  # importing registers some of them
        desk,
        desk_suppressions,
        desk_undecided,
        jobs,
        models,
        notices,
        signing,
    )
    from campaign.mail.inbound import hooks
    from campaign.mail.inbound import jobs as inbound_jobs  # noqa: F401  # as above

    if key := app.config.get("MAIL_DKIM_KEY"):
        signing.require_key(key)
    desk.init_app(app)
    desk_suppressions.init_app(app)
    desk_undecided.init_app(app)
    hooks.init_app(app)
