"""Taking a person out of the ledger: the rows stay and are counted, without an address or a word."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from campaign.extensions import db
from campaign.mail import ledger
from campaign.mail.inbound import events
from campaign.mail.models import CapturedMessage, Message


def forget(origin: str, origin_id: int, unit_ids: Sequence[int]) -> None:
    """Cancels what has not left of these messages and empties all of them, in the caller's transaction."""
    if not unit_ids:
        return
    ledger.cancel(origin, origin_id, unit_ids)
    these = (
        Message.origin == origin,
        Message.origin_id == origin_id,
        Message.unit_id.in_(list(unit_ids)),
    )
    db.session.execute(
        delete(CapturedMessage).where(
            CapturedMessage.message_id.in_(select(Message.id).where(*these))
        )
    )
    events.forget(db.session.scalars(select(Message.id).where(*these)).all())
    db.session.execute(
        update(Message).where(*these).values(to_address="", domain="", data=None, smtp_text=None)
    )
