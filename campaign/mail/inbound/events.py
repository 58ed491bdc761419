"""What came in, each thing once and counted; all of it in the caller's transaction."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.mail.models import InboundEvent

KEPT = timedelta(days=400)
"""So long a second telling is known as one; providers repeat for days, and soft bounces count for 30."""
SPENT = "spent"
TOKENS_KEPT = timedelta(days=2)
AT_ONCE = 2000


def once(kind: str, about: int, source: str, key: str = "", address: str = "") -> bool:
    """Notes that something came in and counts it; False: it was noted before, which is counted and nothing else.

    ``key`` tells apart what can come in about the same thing several times; without one it happens once, whatever
    its words, so that what strangers send over and over takes no room.

    Of two at the same time the second waits for the first's transaction, and sees its row.
    """
    statement = (
        insert(InboundEvent)
        .values(kind=kind, about=about, key=key[:200], source=source, at=utcnow(), address=address)
        .on_conflict_do_nothing(constraint="uq_inbound_event_once")
        .returning(InboundEvent.id)
    )
    new = db.session.execute(statement).first() is not None
    count(kind if new else "repeated", source)
    return new


def first(token: str) -> bool:
    """Whether a token that is good for one call is seen for the first time; kept for TOKENS_KEPT."""
    statement = (
        insert(InboundEvent)
        .values(kind=SPENT, about=0, key=token[:200], source="", at=utcnow())
        .on_conflict_do_nothing(constraint="uq_inbound_event_once")
        .returning(InboundEvent.id)
    )
    return db.session.execute(statement).first() is not None


def count(kind: str, source: str, n: int = 1) -> None:
    """Journals ``inbound.<kind>`` by the door it came through."""
    journal.record([journal.Change(f"inbound.{kind}", n, part=source)])


def forget(message_ids: Sequence[int]) -> None:
    """Takes the address of some messages' recipient out of what came in about them."""
    db.session.execute(
        update(InboundEvent)
        .where(InboundEvent.about.in_(list(message_ids)), InboundEvent.address != "")
        .values(address="")
    )


def clear() -> int:
    """Deletes what is too old to come again, some of it, and commits; returns how much."""
    now = utcnow()
    spent = and_(InboundEvent.kind == SPENT, InboundEvent.at < now - TOKENS_KEPT)
    old = select(InboundEvent.id).where(or_(InboundEvent.at < now - KEPT, spent)).limit(AT_ONCE)
    statement = delete(InboundEvent).where(InboundEvent.id.in_(old)).returning(InboundEvent.id)
    n = len(db.session.execute(statement).all())
    db.session.commit()
    return n
