"""Which digest a message carries, for the desk's list of addresses that are not mailed."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import format_date, gettext
from sqlalchemy import select

from campaign.mail.naming import Key, Thing, by_unit
from campaign.offices.models import Target
from campaign.papers.models import Bundle


def of_digests(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The digests that messages carry."""
    query = select(Bundle.id, Bundle.target_id, Bundle.day, Target.role).join(
        Target, Target.id == Bundle.target_id
    )
    return by_unit(
        keys, query,
        lambda row: Thing(
            gettext(
                "Digest of %(day)s to the %(role)s", day=format_date(row.day, "medium"), role=row.role
            ),
            url_for("papers_desk.index", target_id=row.target_id),
        ),
    )  # fmt: skip
