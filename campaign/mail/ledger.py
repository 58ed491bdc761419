"""The outbound ledger, as features use it: rows go in, are held, released and cancelled, and report back.

All of it happens in the caller's transaction; after its commit the caller wakes the stream
(:func:`campaign.mail.wake.wake`), and where it forgets to, the sweep finds the rows a few seconds later.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.counts import queries
from campaign.extensions import db
from campaign.mail import orders, settings, states
from campaign.mail.models import OPEN_STATES, STREAMS, Message
from campaign.mail.settling import DOUBT
from campaign.mail.states import IllegalTransition, Result, Row, on_result

__all__ = [
    "Draft", "IllegalTransition", "Result", "Row", "cancel", "decide", "doubtful", "enqueue", "enqueue_select",
    "hold", "on_result", "open_messages", "progress", "refusal", "release", "repeat", "retry", "settle_doubts", "totals", "unit",
]  # fmt: skip

CHUNK = 1000


@dataclass(frozen=True)
class Draft:
    """A message to be: ``(origin, origin_id, unit_id)`` is its identity, and a second one is passed over."""

    origin: str
    unit_id: int
    to_address: str
    language: str
    origin_id: int = 0
    campaign_id: int = 0
    priority: int = 0
    due: datetime | None = None
    data: Any = None


# The Message-ID holds the row's number: it finds the row again where a bounce or a complaint quotes no more than this.
_QUEUE = """
    INSERT INTO message (id, stream, origin, origin_id, unit_id, to_address, domain, language, campaign_id,
        priority, next_attempt_at, message_id, data, created_at)
    SELECT u.id, :stream, u.origin, u.origin_id, u.unit_id, u.to_address,
        lower(split_part(u.to_address, '@', -1)), u.language, u.campaign_id, u.priority, u.due,
        '<' || replace(gen_random_uuid()::text, '-', '') || '.' || u.id || '@' || :sender_domain || '>', u.data, :now
    FROM (SELECT nextval('message_id_seq') AS id, * FROM {drafts}) AS u
    ON CONFLICT (origin, origin_id, unit_id) DO NOTHING
    RETURNING id, origin, origin_id, campaign_id, unit_id
    """


def queueing(drafts: str) -> str:
    """The INSERT that ``enqueue`` runs, for a larger statement, from a relation ``drafts`` with the columns of Draft.

    Needs ``queue_values``. Whoever takes it counts the rows that it returns.
    """
    return _QUEUE.replace("{drafts}", drafts)


def queue_values(stream: str) -> dict[str, Any]:
    """What ``queueing`` needs beside the drafts."""
    return {"stream": stream, "sender_domain": settings.sender().domain, "now": utcnow()}


_INSERT = text(
    queueing(
        """unnest(CAST(:origin AS text[]), CAST(:origin_id AS bigint[]), CAST(:unit_id AS bigint[]),
        CAST(:to_address AS text[]), CAST(:language AS text[]), CAST(:campaign_id AS bigint[]),
        CAST(:priority AS smallint[]), CAST(:due AS timestamptz[]), CAST(:data AS jsonb[]))
        AS d (origin, origin_id, unit_id, to_address, language, campaign_id, priority, due, data)"""
    )
)


def enqueue(stream: str, drafts: Iterable[Draft]) -> list[int]:
    """Queues the messages that are not in the ledger yet and returns their row numbers."""
    _known(stream)
    common = queue_values(stream)
    inserted: list[int] = []
    moves: Counter[tuple[str, str, int, int, str | None, str]] = Counter()
    for chunk in _chunks(drafts):
        values: dict[str, Any] = {
            name: [getattr(draft, name) for draft in chunk]
            for name in ("origin", "origin_id", "unit_id", "to_address", "language", "campaign_id", "priority")
        }  # fmt: skip
        values["due"] = [draft.due or common["now"] for draft in chunk]
        values["data"] = [None if draft.data is None else Jsonb(draft.data) for draft in chunk]
        values |= common
        for row_id, origin, origin_id, campaign_id, _ in db.session.execute(_INSERT, values):
            inserted.append(row_id)
            moves[stream, origin, origin_id, campaign_id, None, "queued"] += 1
    states.count_moves(moves)
    return inserted


_REPEAT = text(
    """
    UPDATE message m SET message_id = coalesce((
        SELECT e.message_id FROM message e WHERE e.origin = m.origin AND e.unit_id = m.unit_id
        AND e.origin_id IN (SELECT generate_series(0, m.origin_id - 1)) ORDER BY e.origin_id DESC LIMIT 1
    ), m.message_id)
    FROM unnest(CAST(:unit_id AS bigint[]), CAST(:origin_id AS bigint[])) AS u (unit_id, origin_id)
    WHERE m.origin = :origin AND m.origin_id = u.origin_id AND m.unit_id = u.unit_id
    """
)


def repeat(origin: str, units: Mapping[int, int]) -> None:
    """Gives messages {unit_id: origin_id} the Message-ID of the unit's message before, under a smaller ``origin_id``.

    For what may have arrived and goes once more: it is the same message.
    """
    if units:
        values = {"origin": origin, "unit_id": list(units), "origin_id": list(units.values())}
        db.session.execute(_REPEAT, values)


def enqueue_select(
    stream: str, origin: str, origin_id: int, campaign_id: int, query: Select[Any]
) -> int:
    """Queues a message for each row of ``query`` (unit_id, to_address, language and, if given, due).

    One INSERT … SELECT, however large the audience. Returns how many were not in the ledger yet.
    """
    _known(stream)
    given = query.subquery()
    found = select(given, literal_column("nextval('message_id_seq')").label("number")).subquery()
    now = literal(utcnow())
    unique = func.replace(cast(func.gen_random_uuid(), Text), "-", "")
    columns: dict[str, ColumnElement[Any]] = {
        "id": found.c.number,
        "stream": literal(stream),
        "origin": literal(origin),
        "origin_id": literal(origin_id),
        "unit_id": found.c.unit_id,
        "to_address": found.c.to_address,
        "domain": func.lower(func.split_part(found.c.to_address, "@", -1)),
        "language": found.c.language,
        "campaign_id": literal(campaign_id),
        "next_attempt_at": func.coalesce(found.c.due, now) if "due" in found.c else now,
        "message_id": literal("<")
        + unique
        + literal(".")
        + cast(found.c.number, Text)
        + literal(f"@{settings.sender().domain}>"),
        "created_at": now,
    }
    statement = (
        insert(Message)
        .from_select(list(columns), select(*list(columns.values())))
        .on_conflict_do_nothing(constraint="uq_message_unit")
    )
    n: int = (
        db.session.connection()
        .execute(statement, execution_options={"preserve_rowcount": True})
        .rowcount
    )
    states.count_moves(Counter({(stream, origin, origin_id, campaign_id, None, "queued"): n}))
    return n


def cancel(
    origin: str,
    origin_id: int | None = None,
    unit_ids: Sequence[int] | None = None,
    uncertain: bool = False,
) -> int:
    """Ends what has not left yet and returns how many messages that were at once.

    ``uncertain``: also those of ``unit_ids`` that may have arrived, once a person has said what became of them. Without ``unit_ids`` it is a standing order for all of ``origin_id``: what a large origin has left,
    and what is on its way and comes back, follows within seconds.
    """
    if unit_ids is None:
        return orders.cancel(origin, _given(origin_id), by="")
    old = ("queued", "deferred", "held", *(("uncertain",) if uncertain else ()))
    return len(_move_units("cancelled", origin, origin_id, unit_ids, old=old))


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


def retry(ids: Sequence[int]) -> int:
    """Sends failed, held or uncertain messages (row numbers) once more, from the first attempt on.

    Raises IllegalTransition where one of them is in another state.
    """
    return _move_all("queued", ids, "attempts = 0, first_attempt_at = NULL, next_attempt_at = :now")


def decide(ids: Sequence[int], arrived: bool) -> int:
    """A person says of uncertain messages that they arrived, or that they did not and are to go again.

    Raises IllegalTransition where one of them is not uncertain.
    """
    if arrived:
        return _move_all("sent", ids, old=("uncertain",))
    return _move_all("queued", ids, "next_attempt_at = :now", old=("uncertain",))


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


def doubtful(origin: str, origin_id: int) -> int:
    """How many of an origin's messages wait for a person to say whether they go again; counted no further than 100."""
    some = (
        select(Message.id)
        .where(
            Message.origin == origin,
            Message.origin_id == origin_id,
            Message.state.in_(("queued", "deferred", "held")),  # as in the index
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


def _move_all(
    new: str, ids: Sequence[int], set_: str = "", old: Sequence[str] | None = None
) -> int:
    old = old or tuple(state for state in states.sources(new) if state != "leased")
    moved = states.move(new, "m.id = ANY(:ids)", {"ids": list(ids)}, set_=set_, old=old)
    if len(moved) != len(set(ids)):
        raise IllegalTransition(f"{len(set(ids)) - len(moved)} messages cannot become {new} now")
    return len(moved)


def _known(stream: str) -> None:
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")


def _given(origin_id: int | None) -> int:
    if origin_id is None:
        raise ValueError("say which origin_id, or which unit_ids")
    return origin_id


def _chunks(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    iterator = iter(drafts)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
