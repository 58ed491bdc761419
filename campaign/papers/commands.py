"""What changes digests and packets, letters that reach an office together: begun, taken apart, handed over.

A bundle is made in two steps. First its letters are taken from the queue, in one transaction; then a job sets the PDF,
holding the bundle's row, so that a job that dies leaves the bundle to the next one (campaign.papers.making).
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select, text, update

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import deliveries, stopping, telling
from campaign.letters.models import Delivery
from campaign.mail import wake
from campaign.offices import commands as offices_commands
from campaign.offices import plan
from campaign.offices import queries as offices
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers.models import Bundle

IN_A_PIECE = 1000
"""Letters in one PDF at most; a larger packet comes in pieces."""
PIECES = 100

_TAKE = text(
    """
    WITH picked AS MATERIALIZED (
        SELECT d.id FROM delivery d
        WHERE d.target_id = :target_id AND d.campaign_id = :campaign_id AND d.state = 'waiting'
        AND (CAST(:until AS timestamptz) IS NULL
            OR EXISTS (SELECT 1 FROM letter l WHERE l.id = d.letter_id AND l.confirmed_at <= :until))
        ORDER BY d.id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE delivery d SET state = 'queued', bundle_id = :bundle_id, due_at = :now
    FROM picked p WHERE d.id = p.id RETURNING d.id
    """
)


def begin_in_transaction(
    bundle: Bundle, most: int, *, until: datetime | None = None, alone: bool = False
) -> int:
    """Keeps a new bundle and takes at most so many waiting letters into it; returns how many, 0 where it is not kept.

    ``until``: only letters confirmed by then. ``alone``: the petition in it may go without any letter.
    """
    point = db.session.begin_nested()
    db.session.add(bundle)
    db.session.flush()
    values = {
        "target_id": bundle.target_id, "campaign_id": bundle.campaign_id, "bundle_id": bundle.id,
        "limit": most, "until": until, "now": utcnow(),
    }  # fmt: skip
    taken = len(db.session.scalars(_TAKE, values).all())
    if not taken and not alone:
        point.rollback()
        return 0
    bundle.letters = taken
    move = (bundle.campaign_id, bundle.target_id, "waiting", "queued")
    deliveries.count(move for _ in range(taken))
    point.commit()
    return taken


def begin_packet(
    target_id: int, campaign_id: int, by: str, *, petition_alone: bool = False
) -> list[int]:
    """Takes all letters that wait for an office into a packet, in pieces of IN_A_PIECE; the pieces' numbers.

    ``petition_alone``: where none waits the packet is the petition, if there is one to the office.
    """
    target = db.session.get_one(Target, target_id)
    petition = petition_alone and offices.petition_of(campaign_id, target) is not None
    now = utcnow()
    day = plan.local_day(office_of(target), now)
    made: list[Bundle] = []
    for piece in range(1, PIECES + 1):
        bundle = Bundle(
            kind="packet", target_id=target_id, campaign_id=campaign_id, day=day, piece=piece, state="making",
            created_at=now, created_by=by,
        )  # fmt: skip
        alone = petition and piece == 1
        taken = begin_in_transaction(bundle, IN_A_PIECE, alone=alone)
        if taken or alone:
            made.append(bundle)
        if taken < IN_A_PIECE:
            break
    # All in one transaction: each piece says on its first page of how many it is one.
    for bundle in made:
        bundle.pieces = len(made)
    numbers = [bundle.id for bundle in made]
    db.session.commit()
    return numbers


def undo(bundle_id: int, state: str = "undone", problem: str = "") -> bool:
    """Takes a bundle apart: its letters wait again, in their old places. False where it has left already."""
    done = undo_in_transaction([bundle_id], state, problem)
    db.session.commit()
    return bool(done)


def undo_in_transaction(
    bundle_ids: Iterable[int], state: str = "undone", problem: str = ""
) -> list[Bundle]:
    """``undo`` of several without the commit; those that had not left."""
    done = []
    for bundle_id in sorted(set(bundle_ids)):
        bundle = lock(bundle_id)
        if bundle is not None and bundle.state not in ("sent", "handed", "undone"):
            bundle.state, bundle.problem, bundle.content = state, problem, None
            db.session.flush()
            _give_back(bundle_id)
            done.append(bundle)
    if state == "undone":
        _have_digests_again(done)
    return done


def _have_digests_again(apart: Iterable[Bundle]) -> None:
    """The letters of digests that were taken apart still go that day: whoever took one of them back keeps no other waiting."""
    for target_id in sorted({one.target_id for one in apart if one.kind == "digest"}):
        offices_commands.digested_in_transaction(target_id, None)


_TAKEN_BACK = """EXISTS (SELECT 1 FROM letter l WHERE l.id = d.letter_id
    AND (l.taken_back_at IS NOT NULL OR l.state NOT IN ('confirmed', 'held')))"""
_HELD = "EXISTS (SELECT 1 FROM letter l WHERE l.id = d.letter_id AND l.state = 'held')"


def _give_back(bundle_id: int) -> int:
    """The letters of a bundle wait again, but for those that must not go any more; returns how many wait."""
    values = {"bundle": bundle_id, "now": utcnow()}
    of_it = "d.bundle_id = :bundle"
    apart = "bundle_id = NULL, due_at = NULL, round = d.round + 1"
    every = ("queued", "failed", "uncertain")
    # What its writer took back and was returned, or may have arrived, stays what it is.
    deliveries.move(
        "cancelled", f"{of_it} AND {_TAKEN_BACK}", values, old=("queued",), set_=f"{apart}, finished_at = :now"
    )  # fmt: skip
    of_it += f" AND NOT {_TAKEN_BACK}"
    apart += ", finished_at = NULL"
    deliveries.move("held", f"{of_it} AND {_HELD}", values, old=every, set_=apart)
    forget_taken_out_in_transaction(bundle_id)
    return len(deliveries.move("waiting", of_it, values, old=every, set_=apart))


TAKEN_OUT = ("cancelled", "held")
"""The states of what a packet's paper has too many."""


def forget_taken_out_in_transaction(bundle_id: int) -> int:
    """What is cancelled or held of a bundle's letters is no longer in it; returns how many that are."""
    query = update(Delivery).where(Delivery.bundle_id == bundle_id, Delivery.state.in_(TAKEN_OUT))
    return len(db.session.execute(query.values(bundle_id=None).returning(Delivery.id)).all())


def again_in_transaction(target_id: int) -> int:
    """Takes the digests apart that an office's mail server refused or returned; how many letters wait again."""
    query = select(Bundle.id).where(Bundle.target_id == target_id, Bundle.state == "failed")
    waiting, apart = 0, []
    for bundle_id in sorted(db.session.scalars(query)):
        bundle = lock(bundle_id)
        if bundle is not None and bundle.state == "failed":
            bundle.state, bundle.problem, bundle.content = "undone", "", None
            db.session.flush()
            waiting += _give_back(bundle_id)
            apart.append(bundle)
    _have_digests_again(apart)
    return waiting


def hand_over(bundle_id: int, on: date, by: str, note: str) -> bool:
    """A person has handed a packet over: its letters have arrived on paper.

    False where it is not ready, has a letter that was taken out since it was made, or letters that were cancelled.
    """
    bundle = lock(bundle_id)
    if bundle is None or bundle.kind != "packet" or bundle.state != "ready" or is_cancelled(bundle):
        db.session.rollback()
        return False
    bundle.state, bundle.handed_on, bundle.handed_by, bundle.note = "handed", on, by, note
    db.session.flush()
    moved = deliveries.move(
        "sent", "d.bundle_id = :bundle", {"bundle": bundle_id, "now": utcnow()}, old=("queued",),
        set_="finished_at = :now",
    )  # fmt: skip
    # After the move, which waited for whoever was just taking one out.
    taken_out = select(Delivery.id).where(
        Delivery.bundle_id == bundle_id, Delivery.state.in_(TAKEN_OUT)
    )
    if db.session.execute(taken_out.limit(1)).first() is not None:
        db.session.rollback()
        return False
    told = telling.look_in_transaction([one.id for one in moved])
    db.session.commit()
    if told:
        wake.wake("confirmations")
    return True


def is_cancelled(bundle: Bundle) -> bool:
    """Whether a packet's letters were cancelled with all of their campaign's; a petition alone is none of them."""
    return bundle.letters > 0 and stopping.is_cancelled(bundle.campaign_id)


def stop_in_transaction(campaign_id: int) -> None:
    """Takes a campaign's packets apart that nobody has handed over; one that is just being made follows by itself."""
    query = select(Bundle.id).where(
        Bundle.campaign_id == campaign_id, Bundle.kind == "packet", Bundle.letters > 0,
        Bundle.state.in_(("making", "ready")),
    )  # fmt: skip
    undo_in_transaction(db.session.scalars(query.with_for_update(skip_locked=True)).all())


def lock(bundle_id: int) -> Bundle | None:
    """The bundle, as it is now, kept from others until the caller's commit."""
    query = select(Bundle).where(Bundle.id == bundle_id).with_for_update()
    return db.session.execute(query, execution_options={"populate_existing": True}).scalar()


def take_apart_in_transaction(letter_id: int) -> None:
    """A letter that must not go any more is in a digest that is being made: the digest is taken apart.

    A packet is made again instead (campaign.papers.taken_out).
    """
    query = (
        select(Bundle.id)
        .join(Delivery, Delivery.bundle_id == Bundle.id)
        .where(Delivery.letter_id == letter_id, Bundle.kind == "digest", Bundle.state == "making")
    )
    undo_in_transaction(db.session.scalars(query).all())


def forget(letter_id: int) -> None:
    """A letter's words leave the PDFs kept here: those that have left are deleted, others are taken apart."""
    query = select(Delivery.bundle_id).where(
        Delivery.letter_id == letter_id, Delivery.bundle_id.is_not(None)
    )
    found = {n for n in db.session.scalars(query) if n is not None}
    kept = found - {one.id for one in undo_in_transaction(found)}
    db.session.execute(update(Bundle).where(Bundle.id.in_(kept)).values(content=None))
