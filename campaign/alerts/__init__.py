"""Action alerts: written, aimed at an audience, scheduled, sent, and measured by what people then did."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and renderers."""
    from campaign.alerts import jobs, mailing, models, naming, unsubscribing  # noqa: F401  # importing registers them
    from campaign.alerts.desk import blueprint
    from campaign.mail import naming as names
    from campaign.mail.inbound import routing
    from campaign.supporters import erasing
    from campaign.web import nav

    app.register_blueprint(blueprint)
    erasing.register(mailing.erase)
    names.register(mailing.ORIGIN, naming.of_messages)
    names.register(mailing.TEST, naming.of_messages)
    routing.register("unsubscribe", unsubscribing.by_mail, automatic=True)
    nav.register(app, "alerts_desk.index", _l("Alerts"), 50)
