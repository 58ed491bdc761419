"""What the sweep brings back: leases of senders that died, messages in doubt whose time has come, times of wrong clocks."""

from datetime import timedelta

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import leases, states
from campaign.mail.settling import DOUBT
from campaign.mail.streams import STREAMS


def expire() -> int:
    """Takes back what dead senders had leased, commits, and returns how many messages that were.

    A message that was marked as in flight is uncertain; every other goes again. A lease from the future is one that a clock
    gave out before it was set back.
    """
    expired = (
        "(m.lease_expires_at < clock_timestamp() OR "
        f"m.lease_expires_at > clock_timestamp() + make_interval(secs => {5 * leases.LEASE_S}))"
    )
    n = len(
        states.move(
            "queued", f"{expired} AND NOT m.in_flight", {}, old=("leased",), limit=1000,
            set_=states.UNTRIED,
        )
    )  # fmt: skip
    for stream in STREAMS.values():
        which = f"{expired} AND m.in_flight AND m.stream = :stream"
        patience = stream.patience()
        due = utcnow() + patience.doubt
        values = {
            "stream": stream.name,
            "due": due,
            "doubts": patience.doubts,
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


def mend_clocks() -> int:
    """Brings back what a clock that was ahead has put too far into the future, commits, and returns how many messages.

    Nothing deferred waits longer than the longest wait, and nothing that was just queued was queued tomorrow.
    """
    n = 0
    for stream in STREAMS.values():
        patience = stream.patience()
        now = utcnow()
        values = {
            "stream": stream.name, "now": now, "soon": now + AHEAD,
            "latest": now + patience.longest * 1.2 + AHEAD, "doubtful": now + patience.doubt + AHEAD,
        }  # fmt: skip
        n += len(db.session.execute(_MEND, values).all())
    db.session.commit()
    return n


AHEAD = timedelta(minutes=5)
"""By how much machines' clocks may differ."""
_MEND = text(
    """
    UPDATE message SET next_attempt_at =
        CASE WHEN state = 'queued' THEN CAST(:now AS timestamptz) + (next_attempt_at - created_at) ELSE :now END,
        first_attempt_at = least(first_attempt_at, :now), created_at = least(created_at, :now)
    WHERE stream = :stream AND (
        (state = 'deferred' AND next_attempt_at > :latest) OR (state = 'uncertain' AND next_attempt_at > :doubtful)
        OR (state = 'queued' AND next_attempt_at > :soon AND created_at > :soon))
    RETURNING id
    """
)


def retry_uncertain() -> int:
    """Queues uncertain messages whose time to go again has come, commits, and returns how many."""
    n = len(states.move("queued", "m.next_attempt_at <= :now", {}, old=("uncertain",), limit=1000))
    db.session.commit()
    return n
