"""Receiving domains that defer our mail: each is left alone for a while, and the others go on.

What is known of them stands in PostgreSQL, where all workers see it and no flushed cache forgets it; a domain that takes
mail again is forgotten.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail.models import DeferringDomain

FIRST = timedelta(minutes=1)
LONGEST = timedelta(hours=1)
ENOUGH = 5
"""So many deferrals within a batch, and no less than half of its answers, are the domain's and not a mailbox's."""
_AHEAD = 20_000


def paused() -> dict[str, datetime]:
    """The domains that are left alone now, and until when."""
    query = select(DeferringDomain.domain, DeferringDomain.paused_until).where(
        DeferringDomain.paused_until > utcnow()
    )
    return {row.domain: row.paused_until for row in db.session.execute(query)}


def resting() -> list[DeferringDomain]:
    """The domains that are left alone now and what they said, the longest pause first."""
    query = select(DeferringDomain).where(DeferringDomain.paused_until > utcnow())
    return list(db.session.scalars(query.order_by(DeferringDomain.paused_until.desc()).limit(100)))


def defers(deferred: int, answered: int) -> bool:
    """Whether so many deferrals among so many answers are a reason to leave a domain alone."""
    return deferred >= ENOUGH and deferred * 2 >= answered


def pause(domain: str, reason: str | None) -> datetime:
    """Leaves a domain alone, twice as long as the time before; commits and returns until when."""
    now = utcnow()
    known = db.session.execute(
        select(DeferringDomain).where(DeferringDomain.domain == domain).with_for_update()
    ).scalar()
    if known is not None and (until := known.paused_until) > now:
        db.session.rollback()  # another sender has just said so
        return until
    strikes = known.strikes + 1 if known is not None else 1
    until = now + min(FIRST * 2 ** min(strikes - 1, 10), LONGEST)
    values = {"paused_until": until, "strikes": strikes, "reason": reason or ""}
    db.session.execute(
        insert(DeferringDomain)
        .values(domain=domain, **values)
        .on_conflict_do_update(index_elements=[DeferringDomain.domain], set_=values)
    )
    db.session.commit()
    return until


def takes_mail(names: Iterable[str]) -> None:
    """Forgets that these domains deferred, once their pause is over, and commits."""
    db.session.execute(
        delete(DeferringDomain).where(
            DeferringDomain.domain.in_(list(names)), DeferringDomain.paused_until <= utcnow()
        )
    )
    db.session.commit()


def known() -> set[str]:
    """The domains of which something is remembered."""
    return set(db.session.scalars(select(DeferringDomain.domain)))


_PUT_OFF = text(
    """
    UPDATE message m SET next_attempt_at = p.paused_until FROM (
        SELECT d.id, k.paused_until FROM (
            SELECT id, domain, state FROM message WHERE stream = :stream AND state IN ('queued', 'deferred')
            AND next_attempt_at <= :now ORDER BY priority, next_attempt_at, id LIMIT :ahead
        ) d JOIN deferring_domain k ON k.domain = d.domain AND k.paused_until > :now
    ) p WHERE m.id = p.id AND m.state IN ('queued', 'deferred') AND m.next_attempt_at <= :now
    """
)


def put_off(streams: Iterable[str]) -> None:
    """Makes what is due for paused domains due at their pause's end, so that claims need not walk past it; commits."""
    if paused():
        for stream in streams:
            db.session.execute(_PUT_OFF, {"stream": stream, "now": utcnow(), "ahead": _AHEAD})
    db.session.commit()


class Tally:
    """What the receiving domains answered within one batch."""

    def __init__(self) -> None:
        self._answered: Counter[str] = Counter()
        self._deferred: Counter[str] = Counter()
        self.accepted: set[str] = set()

    def hear(self, domain: str, state: str) -> bool:
        """Notes the state that an answer brought; returns whether the domain should be left alone."""
        self._answered[domain] += 1
        if state == "sent":
            self.accepted.add(domain)
        if state != "deferred":
            return False
        self._deferred[domain] += 1
        return defers(self._deferred[domain], self._answered[domain])
