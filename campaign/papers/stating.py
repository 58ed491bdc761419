"""The states of packets and digests in words, for the desk."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import format_date, gettext
from sqlalchemy import select

from campaign.extensions import db
from campaign.mail.naming import Key, Thing
from campaign.offices.models import Target
from campaign.papers.models import Bundle


def bundle_label(state: str) -> str:
    """A packet's or digest's state."""
    texts = {
        "making": gettext("being made"),
        "ready": gettext("ready to print"),
        "broken": gettext("could not be made"),
        "queued": gettext("about to leave"),
        "sent": gettext("accepted by the office’s mail server"),
        "failed": gettext("returned"),
        "handed": gettext("handed over"),
        "undone": gettext("taken apart"),
    }
    return texts.get(state, state)


def of_digests(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The digests that messages carry (campaign.mail.naming)."""
    query = (
        select(Bundle.id, Bundle.target_id, Bundle.day, Target.role)
        .join(Target, Target.id == Bundle.target_id)
        .where(Bundle.id.in_({unit for _, unit in keys}))
    )
    found = {
        row.id: Thing(
            gettext(
                "Digest of %(day)s to the %(role)s",
                day=format_date(row.day, "medium"), role=row.role,
            ),
            url_for("papers_desk.index", target_id=row.target_id),
        )
        for row in db.session.execute(query)
    }  # fmt: skip
    return {key: found[key[1]] for key in keys if key[1] in found}
