"""Which alert a message belongs to, for the desk's list of addresses that are not mailed."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select

from campaign.alerts.models import Alert
from campaign.extensions import db
from campaign.mail.naming import Key, Thing
from campaign.web.languages import pick


def of_messages(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The alerts that messages are of."""
    query = select(Alert.id, Alert.name, Alert.subject).where(
        Alert.id.in_({origin_id for origin_id, _ in keys})
    )
    found = {
        row.id: Thing(
            gettext("Alert “%(name)s”", name=row.name or pick(row.subject)),
            url_for("alerts_desk.alert", alert_id=row.id),
        )
        for row in db.session.execute(query)
    }
    return {key: found[key[0]] for key in keys if key[0] in found}
