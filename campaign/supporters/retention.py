"""What was typed in a form and never confirmed is not kept for ever: a sweep deletes it, and the people with nothing else.

Most of it was typed by nobody whom we know, so it goes ``UNCONFIRMED_DAYS`` after the last link that could have confirmed
it. Features register what they delete; each looks through an index from its oldest row on, one batch a transaction, so
that the sweep touches what is due and not what exists.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, delete, exists, func, select

from campaign.engines import stopping
from campaign.extensions import db
from campaign.supporters import confirmation, erasing
from campaign.supporters.models import (
    CampaignSupporter,
    Consent,
    Resubscription,
    SignUp,
    Supporter,
)

BATCH = 500

Purge = Callable[[datetime, int], int]
"""``purge(before, most)`` deletes or clears at most so many of what was made before, in one transaction that it does not commit."""

_purges: dict[str, Purge] = {}
_ties: list[Callable[[], ColumnElement[bool]]] = []


def register(name: str, purge: Purge) -> None:
    """Has the sweep call ``purge`` until it returns fewer than it was allowed."""
    _purges[name] = purge


def register_tie(tie: Callable[[], ColumnElement[bool]]) -> None:
    """Keeps a supporter's row while ``tie()`` (a condition on Supporter) holds."""
    if tie not in _ties:
        _ties.append(tie)


def cutoff() -> datetime:
    """What was typed before this moment, and never confirmed, goes."""
    return confirmation.oldest_waiting() - timedelta(days=current_app.config["UNCONFIRMED_DAYS"])


def sweep(batches: int = 20) -> dict[str, int]:
    """Deletes what is due, at most so many batches of each kind; returns how many rows of each kind went."""
    before = cutoff()
    gone: dict[str, int] = {}
    # People go last: only those are left of whom nothing else is known.
    for name, purge in {**_purges, "supporter": _bare_supporters}.items():
        for _ in range(batches):
            if stopping.requested():
                return gone
            n = purge(before, BATCH)
            db.session.commit()
            gone[name] = gone.get(name, 0) + n
            if n < BATCH:
                break
    return gone


def _rows(table: type[Any]) -> Purge:
    """Deletes a table's rows that wait for a confirmation."""

    def purge(before: datetime, most: int) -> int:
        oldest = (
            select(table.id, table.created_at)
            .where(table.confirmed_at.is_(None))
            .order_by(table.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        ids = [row.id for row in db.session.execute(oldest) if row.created_at < before]
        if ids:
            db.session.execute(delete(table).where(table.id.in_(ids)))
        return len(ids)

    return purge


def _bare_supporters(before: datetime, most: int) -> int:
    """Deletes addresses that were typed in a form, and of which nothing else is known (any longer)."""
    mine = Supporter.id
    ties = [
        exists().where(SignUp.supporter_id == mine),
        exists().where(Consent.supporter_id == mine),
        exists().where(Resubscription.supporter_id == mine),
        exists().where(CampaignSupporter.supporter_id == mine),
        *(tie() for tie in _ties),
    ]
    found = db.session.execute(
        select(Supporter.id, Supporter.email)
        .where(
            Supporter.confirmed_at.is_(None),
            Supporter.erased_at.is_(None),
            Supporter.given_name == "",
            Supporter.family_name == "",
            # An import may have brought the row: then somebody wanted it.
            Supporter.postal_code == "",
            Supporter.phone == "",
            Supporter.source == "",
            func.cardinality(Supporter.tags) == 0,
            Supporter.created_at < before,
            *(~tie for tie in ties),
        )
        .order_by(Supporter.created_at)
        .limit(most)
        # Whoever writes with this address in this very moment holds its row, and keeps it.
        .with_for_update(skip_locked=True, of=Supporter)
    ).all()
    for row in found:
        erasing.forget_confirmations(row.email)
    if found:
        db.session.execute(delete(Supporter).where(Supporter.id.in_([row.id for row in found])))
    return len(found)


register("sign_up", _rows(SignUp))
register("resubscription", _rows(Resubscription))
