"""What `campaign status` says: the numbers of the whole site, from the counters."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select, text

from campaign.clock import utcnow
from campaign.counts import commands as folding
from campaign.counts import queries as counts
from campaign.counts.models import ALL_DAYS, Counter
from campaign.extensions import db
from campaign.mail import settings
from campaign.mail.models import STREAMS
from campaign.reports import probes


def read() -> dict[str, Any]:
    """The state of the site, with the meanings and names that the README promises (a door: they stay)."""
    return {
        "delivery": settings.delivery_mode(),
        "supporters": counts.total("supporters.confirmed"),
        "letters": counts.states("letters", None),
        "deliveries": counts.states("deliveries", None),
        "outbox": {stream: counts.states("messages", part=stream) for stream in STREAMS},
        "endorsements": _endorsements(),
        "alerts": counts.states("alerts", None),
        "queues": probes.queues(),
        "oldest_due_s": oldest_due_s(),
        "workers": probes.workers(),
    }


def fresh() -> dict[str, Any]:
    """The same after folding what is in the journal, so that the numbers are of this moment."""
    folding.fold()
    return read()


# The first entry of each priority in the index of what is open: the states are written out so that it fits.
_OLDEST = text(
    """
    SELECT priority, next_attempt_at FROM message
    WHERE stream = :stream AND state IN ('queued', 'deferred') AND priority > :after
    ORDER BY priority, next_attempt_at LIMIT 1
    """
)


def oldest_due_s(streams: Iterable[str] = STREAMS) -> int:
    """Seconds for which the oldest message that is due in these streams has waited; 0 when none is.

    Looks at one row of each stream and priority, however many are waiting.
    """
    now = utcnow()
    oldest = 0.0
    for stream in streams:
        after = -32769
        while row := db.session.execute(_OLDEST, {"stream": stream, "after": after}).first():
            after, due = row
            oldest = max(oldest, (now - due).total_seconds())
    return int(oldest)


def _endorsements() -> dict[str, dict[str, int]]:
    """{petition: {state: n}}; a petition is named by its short name, petitions of one name add up."""
    query = (
        select(Counter.part, Counter.name, func.sum(Counter.value))
        .where(
            Counter.name.startswith("endorsements."), Counter.day == ALL_DAYS, Counter.value != 0
        )
        .group_by(Counter.part, Counter.name)
        .order_by(Counter.part, Counter.name)
    )
    found: dict[str, dict[str, int]] = {}
    for petition, name, n in db.session.execute(query):
        if n:
            found.setdefault(petition, {})[name.partition(".")[2]] = int(n)
    return found
