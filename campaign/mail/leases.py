"""How senders take messages from the ledger and bring the outcomes back.

A claim is a lease with an owner's name of its own: whoever cannot name it any more has lost the rows,
and its outcomes change nothing. Leases run by the database's clock, the one that all workers share.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import bounces, orders, states, suppressions
from campaign.mail.answers import Answer
from campaign.mail.models import CapturedMessage
from campaign.mail.states import Row
from campaign.mail.streams import STREAMS, Stream

LEASE_S = 60
RENEW_S = 20
"""A sender renews a lease older than this."""


class Outcome(NamedTuple):
    """What became of a claimed message."""

    row: Row
    state: str
    next_attempt_at: datetime | None = None
    answer: Answer | None = None
    hold_reason: str | None = None
    captured: dict[str, object] | None = None
    """Where it went to the capture inbox: the columns of its captured_message row."""


def due(stream: str, at_most: int) -> int:
    """How many messages are due, counted no further than ``at_most``."""
    query = text(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM message WHERE stream = :stream AND state IN ('queued', 'deferred')
            AND next_attempt_at <= :now LIMIT :limit
        ) AS found
        """
    )
    return db.session.execute(
        query, {"stream": stream, "now": utcnow(), "limit": at_most}
    ).scalar_one()


def claim(stream: Stream) -> tuple[str, list[Row]]:
    """Leases some due messages and commits; returns the lease's name and the rows that may be sent.

    Rows that a standing order or a suppression forbids are held or cancelled instead.
    """
    owner = secrets.token_hex(8)
    standing = orders.standing()
    rows = states.move(
        "leased",
        "m.stream = :stream AND m.next_attempt_at <= :now",
        {"stream": stream.name, "owner": owner, "lease_s": LEASE_S},
        set_="lease_owner = :owner, attempts = m.attempts + 1, in_flight = false, "
        "lease_expires_at = clock_timestamp() + make_interval(secs => :lease_s), "
        "first_attempt_at = coalesce(m.first_attempt_at, :now)",
        order="m.priority, m.next_attempt_at, m.id",
        limit=stream.claim,
    )
    leased = [row._replace(old_state="leased") for row in rows]
    if standing:
        leased = orders.obey(leased, standing)
    leased = suppressions.obey(leased)
    db.session.commit()
    return owner, leased


def settle(owner: str, outcomes: Sequence[Outcome], next_ids: Sequence[int] = ()) -> set[int]:
    """Records outcomes in one transaction and commits; returns which of ``next_ids`` are still the owner's.

    Rows that are no longer leased to ``owner`` are left as they are.
    """
    mine = _update(owner, outcomes) if outcomes else set()
    states.tell((o.row, o.state, o.answer) for o in outcomes if o.row.id in mine)
    bounces.settled(o for o in outcomes if o.row.id in mine)
    captured = [o.captured for o in outcomes if o.captured and o.row.id in mine]
    if captured:
        db.session.execute(CapturedMessage.__table__.insert(), captured)
    still = _still(owner, next_ids) if next_ids else set()
    db.session.commit()
    return still


_SETTLE = text(
    """
    UPDATE message m SET
        state = u.state, next_attempt_at = coalesce(u.due, m.next_attempt_at),
        finished_at = CASE WHEN u.state IN ('sent', 'failed', 'cancelled') THEN CAST(:now AS timestamptz) END,
        hold_reason = u.hold_reason,
        smtp_code = coalesce(u.code, m.smtp_code), smtp_enhanced = coalesce(u.enhanced, m.smtp_enhanced),
        smtp_text = coalesce(u.answer, m.smtp_text), smtp_server = coalesce(u.server, m.smtp_server),
        captured = u.captured,
        -- Going back untried leaves no trace; not knowing does.
        attempts = m.attempts - CASE WHEN u.state = 'queued' THEN 1 ELSE 0 END,
        doubts = m.doubts + CASE WHEN u.doubt THEN 1 ELSE 0 END,
        lease_owner = NULL, lease_expires_at = NULL, in_flight = false
    FROM unnest(CAST(:id AS bigint[]), CAST(:state AS text[]), CAST(:due AS timestamptz[]),
        CAST(:hold_reason AS text[]), CAST(:code AS smallint[]), CAST(:enhanced AS text[]),
        CAST(:answer AS text[]), CAST(:server AS text[]), CAST(:captured AS boolean[]),
        CAST(:doubt AS boolean[]))
        AS u (id, state, due, hold_reason, code, enhanced, answer, server, captured, doubt)
    WHERE m.id = u.id AND m.lease_owner = :owner AND m.state = 'leased'
    RETURNING m.id
    """
)


def _update(owner: str, outcomes: Sequence[Outcome]) -> set[int]:
    nothing = Answer(None, None, None, None)
    for outcome in outcomes:
        states.check("leased", outcome.state)
    answers = [o.answer or nothing for o in outcomes]
    values = {
        "owner": owner,
        "now": utcnow(),
        "id": [o.row.id for o in outcomes],
        "state": [o.state for o in outcomes],
        "due": [o.next_attempt_at for o in outcomes],
        "hold_reason": [o.hold_reason for o in outcomes],
        "code": [a.code for a in answers],
        "enhanced": [a.enhanced for a in answers],
        "answer": [a.text for a in answers],
        "server": [a.server for a in answers],
        "captured": [a.captured for a in answers],
        "doubt": [o.state == "uncertain" or o.hold_reason == DOUBT for o in outcomes],
    }
    return {row_id for (row_id,) in db.session.execute(_SETTLE, values)}


DOUBT = "uncertain"
"""The hold reason of a message whose fate stayed unknown too often: a person decides."""

_STILL = text(
    "SELECT id FROM message WHERE id = ANY(:ids) AND lease_owner = :owner AND state = 'leased'"
)
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


def _still(owner: str, ids: Sequence[int]) -> set[int]:
    return set(db.session.scalars(_STILL, {"ids": list(ids), "owner": owner}))


def renew(owners: Sequence[str]) -> None:
    """Gives leases that are still being worked on another term, and commits."""
    db.session.execute(_RENEW, {"owners": list(owners), "lease_s": LEASE_S})
    db.session.commit()


def mark_in_flight(owner: str, row_id: int) -> bool:
    """Notes that a message's last byte is about to leave, and commits; False: the lease is lost, don't send."""
    marked = db.session.scalar(_MARK, {"id": row_id, "owner": owner}) is not None
    db.session.commit()
    return marked


def expire() -> int:
    """Takes back what dead senders had leased, commits, and returns how many messages that were.

    A message that was marked as in flight is uncertain; every other goes again.
    """
    expired = "m.lease_expires_at < clock_timestamp()"
    n = len(
        states.move(
            "queued", f"{expired} AND NOT m.in_flight", {}, old=("leased",), limit=1000,
            set_="attempts = m.attempts - 1",
        )
    )  # fmt: skip
    for stream in STREAMS.values():
        which = f"{expired} AND m.in_flight AND m.stream = :stream"
        due = utcnow() + stream.patience.doubt
        values = {
            "stream": stream.name,
            "due": due,
            "doubts": stream.patience.doubts,
            "reason": DOUBT,
        }
        n += len(
            states.move(
                "held", f"{which} AND m.doubts + 1 >= :doubts", values, old=("leased",), limit=1000,
                set_="doubts = m.doubts + 1, hold_reason = :reason",
            )
        )  # fmt: skip
        n += len(
            states.move(
                "uncertain", which, values, old=("leased",), limit=1000,
                set_="doubts = m.doubts + 1, next_attempt_at = :due",
            )
        )  # fmt: skip
    db.session.commit()
    return n


def retry_uncertain() -> int:
    """Queues uncertain messages whose time to go again has come, commits, and returns how many."""
    n = len(states.move("queued", "m.next_attempt_at <= :now", {}, old=("uncertain",), limit=1000))
    db.session.commit()
    return n
