"""What is happening, at a glance: the desk's home, status, health, and the operator's checks."""

from flask import Flask
from flask_babel import lazy_gettext as _l


def init_app(app: Flask) -> None:
    """Adds the desk's own pages and the addresses for whoever watches over the site."""
    from campaign.accounts.queries import Directory, use_directory
    from campaign.reports import desk, health, queries
    from campaign.web import nav

    app.register_blueprint(desk.blueprint)
    app.register_blueprint(health.blueprint)
    use_directory(Directory(queries.organizations_like, queries.organization_names))
    nav.register(app, "reports.desk", _l("Overview"), 0)
    nav.register(app, "reports.delivery_page", _l("Where mail goes"), 92)
    nav.register(app, "reports.site", _l("The coalition"), 94)
