"""How senders take messages from the ledger, for a while.

A claim is a lease with an owner's name of its own: whoever cannot name it any more has lost the rows. Leases run by the database's clock, the one that all workers share.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import orders, states, suppressions
from campaign.mail.states import Row
from campaign.mail.streams import Stream

LEASE_S = 60
RENEW_S = 20
"""A sender renews a lease older than this."""


def due(stream: str, at_most: int) -> int:
    """How many messages are due, counted no further than ``at_most``."""
    # In their order, which an index has: without it the planner, to whom each stream is a part of what is open, walks along
    # the table as long as this stream has nothing and another a million.
    query = text(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM message WHERE stream = :stream AND state IN ('queued', 'deferred')
            AND next_attempt_at <= :now ORDER BY priority, next_attempt_at, id LIMIT :limit
        ) AS found
        """
    )
    return db.session.execute(
        query, {"stream": stream, "now": utcnow(), "limit": at_most}
    ).scalar_one()


def due_in(stream: str, within_s: float) -> float | None:
    """In how many seconds the next message is due, if that is within so many; at least a quarter of one."""
    # The first in the order of a claim, for the same reason as in `due`.
    query = text(
        """
        SELECT next_attempt_at FROM message WHERE stream = :stream AND state IN ('queued', 'deferred')
        AND next_attempt_at <= :before
        AND domain <> ALL (ARRAY(SELECT domain FROM deferring_domain WHERE paused_until > :now))
        ORDER BY priority, next_attempt_at, id LIMIT 1
        """
    )
    now = utcnow()
    values = {"stream": stream, "now": now, "before": now + timedelta(seconds=within_s)}
    found: datetime | None = db.session.execute(query, values).scalar()
    return max((found - now).total_seconds(), 0.25) if found else None


class Claim(NamedTuple):
    """Freshly leased messages."""

    owner: str
    """The lease's name."""
    rows: list[Row]
    """Those that may be sent."""
    taken: int
    """How many were due and taken, with those that may not be sent."""
    standing: dict[tuple[str, int], str]
    """The orders that stood at that moment."""


def claim(stream: Stream, at_most: int | None = None) -> Claim:
    """Leases some due messages and commits.

    Rows that a standing order or a suppression forbids are held or cancelled instead.
    """
    owner = secrets.token_hex(8)
    standing = orders.standing()
    values = {
        "stream": stream.name, "limit": min(at_most or stream.claim, stream.claim), "owner": owner, "now": utcnow(), "lease_s": LEASE_S,
    }  # fmt: skip
    # SQLAlchemy's rows, made into ours, would cost as much as the rest.
    found = db.session.connection().exec_driver_sql(_CLAIM, values).cursor
    leased = list(map(Row._make, found.fetchall())) if found else []
    taken = len(leased)
    if standing:
        leased = orders.obey(leased, standing)
    leased = suppressions.obey(leased)
    db.session.commit()
    return Claim(owner, leased, taken, standing)


_COLUMNS = [name for name in Row._fields if name != "old_state"]
_CLAIM = f"""
    WITH picked AS MATERIALIZED (
        SELECT m.ctid AS place, m.id, m.state AS old FROM message m
        WHERE m.state IN ('queued', 'deferred') AND m.stream = %(stream)s AND m.next_attempt_at <= %(now)s
        AND m.domain <> ALL (ARRAY(SELECT domain FROM deferring_domain WHERE paused_until > %(now)s))
        ORDER BY m.priority, m.next_attempt_at, m.id FOR UPDATE SKIP LOCKED LIMIT %(limit)s
    ), leased AS (
        UPDATE message m SET
            state = 'leased', lease_owner = %(owner)s, attempts = m.attempts + 1, in_flight = false,
            lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
            first_attempt_at = coalesce(m.first_attempt_at, %(now)s), finished_at = NULL, hold_reason = NULL
        -- By their places, which do not change while they are locked: a join would walk along a small table.
        WHERE m.ctid = ANY (ARRAY(SELECT place FROM picked))
        RETURNING {", ".join(f"m.{name}" for name in _COLUMNS)}
    ), moved AS (
        SELECT stream, origin, origin_id, campaign_id, old, 'leased' AS new, count(*) AS n
        FROM leased JOIN picked USING (id) GROUP BY stream, origin, origin_id, campaign_id, old
    ), counted AS ({states.COUNT_MOVED})
    SELECT {", ".join(_COLUMNS)}, 'leased' FROM leased
"""  # noqa: S608  # no part of it comes from outside


_RENEW = text(
    """
    UPDATE message SET lease_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE state = 'leased' AND lease_owner = ANY(:owners)
    """
)
_MARK = text(
    """
    UPDATE message SET in_flight = true
    WHERE id = :id AND lease_owner = :owner AND state = 'leased' RETURNING id
    """
)


def renew(owners: Sequence[str]) -> None:
    """Gives leases that are still being worked on another term, and commits."""
    db.session.execute(_RENEW, {"owners": list(owners), "lease_s": LEASE_S})
    db.session.commit()


def mark_in_flight(owner: str, row_id: int) -> bool:
    """Notes that a message's last byte is about to leave, and commits; False: the lease is lost, don't send."""
    marked = db.session.scalar(_MARK, {"id": row_id, "owner": owner}) is not None
    db.session.commit()
    return marked
