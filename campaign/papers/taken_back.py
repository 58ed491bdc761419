"""Letters that their writers take back out of a packet that nobody has handed over: it is made again without them.

Such a delivery is cancelled and stays in its packet, as the mark that the paper has a letter too many, until the packet
is made again or taken apart. The packet's row is left alone: a job may hold it as long as it sets the paper.
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
_TAKEN_OUT = "d.bundle_id IS NOT NULL AND d.state = 'cancelled'"  # as in ix_delivery_taken_out
_COUNT = text(
    f"SELECT d.bundle_id, count(*) AS letters FROM delivery d WHERE d.bundle_id = ANY(:bundles) AND {_TAKEN_OUT} GROUP BY 1"  # noqa: S608  # our own text
)
_TO_MAKE_AGAIN = text(
    f"""
    SELECT b.target_id, t.role, t.agency, count(*) AS letters FROM delivery d
    JOIN bundle b ON b.id = d.bundle_id JOIN target t ON t.id = b.target_id
    WHERE {_TAKEN_OUT} AND b.kind = 'packet' AND b.state = 'ready' GROUP BY 1, 2, 3 ORDER BY 1 LIMIT :most
    """  # noqa: S608  # our own text
)


class Stale(NamedTuple):
    """An office whose packets are to be made again, and how many letters were taken back since they were made."""

    target_id: int
    role: str
    agency: str
    letters: int


def take_back_in_transaction(letter_id: int) -> None:
    """Cancels a letter's deliveries that are in packets which nobody has handed over."""
    deliveries.move(
        "cancelled", f"d.letter_id = :letter_id AND {_OPEN}", {"letter_id": letter_id, "now": utcnow()},
        old=("queued",), set_="finished_at = :now",
    )  # fmt: skip


def since_made(bundle_ids: Collection[int]) -> dict[int, int]:
    """How many letters were taken back out of packets since they were made; those without are left out."""
    rows = db.session.execute(_COUNT, {"bundles": list(bundle_ids)}) if bundle_ids else ()
    return {row.bundle_id: row.letters for row in rows}


def to_make_again(most: int) -> list[Stale]:
    """The first offices with packets that are ready but for letters taken back since."""
    return [Stale(*row) for row in db.session.execute(_TO_MAKE_AGAIN, {"most": most})]


def leave_out_in_transaction(bundle: Bundle) -> int:
    """Parts a packet, whose row is locked, from what was taken back out of it; returns how many letters that were."""
    n = commands.forget_cancelled_in_transaction(bundle.id)
    bundle.letters -= n
    db.session.flush()
    return n


def make_again(bundle_id: int) -> int | None:
    """Has a packet set again without what was taken back, and commits; returns how many letters are left in it.

    With none left it is taken apart instead. None where nothing was taken back, or it is not ready.
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
        bundle.state, bundle.content, bundle.done, bundle.problem = "making", None, 0, ""
    else:
        commands.undo_in_transaction([bundle_id])
    db.session.commit()
    return left
