"""Pausing, resuming and cancelling all of a campaign's letters to officials.

What has been given out for the next minute comes back and waits, so that nothing leaves in a flood when the letters go on:
each finds a new slot in its office's hours. Takes effect within the batch in flight.
"""

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import deliveries, together
from campaign.mail import orders, wake

CHUNK = 1000


class Cancelled(Exception):
    """The campaign's letters were cancelled, and that is for good."""


def pause(campaign_id: int, by: str) -> None:
    """Stops a campaign's letters until :func:`resume`, and commits. Raises Cancelled."""
    _not_cancelled(campaign_id)
    orders.pause_letters(campaign_id, by)
    db.session.commit()


def resume(campaign_id: int) -> None:
    """Lets a campaign's letters wait for their turn again, and commits. Raises Cancelled."""
    _not_cancelled(campaign_id)
    orders.resume_letters(campaign_id)
    db.session.commit()
    wake.wake("letters")


def cancel(campaign_id: int, by: str) -> None:
    """Ends a campaign's letters that have not left, for good, and commits; a large campaign's follow within minutes."""
    orders.cancel_letters(campaign_id, by)
    together.stop(campaign_id)
    db.session.commit()
    carry_on()


def state(campaign_id: int) -> str:
    """``pause``, ``cancel``, or nothing where the campaign's letters go on."""
    return orders.stopped_campaigns().get(campaign_id, "")


def is_cancelled(campaign_id: int) -> bool:
    """Whether the campaign's letters were cancelled: none of them leaves any more, in whatever way."""
    return state(campaign_id) == "cancel"


def states() -> dict[int, str]:
    """The campaigns whose letters are stopped: ``pause`` or ``cancel``."""
    return orders.stopped_campaigns()


# Looked for with every sweep in each campaign that was ever cancelled: office by office as ix_delivery_waiting has it, and so
# written that only this index gives the order (see queue.IN_ORDER). By the campaign alone it is a walk along the table.
_OPEN = """d.bundle_id IS NULL AND d.id = ANY (ARRAY(
    SELECT first.id FROM target t CROSS JOIN LATERAL (
        SELECT w.id FROM delivery w
        WHERE (w.target_id, w.campaign_id) >= (t.id, :campaign_id) AND (w.target_id, w.campaign_id) <= (t.id, :campaign_id)
        AND w.state = 'waiting' ORDER BY w.target_id, w.campaign_id, w.id LIMIT :limit) AS first
    UNION ALL
    SELECT h.id FROM delivery h WHERE h.state = 'held' AND h.campaign_id = :campaign_id))"""


def carry_on() -> None:
    """Moves one chunk of what waits of each cancelled campaign; each chunk its own transaction."""
    for campaign_id, action in orders.stopped_campaigns().items():
        if action == "cancel":
            deliveries.move(
                "cancelled", _OPEN, {"campaign_id": campaign_id, "now": utcnow()}, old=("waiting", "held"), limit=CHUNK,
                set_="finished_at = :now",
            )  # fmt: skip
            db.session.commit()


def _not_cancelled(campaign_id: int) -> None:
    if is_cancelled(campaign_id):
        raise Cancelled
