"""Suppressions as staff see them, and who may lift which.

A returned message says nothing of consent, so an organizer may lift what bounces brought about. A complaint is for good,
and nobody lifts it, but for an office's about letters: it is not for one person there to end a petition to the office, so an
administrator may, and says why. Who unsubscribed, or had everything deleted, comes back by signing up
anew and in no other way (15 U.S.C. 7704(a)(4), GDPR Art. 7(3)).
"""

from typing import Any

from sqlalchemy import select, update

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import naming, suppressions
from campaign.mail.models import Message, Suppression
from campaign.web.pages import Page, page_by_key

BY_ORGANIZERS = {"hard-bounce", "soft-bounces", "person"}


class NotYours(Exception):
    """This suppression is not for someone of this role to lift."""


class Unexplained(Exception):
    """This suppression is lifted only by who says why."""


def may_lift(reason: str, scope: str, role: str) -> bool:
    """Whether someone of ``role`` may lift a suppression in ``scope`` that has this reason."""
    if reason == "complaint":
        return scope == "letters" and role == "administrator"
    return reason in BY_ORGANIZERS


def page(address: str = "", lifted: bool = False) -> Page[Any]:
    """A page of suppressions, newest first, with their message's stream and origin; ``address`` is how one begins."""
    query = select(
        Suppression,
        Message.stream,
        Message.origin,
        Message.origin_id,
        Message.unit_id,
        Message.finished_at,
    ).outerjoin(Message, Message.id == Suppression.message_id)
    query = query.where(
        Suppression.lifted_at.is_not(None) if lifted else Suppression.lifted_at.is_(None)
    )
    if address:
        query = query.where(
            Suppression.address.startswith(address.strip().lower(), autoescape=True)
        )
    return page_by_key(query, Suppression.id)


def things(shown: Page[Any]) -> dict[int, naming.Thing]:
    """What the messages of a page's suppressions belong to, by suppression, as far as a feature names it."""
    keys = {
        row[0].id: (row.origin, row.origin_id, row.unit_id)
        for row in shown.rows
        if row.origin is not None
    }
    found = naming.of(keys.values())
    return {number: found[key] for number, key in keys.items() if key in found}


def lift(suppression_id: int, role: str, by: str, why: str = "") -> bool:
    """A person lifts a suppression; False where it is lifted already. Raises NotYours, Unexplained, NoResultFound."""
    found = db.session.execute(
        select(Suppression).where(Suppression.id == suppression_id).with_for_update()
    ).scalar_one()
    yours = may_lift(found.reason, found.scope, role)
    if not yours or (found.reason == "complaint" and not why):
        db.session.rollback()
        raise Unexplained if yours else NotYours
    changed = db.session.execute(
        update(Suppression)
        .where(Suppression.id == suppression_id, Suppression.lifted_at.is_(None))
        .values(lifted_at=utcnow(), lifted_by=f"{by}: {why}"[:500] if why else by)
        .returning(Suppression.id)
    ).first()
    db.session.commit()
    return changed is not None


def add(address: str, by: str, why: str) -> bool:
    """A person stops bulk mail to an address, say because its owner asked by telephone; False where it was stopped."""
    added = suppressions.suppress(address, "alerts", "person", note=f"{by}: {why}"[:500])
    db.session.commit()
    return added
