"""An office's queue: the letters of urgent campaigns first, and within each class as they came.

Each campaign's letters wait in an order of their own. Whose are first is looked up when a slot comes, so that a campaign
which turns urgent, pauses or goes on is obeyed at once, and its 100,000 waiting letters are neither rewritten nor read past.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from campaign.counts import queries as counts
from campaign.extensions import db
from campaign.letters.models import Delivery
from campaign.mail import orders

COUNTED = 500
"""Up to so many letters ahead are counted; where there are more, a place is reckoned from the counters."""

HERE = """
    RECURSIVE found AS (
        SELECT (SELECT min(campaign_id) FROM delivery WHERE target_id = :target_id AND state = 'waiting') AS campaign_id
        UNION ALL
        SELECT (SELECT min(d.campaign_id) FROM delivery d
            WHERE d.target_id = :target_id AND d.state = 'waiting' AND d.campaign_id > found.campaign_id)
        FROM found WHERE found.campaign_id IS NOT NULL
    ),
    here AS (
        SELECT found.campaign_id, coalesce(ct.urgent, false) AS urgent FROM found LEFT JOIN campaign_target ct
        ON ct.campaign_id = found.campaign_id AND ct.target_id = :target_id
        WHERE found.campaign_id IS NOT NULL AND found.campaign_id <> ALL (:stopped)
    )"""
"""``here``: the campaigns that have letters waiting for an office, but for the stopped ones, each found by one look at an index."""

ITS = """(d.target_id, d.campaign_id) >= (:target_id, here.campaign_id)
    AND (d.target_id, d.campaign_id) <= (:target_id, here.campaign_id) AND d.state = 'waiting'"""
IN_ORDER = "d.target_id, d.campaign_id, d.id"
"""What waits for an office of one campaign of ``here``, as it came. So written only ix_delivery_waiting gives the order: with plain
equations PostgreSQL may walk along the primary key, past all that others have in front, where it holds the whole table for
this campaign's."""
_ITS_FIRST = f"SELECT d.id, d.letter_id FROM delivery d WHERE {ITS} ORDER BY {IN_ORDER}"  # noqa: S608  # our own text

NEXT = f"""
    WITH {HERE},
    ahead AS (
        SELECT first.id, here.urgent FROM here CROSS JOIN LATERAL ({_ITS_FIRST} LIMIT :limit) AS first
        WHERE NOT (here.urgent AND :ordinary) ORDER BY here.urgent DESC, first.id LIMIT :limit
    )
    SELECT d.id, d.letter_id, d.campaign_id, d.round, ahead.urgent, l.language, d.doubted
    FROM ahead JOIN delivery d ON d.id = ahead.id JOIN letter l ON l.id = d.letter_id
    WHERE d.state = 'waiting' ORDER BY ahead.urgent DESC, d.id FOR UPDATE OF d SKIP LOCKED
    """  # noqa: S608  # our own text
"""The first of a queue, locked."""
_NEXT = text(NEXT)
_AHEAD = text(
    f"""
    WITH {HERE}, mine AS (SELECT coalesce(bool_or(urgent), false) AS urgent FROM here WHERE campaign_id = :campaign_id)
    SELECT count(*) FROM (
        SELECT 1 FROM mine CROSS JOIN here CROSS JOIN LATERAL (
            SELECT 1 FROM delivery d
            WHERE d.target_id = :target_id AND d.campaign_id = here.campaign_id AND d.state = 'waiting'
            AND d.id < CASE WHEN here.urgent = mine.urgent THEN :id ELSE 9223372036854775807 END LIMIT :limit) AS ahead
        WHERE here.urgent >= mine.urgent LIMIT :limit) AS ahead
    """  # noqa: S608  # our own text
)
_ENDS = text(
    f"""
    WITH {HERE} SELECT here.campaign_id, here.urgent, ends.first, ends.last FROM here CROSS JOIN LATERAL (
        SELECT min(d.id) AS first, max(d.id) AS last FROM delivery d
        WHERE d.target_id = :target_id AND d.campaign_id = here.campaign_id AND d.state = 'waiting') AS ends
    """  # noqa: S608  # our own text
)
_OLDEST = text(
    f"""
    WITH {HERE} SELECT min(l.confirmed_at) FROM here CROSS JOIN LATERAL ({_ITS_FIRST} LIMIT 1) AS first JOIN letter l ON l.id = first.letter_id
    """  # noqa: S608  # our own text
)


class Next(NamedTuple):
    """A delivery whose turn comes."""

    id: int
    letter_id: int
    campaign_id: int
    round: int
    urgent: bool
    language: str
    doubted: bool


def first(
    target_id: int, limit: int, stopped: Sequence[int], *, ordinary: bool = False
) -> list[Next]:
    """The first of an office's queue, locked; ``ordinary``: of those that are not urgent. What others hold is left out."""
    values = {
        "target_id": target_id,
        "limit": limit,
        "stopped": list(stopped),
        "ordinary": ordinary,
    }
    return [Next(*row) for row in db.session.execute(_NEXT, values)]


def place_of(delivery: Delivery) -> int:
    """A waiting delivery's place in its office's queue, 1 and up: exact where few are ahead, else reckoned.

    What stopped campaigns have there is nobody's hindrance, but for their own.
    """
    stopped = [n for n in orders.stopped_campaigns() if n != delivery.campaign_id]
    values = {
        "target_id": delivery.target_id, "campaign_id": delivery.campaign_id, "id": delivery.id,
        "stopped": stopped, "limit": COUNTED,
    }  # fmt: skip
    ahead: int = db.session.execute(_AHEAD, values).scalar_one()
    return 1 + (ahead if ahead < COUNTED else max(COUNTED, _reckoned(delivery, stopped)))


def _reckoned(delivery: Delivery, stopped: list[int]) -> int:
    """How many are ahead, as if each campaign's letters had come evenly."""
    found = db.session.execute(_ENDS, {"target_id": delivery.target_id, "stopped": stopped}).all()
    urgent = any(row.urgent for row in found if row.campaign_id == delivery.campaign_id)
    ahead = 0.0
    for row in found:
        if row.urgent < urgent or row.first is None:
            continue
        span = max(row.last - row.first, 1)
        share = 1 if row.urgent > urgent else (delivery.id - row.first) / span
        waiting = counts.states("deliveries", row.campaign_id, str(delivery.target_id))
        ahead += min(max(share, 0), 1) * waiting.get("waiting", 0)
    return round(ahead)


def oldest(target_id: int) -> datetime | None:
    """Since when the letter that came first has waited for an office."""
    found: datetime | None = db.session.scalar(_OLDEST, {"target_id": target_id, "stopped": []})
    return found
