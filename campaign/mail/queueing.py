"""How rows get into the outbound ledger: a few, what a larger statement brings, or an audience with one INSERT.

Features use it as part of :mod:`campaign.mail.ledger`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
from campaign.extensions import db
from campaign.mail import settings, states
from campaign.mail.models import STREAMS, Message

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


def _known(stream: str) -> None:
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")


def _chunks(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    iterator = iter(drafts)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
