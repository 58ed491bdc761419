"""The outbound ledger, as features use it: rows go in, are held, released and cancelled, and report back.

All of it happens in the caller's transaction; after its commit the caller wakes the stream
(:func:`campaign.mail.wake.wake`), and where it forgets to, the sweep finds the rows a few seconds later.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from campaign.counts import queries
from campaign.extensions import db
from campaign.mail import orders, states
from campaign.mail.models import OPEN_STATES, Message
from campaign.mail.queueing import (
    Draft,
    enqueue,
    enqueue_select,
    queue_values,
    queueing,
    repeat,
)
from campaign.mail.settling import DOUBT
from campaign.mail.states import Result, Row, on_result

__all__ = [
    "Draft", "Refusal", "Result", "Row", "cancel", "doubtful", "enqueue", "enqueue_select",
    "hold", "lock_in_transaction", "on_result", "open_messages", "progress", "queue_values", "queueing", "refusal", "refusals", "release", "repeat", "settle_doubts", "still_open", "totals", "unit",
]  # fmt: skip


def cancel(
    origin: str,
    origin_id: int | None = None,
    unit_ids: Sequence[int] | None = None,
    uncertain: bool = False,
) -> int:
    """Ends what has not left yet and returns how many messages that were at once.

    ``uncertain``: also those of ``unit_ids`` that may have arrived, once a person has said what became of them. Without
    ``unit_ids`` it is a standing order for all of ``origin_id``: what a large origin has left, and what is on its way and
    comes back, follows within seconds.
    """
    if unit_ids is None:
        return orders.cancel(origin, _given(origin_id), by="")
    old = ("queued", "deferred", "held", *(("uncertain",) if uncertain else ()))
    return len(_move_units("cancelled", origin, origin_id, unit_ids, old=old))


def lock_in_transaction(origin: str, unit_ids: Sequence[int]) -> None:
    """Keeps the open messages of some units as they are until the caller's commit.

    Whoever moves rows of its own together with their messages begins here: a sender and a sweep, which hold a message and
    then tell its origin, would wait for it in a circle.
    """
    its = (Message.origin == origin, Message.unit_id.in_(list(unit_ids)))
    query = select(Message.id).where(*its, Message.state.in_(OPEN_STATES)).order_by(Message.id)
    db.session.execute(query.with_for_update())


def hold(
    origin: str,
    origin_id: int | None = None,
    unit_ids: Sequence[int] | None = None,
    reason: str = "person",
) -> int:
    """Keeps what has not left yet from leaving until :func:`release`; like :func:`cancel` otherwise."""
    if unit_ids is None:
        return orders.pause(origin, _given(origin_id), by=reason)
    return len(
        _move_units(
            "held",
            origin,
            origin_id,
            unit_ids,
            set_="hold_reason = :reason",
            values={"reason": reason},
        )
    )


def release(
    origin: str, origin_id: int | None = None, unit_ids: Sequence[int] | None = None
) -> int:
    """Lets held messages go; without ``unit_ids`` those that a hold of the whole ``origin_id`` keeps."""
    if unit_ids is None:
        return orders.resume(origin, _given(origin_id), by="")
    return len(_move_units("queued", origin, origin_id, unit_ids, old=("held",)))


def unit(message_id: int) -> tuple[str, int, int] | None:
    """A message's identity ``(origin, origin_id, unit_id)`` by its row number; None where there is no such row."""
    query = select(Message.origin, Message.origin_id, Message.unit_id).where(
        Message.id == message_id
    )
    row = db.session.execute(query).first()
    return (row.origin, row.origin_id, row.unit_id) if row else None


def refusal(origin: str, origin_id: int, unit_id: int) -> str:
    """What was said where a message was refused for good; empty where it was not."""
    query = select(Message).where(
        Message.origin == origin, Message.origin_id == origin_id, Message.unit_id == unit_id
    )
    found = db.session.scalar(query)
    if found is None or found.state != "failed":
        return ""
    parts = (str(found.smtp_code or ""), found.smtp_enhanced, found.smtp_text)
    return " ".join(part for part in parts if part) or "failed"


class Refusal(NamedTuple):
    """What mail servers said of several messages that were refused for good."""

    code: int | None
    enhanced: str | None
    said: str | None
    """The words of the newest."""
    n: int


LOOKED_AT = 1000
"""So many of an origin's refused messages are looked at, the newest."""


def refusals(origin: str, origin_id: int) -> list[Refusal]:
    """Why an origin's messages were refused for good, the most frequent answers first: of the newest LOOKED_AT."""
    newest = (
        select(Message.id, Message.smtp_code, Message.smtp_enhanced, Message.smtp_text)
        .where(Message.origin == origin, Message.origin_id == origin_id, Message.state == "failed")
        .order_by(Message.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    said = aggregate_order_by(newest.c.smtp_text, newest.c.id.desc())
    query = (
        select(newest.c.smtp_code, newest.c.smtp_enhanced, func.array_agg(said)[1], func.count())
        .group_by(newest.c.smtp_code, newest.c.smtp_enhanced)
        .order_by(func.count().desc(), newest.c.smtp_code)
        .limit(10)
    )
    return [Refusal(*row) for row in db.session.execute(query)]


def still_open(origin: str, origin_id: int, unit_ids: Sequence[int]) -> set[int]:
    """Those of some units whose message may still go."""
    query = select(Message.unit_id).where(
        Message.origin == origin,
        Message.origin_id == origin_id,
        Message.unit_id.in_(list(unit_ids)),
        Message.state.not_in(states.FINAL_STATES),
    )
    return set(db.session.scalars(query))


def doubtful(origin: str, origin_id: int) -> int:
    """How many of an origin's messages wait for a person to say whether they go again; counted no further than 100."""
    some = (
        select(Message.id)
        .where(
            Message.origin == origin,
            Message.origin_id == origin_id,
            Message.state
            == "held",  # as in ix_message_undecided, which leaves out what an order holds
            Message.hold_reason == DOUBT,
        )
        .limit(100)
        .subquery()
    )
    return db.session.execute(select(func.count()).select_from(some)).scalar_one()


def settle_doubts(origin: str, origin_id: int, again: bool) -> int:
    """A person decides about the messages that :func:`doubtful` counts: they go once more, or never again."""
    moved = states.move(
        "queued" if again else "cancelled",
        "m.origin = :origin AND m.origin_id = :origin_id AND m.hold_reason = :doubt",
        {"origin": origin, "origin_id": origin_id, "doubt": DOUBT},
        old=("held",),
        set_="doubts = 0",
    )
    return len(moved)


def totals(stream: str | None = None) -> dict[str, int]:
    """How many messages are in each state, of one stream or of all: as of the last fold."""
    return queries.states("messages", part=stream)


def progress(origin: str, origin_id: int) -> dict[str, int]:
    """How many of an origin's messages are in each state: as of the last fold."""
    return queries.states(origin, campaign_id=None, part=str(origin_id))


def open_messages(origin: str, origin_id: int) -> int:
    """How many of an origin's messages may still go: exact, from the counters and what is not folded yet."""
    names = [f"{origin}.{state}" for state in OPEN_STATES]
    return queries.exact(names, part=str(origin_id))


def _move_units(
    new: str, origin: str, origin_id: int | None, unit_ids: Sequence[int], **options: Any
) -> list[Row]:
    old = options.pop("old", ("queued", "deferred", "held"))
    values = {"origin": origin, "origin_id": origin_id, "unit_ids": list(unit_ids)}
    where = "m.origin = :origin AND m.unit_id = ANY(:unit_ids)"
    if origin_id is not None:
        where += " AND m.origin_id = :origin_id"
    old = tuple(state for state in old if new in states.TRANSITIONS[state])
    return states.move(new, where, values | options.pop("values", {}), old=old, **options)


def _given(origin_id: int | None) -> int:
    if origin_id is None:
        raise ValueError("say which origin_id, or which unit_ids")
    return origin_id
