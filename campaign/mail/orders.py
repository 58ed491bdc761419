"""Standing orders: nothing of a stream, an alert or a letter campaign leaves until it is resumed, or ever.

An order takes effect with the next claim; the rows themselves follow in small transactions, so that
an order about a million rows costs whoever gives it no more than one about ten.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import states
from campaign.mail.models import OPEN_STATES, STREAMS, Message, Order

CHUNK = 2000
"""Rows moved in one transaction."""
PAUSED = "paused"
"""The hold reason of rows that an order holds."""

CAMPAIGN = "campaign"
"""The origin of an order about all letters of one campaign. What the ledger has of them is taken back, not held: held
letters would all leave at once when they are let go, whatever their offices' hours."""

STREAM = "stream:"
"""The origin, with the stream's name behind, of an order about what a stream had then: its ``origin_id`` is the last message's."""

_WAITING = ("queued", "deferred")
_AS_DUE = "m.priority, m.next_attempt_at, m.id"
"""The order in which an index has what waits of one stream; in that of the rows it would be a walk along the table."""

Action = Literal["pause", "resume", "cancel"]


def pause(origin: str, origin_id: int, by: str) -> int:
    """Holds an origin's messages until :func:`resume`; returns how many at once, the rest follows."""
    _give("pause", by, origin=origin, origin_id=origin_id)
    return _carry_out("pause", origin, origin_id)


def resume(origin: str, origin_id: int, by: str) -> int:
    """Lets an origin's held messages go; returns how many at once, the rest follows."""
    _give("resume", by, origin=origin, origin_id=origin_id)
    return _carry_out("resume", origin, origin_id)


def cancel(origin: str, origin_id: int, by: str) -> int:
    """Ends an origin's messages that have not left; returns how many at once, the rest follows."""
    _give("cancel", by, origin=origin, origin_id=origin_id)
    return _carry_out("cancel", origin, origin_id)


def pause_stream(stream: str, by: str) -> None:
    """Stops a whole stream. Its rows stay as they are: nothing is claimed."""
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    _give("pause", by, stream=stream)


def resume_stream(stream: str) -> None:
    """Lets a stopped stream go on."""
    db.session.execute(delete(Order).where(Order.stream == stream, Order.origin == ""))


def pause_stream_now(stream: str, by: str) -> None:
    """:func:`pause_stream`, committed."""
    pause_stream(stream, by)
    db.session.commit()


def resume_stream_now(stream: str) -> None:
    """:func:`resume_stream`, committed, and the stream woken."""
    from campaign.mail import wake  # which imports the jobs, and they this module

    resume_stream(stream)
    db.session.commit()
    wake.wake(stream)


def cancel_stream_now(stream: str, by: str) -> None:
    """Ends for good what a stream has not sent yet, and commits; what is queued later goes as ever. The rows follow in chunks."""
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    last = db.session.execute(select(func.max(Message.id))).scalar() or 0
    _give("cancel", by, stream=stream, origin=STREAM + stream, origin_id=last)
    _end(stream, last)
    db.session.commit()


def stopped_streams() -> set[str]:
    """The streams that are stopped."""
    return set(
        db.session.scalars(select(Order.stream).where(Order.stream != "", Order.origin == ""))
    )


def stream_paused(stream: str) -> bool:
    """Whether the whole stream is stopped."""
    query = select(Order.id).where(Order.stream == stream, Order.origin == "")
    return db.session.execute(query).first() is not None


def pause_letters(campaign_id: int, by: str) -> None:
    """Takes a campaign's letters back from the ledger, and keeps others out until :func:`resume_letters`."""
    _give("pause", by, stream="letters", origin=CAMPAIGN, origin_id=campaign_id)
    _take_back(campaign_id)


def resume_letters(campaign_id: int) -> bool:
    """Lets a campaign's letters go on; False where they were cancelled, which is for good."""
    this = (Order.origin == CAMPAIGN, Order.origin_id == campaign_id)
    db.session.execute(delete(Order).where(*this, Order.action == "pause"))
    return db.session.execute(select(Order.id).where(*this)).first() is None


def cancel_letters(campaign_id: int, by: str) -> None:
    """Takes a campaign's letters back from the ledger for good."""
    _give("cancel", by, stream="letters", origin=CAMPAIGN, origin_id=campaign_id)
    _take_back(campaign_id)


def stopped_campaigns() -> dict[int, str]:
    """The campaigns whose letters are stopped, and whether by "pause" or "cancel"."""
    query = select(Order.origin_id, Order.action).where(Order.origin == CAMPAIGN)
    return {row.origin_id: row.action for row in db.session.execute(query)}


def about(row: states.Row, orders: dict[tuple[str, int], str]) -> str | None:
    """What an order says of a message, if one does; ``take back`` for a campaign's letters."""
    if row.stream == "letters" and (CAMPAIGN, row.campaign_id) in orders:
        return "take back"
    given = orders.get((row.origin, row.origin_id))
    if given is None and any(
        origin == STREAM + row.stream and row.id <= last for origin, last in orders
    ):
        return "cancel"
    return given


def standing() -> dict[tuple[str, int], str]:
    """The orders that claims obey: {(origin, origin_id): "pause" or "cancel"}.

    Locks them until the caller's commit, so that no order is withdrawn between being read and obeyed.
    """
    query = select(Order.origin, Order.origin_id, Order.action).where(
        Order.origin != "", Order.action != "resume", Order.done_at.is_(None)
    )
    rows = db.session.execute(query.with_for_update(read=True))
    return {(origin, origin_id): action for origin, origin_id, action in rows}


def latest() -> tuple[int, datetime | None]:
    """What is another after every order that is given or withdrawn."""
    # Asked ten times a second: SQLAlchemy's own way costs twice as much.
    found = db.session.connection().exec_driver_sql("SELECT count(*), max(since) FROM mail_order")
    n, since = found.one()
    return n, since


def obey(rows: list[states.Row], orders: dict[tuple[str, int], str]) -> list[states.Row]:
    """Holds or cancels the freshly claimed ``rows`` that an order forbids, and returns the others."""
    for action, new, set_ in (
        ("pause", "held", f"hold_reason = '{PAUSED}', {states.UNTRIED}"),
        ("cancel", "cancelled", states.UNTRIED),
        ("take back", "cancelled", states.UNTRIED),
    ):
        ids = [row.id for row in rows if about(row, orders) == action]
        if ids:
            states.move(new, "m.id = ANY(:ids)", {"ids": ids}, set_=set_, old=("leased",))
    return [row for row in rows if about(row, orders) is None]


def carry_on() -> bool:
    """Moves one chunk of what each unfinished order is about, committing each; returns whether more is left."""
    query = select(Order.id).where(Order.origin != "", Order.done_at.is_(None)).order_by(Order.id)
    more = False
    for order_id in db.session.scalars(query).all():
        more |= _next_chunk(order_id) == CHUNK
        db.session.commit()
    return more


def _next_chunk(order_id: int) -> int:
    # Locked, so that no other order about the same messages is given, carried out and forgotten meanwhile: what this one
    # is just holding would stay held.
    order = db.session.get(Order, order_id, populate_existing=True, with_for_update=True)
    if order is None or order.done_at is not None:
        return 0
    if order.origin == CAMPAIGN:
        return _take_back(order.origin_id)
    if order.origin.startswith(STREAM):
        return _end(order.stream, order.origin_id)
    return _carry_out(order.action, order.origin, order.origin_id)


def _give(action: Action, by: str, stream: str = "", origin: str = "", origin_id: int = 0) -> None:
    values = {"action": action, "by": by, "since": utcnow(), "done_at": None}
    about = {"stream": stream, "origin": origin, "origin_id": origin_id}
    db.session.execute(
        insert(Order)
        .values(**values, **about)
        # A cancellation is for good.
        .on_conflict_do_update(
            constraint="uq_mail_order_about", set_=values, where=Order.action != "cancel"
        )
    )


def _carry_out(action: str, origin: str, origin_id: int) -> int:
    """Moves at most a chunk; an order that has nothing left to do is marked done or, resumed, forgotten."""
    where, values = (
        "m.origin = :origin AND m.origin_id = :origin_id",
        {"origin": origin, "origin_id": origin_id},
    )
    this = (Order.origin == origin, Order.origin_id == origin_id)
    if action == "resume":
        where += f" AND m.hold_reason = '{PAUSED}'"
        n = len(states.move("queued", where, values, old=("held",), limit=CHUNK))
        if n < CHUNK:
            db.session.execute(delete(Order).where(*this, Order.action == "resume"))
        return n
    new, set_ = "cancelled", ""
    old: tuple[str, ...] = ("queued", "deferred", "held")
    if action == "pause":
        new, old, set_ = "held", ("queued", "deferred"), f"hold_reason = '{PAUSED}'"
    n = len(states.move(new, where, values, set_=set_, old=old, limit=CHUNK))
    if action == "cancel" and n < CHUNK:
        # Also none that waits: a claim which began before the order may have it locked.
        of_it = (Message.origin == origin, Message.origin_id == origin_id)
        done = update(Order).where(*this, *_none(OPEN_STATES, *of_it))
        db.session.execute(done.values(done_at=utcnow()))
    return n


def _end(stream: str, last: int) -> int:
    """Cancels at most a chunk of what a stream had up to its ``last`` message; marks the order done where none is left."""
    where, values = "m.stream = :stream AND m.id <= :last", {"stream": stream, "last": last}
    n = len(states.move("cancelled", where, values, old=_WAITING, order=_AS_DUE, limit=CHUNK))
    if n < CHUNK:
        n += len(states.move("cancelled", where, values, old=("held",), limit=CHUNK - n))
    up_to = (Message.stream == stream, Message.id <= last)
    if n < CHUNK and not _waits(*up_to):
        this = (Order.origin == STREAM + stream, Order.origin_id == last)
        done = update(Order).where(*this, *_none(("held", "leased", "uncertain"), *up_to))
        db.session.execute(done.values(done_at=utcnow()))
    return n


def _waits(*which: ColumnElement[bool]) -> bool:
    """Whether one of the messages waits still: one that a claim which began before the order has locked."""
    due = (Message.priority, Message.next_attempt_at, Message.id)
    found = select(Message.id).where(Message.state.in_(_WAITING), *which).order_by(*due).limit(1)
    return db.session.execute(found).first() is not None


def _none(among: Iterable[str], *which: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
    """That none of the messages is in one of these states: one by one, so that each is looked up in an index of its own."""
    return (~exists().where(Message.state == state, *which) for state in among)


def _take_back(campaign_id: int) -> int:
    """Takes at most a chunk of a campaign's letters out of the ledger; they are few, given out a minute ahead."""
    where = "m.stream = 'letters' AND m.campaign_id = :campaign_id"
    values = {"campaign_id": campaign_id}
    return len(states.move("cancelled", where, values, old=_WAITING, order=_AS_DUE, limit=CHUNK))
