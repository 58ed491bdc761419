"""Letters to officials: the form, the offices, the drip that hands letters over in office hours."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.coalition import campaign_page
    from campaign.letters import (  # noqa: F401  # jobs and tables
        bundles,
        deliveries,
        desk,
        desk_campaign,
        desk_filings,
        desk_letters,
        desk_packets,
        desk_stopping,
        desk_targets_files,
        front,
        jobs,
        models,
        notices,
        own,
        render,
        replies,
        results,
        retention,
        stating,
        telling,
    )
    from campaign.letters.provider import KIND, Letters
    from campaign.letters.views import bp
    from campaign.letters.views_own import bp as own_bp
    from campaign.mail import compose, ledger
    from campaign.mail.inbound import routing
    from campaign.supporters import confirmation, erasing, own_page
    from campaign.supporters import retention as unconfirmed
    from campaign.web import nav

    app.jinja_env.filters["reason"] = stating.reason
    for blueprint in (
        bp, own_bp, desk.bp, desk_campaign.bp, desk_filings.bp, desk_letters.bp, desk_packets.bp,
        desk_stopping.bp,
        desk_targets_files.bp,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    nav.register(app, "letters_desk.letters", _l("Letters"), 20)
    nav.register(app, "letters_desk.deliveries", _l("Deliveries"), 22)
    nav.register(app, "targets_desk.index", _l("Offices"), 24)
    compose.register_origin(deliveries.ORIGIN, render.render_batch)
    ledger.on_result(deliveries.ORIGIN, results.on_result)
    compose.register_origin(bundles.ORIGIN, bundles.render_batch)
    ledger.on_result(bundles.ORIGIN, bundles.on_result)
    compose.register_origin(replies.ORIGIN, replies.render)
    ledger.on_result(replies.ORIGIN, replies.on_result)
    routing.register(replies.PREFIX, replies.receive)
    confirmation.register(KIND, Letters())
    campaign_page.register_section("letters", front.section)
    own_page.register(own.section)
    own_page.register_desk(own.desk_section)
    own_page.register_data("letters", own.gather)
    erasing.register(own.erase)
    unconfirmed.register(KIND, retention.purge)
    unconfirmed.register_tie(retention.tie)
