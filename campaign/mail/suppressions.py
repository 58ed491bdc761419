"""Addresses that must not be mailed: why, since when, and until a person lifts it."""

import json
from typing import Any

from sqlalchemy import JSON, Text, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import states
from campaign.mail.models import SUPPRESSION_SCOPES, Suppression
from campaign.mail.states import Row

BINDING = {"person": 1, "unsubscribed": 2, "erased": 3, "complaint": 4}
"""How much a reason binds: one that binds more takes the place of another. Bounces, not named here, bind least."""

EXEMPT_ORIGINS = {"notice"}
"""Staff notices go to people who work here: no suppression stops them."""


def suppress(
    address: str, scope: str, reason: str, message_id: int | None = None, note: str = ""
) -> bool:
    """Suppresses ``address`` in ``scope`` (``all`` or a stream), in the caller's transaction.

    ``reason`` is a word (``hard-bounce``, ``soft-bounces``, ``complaint``, ``unsubscribed``,
    ``person``), ``message_id`` the row number of the message it came from. Returns False where the
    address was suppressed already. Then the first reason stays, unless the new one binds more: of an address that
    bounced and whose owner then unsubscribed nobody may say that it only bounced, and lift that.
    """
    if scope not in SUPPRESSION_SCOPES:
        raise ValueError(f"there is no suppression scope {scope!r}")
    values = {"reason": reason, "since": utcnow(), "message_id": message_id, "note": note}
    statement = insert(Suppression).values(address=_key(address), scope=scope, **values)
    active: dict[str, Any] = {
        "index_elements": [Suppression.address, Suppression.scope],
        "index_where": Suppression.lifted_at.is_(None),
    }
    rank = BINDING.get(reason, 0)
    if rank:
        weaker = Suppression.reason.not_in([one for one, n in BINDING.items() if n >= rank])
        statement = statement.on_conflict_do_update(**active, set_=values, where=weaker)
    else:
        statement = statement.on_conflict_do_nothing(**active)
    return db.session.execute(statement.returning(Suppression.id)).first() is not None


def lift(address: str, scope: str, by: str) -> bool:
    """A person lifts a suppression; returns whether there was one. A complaint is for good: see ``lifting``."""
    statement = (
        update(Suppression)
        .where(
            Suppression.address == _key(address),
            Suppression.scope == scope,
            Suppression.reason != "complaint",
            Suppression.lifted_at.is_(None),
        )
        .values(lifted_at=utcnow(), lifted_by=by)
        .returning(Suppression.id)
    )
    return db.session.execute(statement).first() is not None


def is_suppressed(address: str, scope: str) -> bool:
    """Whether ``address`` must not be mailed in ``scope`` (a stream); suppressed in ``all`` counts everywhere."""
    return bool(suppressed([address], scope))


def suppressed(addresses: list[str], scope: str) -> set[str]:
    """Those of ``addresses`` (lower-case) that must not be mailed in ``scope``."""
    # One text and not hundreds of parameters: the statement stays the same, and parsed.
    asked = func.json_array_elements_text(
        cast(literal(json.dumps([_key(a) for a in addresses]), Text), JSON)
    )
    query = select(Suppression.address).where(
        Suppression.address.in_(select(asked.column_valued("asked"))),
        Suppression.scope.in_(("all", scope)),
        Suppression.lifted_at.is_(None),
    )
    return set(db.session.scalars(query))


def obey(rows: list[Row]) -> list[Row]:
    """Cancels those of the freshly claimed rows that must not be mailed, and returns the others."""
    asked = [row for row in rows if row.origin not in EXEMPT_ORIGINS]
    if not asked:
        return rows
    stopped = suppressed([row.to_address for row in asked], asked[0].stream)
    if not stopped:
        return rows
    ids = [row.id for row in asked if _key(row.to_address) in stopped]
    states.move(
        "cancelled", "m.id = ANY(:ids)", {"ids": ids}, old=("leased",),
        set_=f"smtp_text = 'suppressed', {states.UNTRIED}",
    )  # fmt: skip
    gone = set(ids)
    return [row for row in rows if row.id not in gone]


def _key(address: str) -> str:
    return address.strip().lower()
