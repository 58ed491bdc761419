"""Letters that an office's server refused for now: trying again takes a slot of the drip like any other letter.

Else everything that a server in trouble has refused would reach the office at once when it recovers, beside the new ones.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from campaign.extensions import db
from campaign.letters import deliveries
from campaign.mail import retrying
from campaign.offices.plan import Slot

LATER = timedelta(seconds=30)
"""What finds no slot is looked at again so long before it would be tried."""

_OFFICES = text(
    """
    SELECT id, target_id, round, due_at FROM delivery
    WHERE id = ANY (:id) AND state = 'deferred' AND bundle_id IS NULL
    """
)
_DUE = text(
    """
    WITH picked AS MATERIALIZED (
        SELECT d.id, u.due FROM delivery d
        JOIN unnest(CAST(:id AS bigint[]), CAST(:due AS timestamptz[])) AS u (id, due) ON u.id = d.id
        WHERE d.state = 'deferred' ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE delivery d SET due_at = p.due FROM picked p WHERE d.id = p.id
    """
)


def without_slot(before: datetime) -> dict[int, list[retrying.Retry]]:
    """What is tried again before a moment and has no slot for that yet, by office, oldest letter first."""
    retries = {one.unit_id: one for one in retrying.due("letters", deliveries.ORIGIN, before)}
    found: dict[int, list[retrying.Retry]] = defaultdict(list)
    for row in db.session.execute(_OFFICES, {"id": sorted(retries)}) if retries else ():
        one = retries[row.id]
        if one.origin_id == row.round and one.at != row.due_at:
            found[row.target_id].append(one)
    return {
        target_id: sorted(them, key=lambda one: one.unit_id) for target_id, them in found.items()
    }


def give_slots(free: Sequence[Slot], retries: Sequence[retrying.Retry], before: datetime) -> int:
    """Gives the first slots to what is tried again and puts the rest off; returns how many slots that took."""
    slots = dict(zip((one.unit_id for one in retries), (slot.at for slot in free), strict=False))
    later = before + LATER
    retrying.move({one.id: slots.get(one.unit_id, later) for one in retries})
    if slots:
        db.session.execute(_DUE, {"id": list(slots), "due": list(slots.values())})
    return len(slots)
