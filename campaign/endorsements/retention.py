"""Signatures that nobody confirmed, for campaign.supporters.retention."""

from datetime import datetime

from sqlalchemy import delete, select

from campaign.counts import journal
from campaign.endorsements.commands import petition_slug
from campaign.endorsements.models import Endorsement
from campaign.extensions import db
from campaign.supporters import erasing, queries

STATE = "unconfirmed"


def purge(before: datetime, most: int) -> int:
    """Deletes at most so many unconfirmed signatures made before, and what is known of the mails to their signers."""
    oldest = (
        select(Endorsement)
        .where(Endorsement.state == STATE)
        .order_by(Endorsement.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = [row for row in db.session.scalars(oldest) if row.created_at < before]
    if not rows:
        return 0
    # Taken before the rows go: afterwards the objects are empty.
    addresses = {row.signer_email.lower() for row in rows}
    parts = [(row.campaign_id, petition_slug(row.petition_id)) for row in rows]
    db.session.execute(delete(Endorsement).where(Endorsement.id.in_([row.id for row in rows])))
    journal.record(
        change
        for campaign_id, part in parts
        for change in journal.moved("endorsements", STATE, None, campaign_id=campaign_id, part=part)
    )
    for address in addresses:
        if queries.id_by_email(address) is None:
            erasing.forget_confirmations(address)
    return len(parts)
