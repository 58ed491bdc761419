"""Letters that are taken out of a packet that nobody has handed over: it is made again without them.

Their writers take them back, or staff hold or reject them. Such a delivery is cancelled or held and stays in its packet,
as the mark that the paper has a letter too many, until the packet is made again or taken apart; one that is let go before
that is simply in it again. The packet's row is left alone: a job may hold it as long as it sets the paper.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import deliveries
from campaign.papers import commands
from campaign.papers.models import Bundle

_OPEN = """EXISTS (SELECT 1 FROM bundle b WHERE b.id = d.bundle_id AND b.kind = 'packet'
    AND b.state IN ('making', 'ready'))"""
# Each half has an index of its own: ix_delivery_taken_out, and ix_delivery_state for what waits for a person.
_TAKEN_OUT = """(
    SELECT bundle_id FROM delivery WHERE bundle_id IS NOT NULL AND state = 'cancelled'
    UNION ALL SELECT bundle_id FROM delivery WHERE state = 'held' AND bundle_id IS NOT NULL) AS d"""
_COUNT = text(
    f"SELECT d.bundle_id, count(*) AS letters FROM {_TAKEN_OUT} WHERE d.bundle_id = ANY(:bundles) GROUP BY 1"  # noqa: S608  # our own text
)
_TO_MAKE_AGAIN = text(
    f"""
    SELECT b.target_id, t.role, t.agency, count(*) AS letters FROM {_TAKEN_OUT}
    JOIN bundle b ON b.id = d.bundle_id JOIN target t ON t.id = b.target_id
    WHERE b.kind = 'packet' AND b.state = 'ready' GROUP BY 1, 2, 3 ORDER BY 1 LIMIT :most
    """  # noqa: S608  # our own text
)


class Stale(NamedTuple):
    """An office whose packets are to be made again, and how many letters were taken out since they were made."""

    target_id: int
    role: str
    agency: str
    letters: int


def take_out_in_transaction(letter_id: int, new: str) -> None:
    """A letter's deliveries in packets which nobody has handed over become ``cancelled`` or ``held``."""
    deliveries.move(
        new, f"d.letter_id = :letter_id AND {_OPEN}", {"letter_id": letter_id, "now": utcnow()},
        old=("queued", "held") if new == "cancelled" else ("queued",),
        set_="finished_at = :now" if new == "cancelled" else "",
    )  # fmt: skip


def since_made(bundle_ids: Collection[int]) -> dict[int, int]:
    """How many letters were taken out of packets since they were made; those without are left out."""
    rows = db.session.execute(_COUNT, {"bundles": list(bundle_ids)}) if bundle_ids else ()
    return {row.bundle_id: row.letters for row in rows}


def to_make_again(most: int) -> list[Stale]:
    """The first offices with packets that are ready but for letters taken out since."""
    return [Stale(*row) for row in db.session.execute(_TO_MAKE_AGAIN, {"most": most})]


def leave_out_in_transaction(bundle: Bundle) -> int:
    """Parts a packet, whose row is locked, from what was taken out of it; returns how many letters that were."""
    n = commands.forget_taken_out_in_transaction(bundle.id)
    bundle.letters -= n
    db.session.flush()
    return n


def make_again(bundle_id: int) -> int | None:
    """Has a packet set again without what was taken out, and commits; returns how many letters are left in it.

    With none left it is taken apart instead. None where nothing was taken out, or it is not ready.
    """
    bundle = commands.lock(bundle_id)
    if (
        bundle is None
        or bundle.kind != "packet"
        or bundle.state != "ready"
        or not leave_out_in_transaction(bundle)
    ):
        db.session.rollback()
        return None
    left = bundle.letters
    if left:
        bundle.state, bundle.content, bundle.problem = "making", None, ""
        bundle.done = bundle.pages = 0
    else:
        commands.undo_in_transaction([bundle_id])
    db.session.commit()
    return left
