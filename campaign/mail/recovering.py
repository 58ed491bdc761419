"""What the sweep brings back: leases of senders that died, messages in doubt whose time has come, times of wrong clocks."""

import time
from datetime import timedelta

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import leases, states
from campaign.mail.settling import DOUBT
from campaign.mail.streams import STREAMS

STEADY_S = 2.0 * leases.RENEW_S
"""So long the database's clock must have run evenly before a lease counts as run out: by then a sender that lives has renewed its own."""
LEAP_S = 10.0
"""By how much it may have gone wrong between two looks. A lease that lives has twice as long at least."""


class _Clock:
    """The database's clock beside this process's own, which nobody sets."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._since: float | None = None

    def steady(self) -> bool:
        """Whether it has run evenly for long enough, as far as this process has seen."""
        asked = db.session.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
        there, here = float(asked.scalar_one()), time.monotonic()
        if self._since is None or abs(there - here - self._ahead) > LEAP_S:
            self._since = here
        self._ahead = there - here
        return here - self._since >= STEADY_S


_clock = _Clock()


def expire() -> int:
    """Takes back what dead senders had leased, commits, and returns how many messages that were.

    Nothing while the database's clock has only just leapt, or this process only just begun to look at it: the
    leases of senders that are at work would be taken from them, and their messages sent twice.

    A message that was marked as in flight is uncertain; every other goes again. A lease from the future is one that a clock
    gave out before it was set back.
    """
    if not _clock.steady():
        db.session.commit()
        return 0
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
