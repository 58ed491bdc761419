"""Letters that nobody confirmed, and marks of networks, for campaign.supporters.retention."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select, update

from campaign.coalition.models import Campaign
from campaign.counts import journal
from campaign.extensions import db
from campaign.letters.models import Letter
from campaign.supporters import confirmation
from campaign.supporters.models import Supporter
from campaign.web import daily

STATE = "unconfirmed"


def purge(before: datetime, most: int) -> int:
    """Deletes at most so many unconfirmed letters written before, campaign by campaign, as the index has them."""
    gone = 0
    for campaign_id in _campaigns():
        oldest = (
            select(Letter.id, Letter.created_at)
            .where(Letter.campaign_id == campaign_id, Letter.state == STATE)
            .order_by(Letter.id)
            .limit(most - gone)
            .with_for_update(skip_locked=True)
        )
        ids = [row.id for row in db.session.execute(oldest) if row.created_at < before]
        if ids:
            db.session.execute(delete(Letter).where(Letter.id.in_(ids)))
            journal.record(
                journal.moved("letters", STATE, None, n=len(ids), campaign_id=campaign_id)
            )
        gone += len(ids)
        if gone >= most:
            break
    return gone


def forget_networks(_: datetime, most: int) -> int:
    """Clears the marks that letters carry of their networks, once no link can bring another letter of that day."""
    before = confirmation.oldest_waiting()
    oldest = (
        select(Letter.id, Letter.created_at)
        .where(Letter.network != "")
        .order_by(Letter.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ids = [row.id for row in db.session.execute(oldest) if row.created_at < before]
    if ids:
        db.session.execute(update(Letter).where(Letter.id.in_(ids)).values(network=""))
    daily.forget_in_transaction()
    return len(ids)


def tie() -> ColumnElement[bool]:
    """Whether a supporter has written anything."""
    return exists().where(Letter.supporter_id == Supporter.id)


def _campaigns() -> list[int]:
    return list(db.session.scalars(select(Campaign.id).order_by(Campaign.id)))
