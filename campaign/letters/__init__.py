"""Letters to officials: the form, moderation, the drip that hands letters over in office hours, and what offices answer."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.letters import jobs, models, notices, stating, telling  # noqa: F401  # they register themselves

    app.jinja_env.filters["reason"] = stating.reason
    app.jinja_env.filters["server_answer"] = stating.server_answer
    _add_routes(app)
    _hear_of_mail()
    _join_lower_features()


def _add_routes(app: Flask) -> None:
    from campaign.letters import (
        desk,
        desk_campaign,
        desk_stopping,
        views,
        views_own,
    )
    from campaign.web import nav

    for module in (
        views, views_own, desk, desk_campaign, desk_stopping,
    ):  # fmt: skip
        app.register_blueprint(module.bp)
    nav.register(app, "letters_desk.letters", _l("Letters"), 20)
    nav.register(app, "letters_desk.deliveries", _l("Deliveries"), 22)


def _hear_of_mail() -> None:
    """What the mail floor asks of letters, and tells them."""
    from campaign.letters import (
        deliveries,
        naming,
        notices,
        passing_on,
        render,
        replies,
        results,
        telling,
    )
    from campaign.mail import compose, ledger, undecided
    from campaign.mail import naming as names
    from campaign.mail.inbound import routing

    compose.register_origin(deliveries.ORIGIN, render.render_batch)
    ledger.on_result(deliveries.ORIGIN, results.on_result)
    undecided.decided_elsewhere(deliveries.ORIGIN, "letters_desk.deliveries")
    names.register(deliveries.ORIGIN, naming.of_deliveries)
    for origin in (notices.REJECTED, telling.DONE):
        names.register(origin, naming.of_notices)
    compose.register_origin(replies.ORIGIN, passing_on.render)
    ledger.on_result(replies.ORIGIN, passing_on.on_result)
    routing.register(replies.PREFIX, replies.receive)


def _join_lower_features() -> None:
    """What the features below show and do with letters."""
    from campaign.letters import desk_queries, own, retention
    from campaign.letters.provider import KIND, Letters
    from campaign.offices import office_page
    from campaign.supporters import confirmation, erasing, own_page
    from campaign.supporters import retention as unconfirmed

    confirmation.register(KIND, Letters())
    office_page.register_section("letters", desk_queries.of_office)
    own_page.register(own.section)
    own_page.register_desk(own.desk_section)
    own_page.register_data("letters", own.gather)
    erasing.register(own.erase)
    unconfirmed.register(KIND, retention.purge)
    unconfirmed.register("network", retention.forget_networks)
    unconfirmed.register_tie(retention.tie)
