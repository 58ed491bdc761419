"""Which letter a message belongs to, for the desk's list of addresses that are not mailed."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select

from campaign.extensions import db
from campaign.letters.models import Delivery, Letter
from campaign.mail.naming import Key, Thing
from campaign.offices.models import Target


def of_deliveries(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The letters that deliveries carry, and to whom."""
    query = (
        select(Delivery.id, Letter.id.label("letter_id"), Letter.subject, Target.role)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Target, Target.id == Delivery.target_id)
        .where(Delivery.id.in_({unit for _, unit in keys}))
    )
    found = {
        row.id: Thing(
            gettext(
                "Letter “%(subject)s” to the %(role)s",
                subject=row.subject or gettext("(deleted)"), role=row.role,
            ),
            url_for("letters_desk.letter", letter_id=row.letter_id),
        )
        for row in db.session.execute(query)
    }  # fmt: skip
    return {key: found[key[1]] for key in keys if key[1] in found}


def of_notices(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The letters of which their writers were told something."""
    query = select(Letter.id, Letter.subject).where(Letter.id.in_({unit for _, unit in keys}))
    found = {
        row.id: Thing(
            gettext(
                "Notice about the letter “%(subject)s”", subject=row.subject or gettext("(deleted)")
            ),
            url_for("letters_desk.letter", letter_id=row.id),
        )
        for row in db.session.execute(query)
    }
    return {key: found[key[1]] for key in keys if key[1] in found}
