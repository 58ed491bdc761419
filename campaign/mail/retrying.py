"""When refused messages are tried again, for features that keep a pace of their own. All of it in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from campaign.extensions import db

AT_ONCE = 5000
LOOKED_AT = 20_000


class Retry(NamedTuple):
    """A message that its server refused for now, and when it is tried again."""

    id: int
    origin_id: int
    unit_id: int
    at: datetime


# What is due of the stream, in the order in which an index has it, and then which of that is meant: all at once it would be
# a walk along the table while another stream has much that waits.
_DUE = text(
    """
    SELECT id, origin_id, unit_id, next_attempt_at FROM (
        SELECT * FROM message WHERE stream = :stream AND state IN ('queued', 'deferred') AND next_attempt_at <= :before
        ORDER BY priority, next_attempt_at, id LIMIT :looked_at
    ) AS open WHERE origin = :origin AND state = 'deferred' ORDER BY next_attempt_at, id LIMIT :limit
    """
)
# A message that is being sent at this moment is left alone.
_MOVE = text(
    """
    WITH picked AS MATERIALIZED (
        SELECT m.id, u.at FROM message m
        JOIN unnest(CAST(:id AS bigint[]), CAST(:at AS timestamptz[])) AS u (id, at) ON u.id = m.id
        WHERE m.state = 'deferred' ORDER BY m.id FOR UPDATE OF m SKIP LOCKED
    )
    UPDATE message m SET next_attempt_at = p.at FROM picked p WHERE m.id = p.id
    """
)


def due(stream: str, origin: str, before: datetime) -> list[Retry]:
    """The messages of an origin that are tried again before a moment."""
    values = {
        "stream": stream, "origin": origin, "before": before, "limit": AT_ONCE, "looked_at": LOOKED_AT,
    }  # fmt: skip
    return [Retry(*row) for row in db.session.execute(_DUE, values)]


def move(times: Mapping[int, datetime]) -> None:
    """Tries messages (row numbers) again at other times."""
    if times:
        db.session.execute(_MOVE, {"id": list(times), "at": list(times.values())})
