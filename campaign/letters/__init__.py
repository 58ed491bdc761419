"""Letters to officials: the form, the offices, the drip that hands letters over in office hours."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
    from campaign.coalition import campaign_page
    from campaign.letters import deliveries, front, jobs, models, own, render, results  # noqa: F401  # jobs and tables
    from campaign.letters.provider import KIND, Letters
    from campaign.letters.views import bp
    from campaign.mail import compose, ledger
    from campaign.supporters import confirmation, erasing, own_page

    app.register_blueprint(bp)
    compose.register_origin(deliveries.ORIGIN, render.render_batch)
    ledger.on_result(deliveries.ORIGIN, results.on_result)
    confirmation.register(KIND, Letters())
    campaign_page.register_section("letters", front.section)
    own_page.register(own.section)
    own_page.register_data("letters", own.gather)
    erasing.register(own.erase)
