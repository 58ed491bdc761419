"""Digests and packets: letters that reach an office together.

A bundle is made in two steps. First its letters are taken from the queue, in one transaction; then a job sets the PDF,
holding the bundle's row, so that a job that dies leaves the bundle to the next one.
"""

import contextlib
from datetime import date

from redis.exceptions import RedisError
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.extensions import db, rq
from campaign.letters import deliveries, results, telling
from campaign.letters.models import Delivery
from campaign.mail import ledger, orders, wake
from campaign.mail.compose import Attachment, Rendered, Skip
from campaign.mail.ledger import Result, Row
from campaign.offices import commands as offices
from campaign.offices import plan
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers import paper
from campaign.papers.models import Bundle

ORIGIN = "digest"
"""The mail ledger's name for digests; ``unit_id`` is the bundle's number."""

IN_A_DIGEST = 500
IN_A_PIECE = 1000
"""Letters in one PDF at most; a larger packet comes in pieces."""
PIECES = 100

_TAKE = text(
    """
    WITH picked AS MATERIALIZED (
        SELECT d.id FROM delivery d
        WHERE d.target_id = :target_id AND d.campaign_id = :campaign_id AND d.state = 'waiting'
        ORDER BY d.priority, d.id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE delivery d SET state = 'queued', bundle_id = :bundle_id, due_at = :now
    FROM picked p WHERE d.id = p.id RETURNING d.id
    """
)
_DIGESTS_DUE = text(
    """
    SELECT t.id FROM target t WHERE NOT t.paused AND t.channel = 'digest' AND EXISTS (
        SELECT 1 FROM delivery d WHERE d.target_id = t.id AND d.state = 'waiting')
    ORDER BY t.id
    """
)
_CAMPAIGNS = text(
    """
    SELECT DISTINCT campaign_id FROM (SELECT d.campaign_id FROM delivery d
        WHERE d.target_id = :target_id AND d.state = 'waiting' ORDER BY d.priority, d.id LIMIT :limit) AS first
    ORDER BY 1
    """
)


def begin(
    kind: str, target_id: int, campaign_id: int, day: date, by: str, piece: int, most: int
) -> int | None:
    """Takes waiting letters into a new bundle and commits; its number, or None where none waits (or it is there)."""
    bundle = Bundle(
        kind=kind, target_id=target_id, campaign_id=campaign_id, day=day, piece=piece, state="making",
        created_at=utcnow(), created_by=by,
    )  # fmt: skip
    db.session.add(bundle)
    try:
        db.session.flush()
    except IntegrityError:
        # Somebody else makes today's digest.
        db.session.rollback()
        return None
    values = {
        "target_id": target_id, "campaign_id": campaign_id, "bundle_id": bundle.id, "limit": most, "now": utcnow(),
    }  # fmt: skip
    taken = db.session.scalars(_TAKE, values).all()
    if not taken:
        db.session.rollback()
        return None
    bundle.letters = len(taken)
    deliveries.count((campaign_id, target_id, "waiting", "queued") for _ in taken)
    number = bundle.id
    db.session.commit()
    return number


def begin_packet(target_id: int, campaign_id: int, by: str) -> list[int]:
    """Takes all letters that wait for an office into a packet, in pieces of IN_A_PIECE; the pieces' numbers."""
    target = db.session.get_one(Target, target_id)
    day = plan.local_day(office_of(target), utcnow())
    made: list[int] = []
    for piece in range(1, PIECES + 1):
        number = begin("packet", target_id, campaign_id, day, by, piece, IN_A_PIECE)
        if number is None:
            break
        made.append(number)
    return made


def begin_digests() -> int:
    """Begins the day's digest of every office that is open, wants one, has letters and has had none today."""
    begun = 0
    targets = db.session.scalars(_DIGESTS_DUE).all()
    db.session.commit()
    for target_id in targets:
        target = db.session.get_one(Target, target_id, populate_existing=True)
        office, now = office_of(target), utcnow()
        if not plan.is_open(office, now):
            continue
        day = plan.local_day(office, now)
        stopped = orders.stopped_campaigns()
        campaigns = db.session.scalars(_CAMPAIGNS, {"target_id": target_id, "limit": IN_A_DIGEST})
        for campaign_id in (one for one in campaigns.all() if one not in stopped):
            number = begin("digest", target_id, campaign_id, day, "", 1, IN_A_DIGEST)
            begun += number is not None
    db.session.commit()
    return begun


def make_next() -> bool:
    """Sets the PDF of the next bundle that waits for it, and commits; False where none does."""
    query = (
        select(Bundle)
        .where(Bundle.state == "making")
        .order_by((Bundle.kind == "packet"), Bundle.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    bundle = db.session.execute(query, execution_options={"populate_existing": True}).scalar()
    if bundle is None:
        db.session.rollback()
        return False
    number = bundle.id
    try:
        bundle.content = paper.set_bundle(bundle, lambda n: _tell(number, n))
    except (RuntimeError, ValueError) as error:
        db.session.rollback()
        undo(number, "broken", f"The PDF could not be set: {type(error).__name__}")
        return True
    bundle.done = bundle.letters
    if bundle.kind == "packet":
        bundle.state = "ready"
    else:
        bundle.state = "queued"
        _enqueue(bundle)
    db.session.commit()
    wake.wake("letters")
    return True


def _key(bundle_id: int) -> str:
    return f"campaign:paper:{bundle_id}"


def _tell(bundle_id: int, done: int) -> None:
    """Leaves word how far a paper is; its row is locked meanwhile, and with Valkey away nobody needs to know."""
    with contextlib.suppress(RedisError):
        next(iter(rq.queues.values())).connection.set(_key(bundle_id), done, ex=600)


def progress(bundle: Bundle) -> int:
    """How many of a bundle's letters are set so far."""
    if bundle.state != "making":
        return bundle.done
    with contextlib.suppress(RedisError):
        told = next(iter(rq.queues.values())).connection.get(_key(bundle.id))
        return int(told or 0)
    return 0


def _enqueue(bundle: Bundle) -> None:
    target = db.session.get_one(Target, bundle.target_id)
    draft = ledger.Draft(
        origin=ORIGIN, unit_id=bundle.id, to_address=target.email, language="en", campaign_id=bundle.campaign_id
    )  # fmt: skip
    ledger.enqueue("letters", [draft])


def undo(bundle_id: int, state: str = "undone", problem: str = "") -> bool:
    """Takes a bundle apart: its letters wait again, in their old places. False where it has left already."""
    done = undo_in_transaction(bundle_id, state, problem)
    db.session.commit()
    return done


def undo_in_transaction(bundle_id: int, state: str = "undone", problem: str = "") -> bool:
    """``undo`` without the commit."""
    bundle = _lock(bundle_id)
    if bundle is None or bundle.state in ("sent", "handed", "undone"):
        return False
    bundle.state, bundle.problem, bundle.content = state, problem, None
    db.session.flush()
    deliveries.move(
        "waiting", "d.bundle_id = :bundle", {"bundle": bundle_id}, old=("queued", "failed", "uncertain"),
        set_="bundle_id = NULL, due_at = NULL, finished_at = NULL, round = d.round + 1",
    )  # fmt: skip
    return True


def hand_over(bundle_id: int, on: date, by: str, note: str) -> bool:
    """A person has handed a packet over: its letters have arrived on paper. False where it is not ready."""
    bundle = _lock(bundle_id)
    if bundle is None or bundle.kind != "packet" or bundle.state != "ready":
        db.session.rollback()
        return False
    bundle.state, bundle.handed_on, bundle.handed_by, bundle.note = "handed", on, by, note
    db.session.flush()
    moved = deliveries.move(
        "sent", "d.bundle_id = :bundle", {"bundle": bundle_id, "now": utcnow()}, old=("queued",),
        set_="finished_at = :now",
    )  # fmt: skip
    told = telling.look_in_transaction([one.id for one in moved])
    db.session.commit()
    if told:
        wake.wake("confirmations")
    return True


def _lock(bundle_id: int) -> Bundle | None:
    query = select(Bundle).where(Bundle.id == bundle_id).with_for_update()
    return db.session.execute(query, execution_options={"populate_existing": True}).scalar()


def render_batch(rows: list[Row]) -> list[Rendered | Skip]:
    """The day's digest as a message with its PDF."""
    return [_rendered(row) for row in rows]


def _rendered(row: Row) -> Rendered | Skip:
    bundle = db.session.get(Bundle, row.unit_id, populate_existing=True)
    if bundle is None or bundle.state != "queued" or not bundle.content:
        return Skip("this digest has been taken apart")
    target = db.session.get_one(Target, bundle.target_id, populate_existing=True)
    if (
        target.paused
        or target.email.lower() != row.to_address.lower()
        or target.channel != "digest"
    ):
        return Skip("the office's entry has changed")
    if not plan.is_open(office_of(target), utcnow()):
        return Skip("the office is closed now")
    campaign, cover = paper.cover_of(bundle, target)
    lead = campaign.lead_organization.name
    n = "1 letter" if bundle.letters == 1 else f"{bundle.letters} letters"
    text = "\n\n".join([cover["salutation"], *cover["paragraphs"], f"{cover['signoff']}\n\n{lead}"])
    name = f"letters-{bundle.day.isoformat()}.pdf"
    return Rendered(
        subject=f"{n} to your office: {campaign.title.get('en', '')}",
        text=text + "\n",
        from_name=lead,
        attachments=[Attachment(name, "application/pdf", bundle.content)],
    )


def on_result(heard: list[Result]) -> None:
    """The listener for the origin ``digest``: runs in the mail engine's own transaction."""
    for result in sorted(heard, key=lambda one: one.unit_id):
        if result.state == "cancelled":
            undo_in_transaction(result.unit_id)
        elif result.state in ("sent", "failed", "uncertain"):
            _settle(result)


def _settle(result: Result) -> None:
    bundle = _lock(result.unit_id)
    if bundle is None or bundle.state == "undone":
        return
    answer = results.answer_of(result)
    if result.state != "uncertain":
        bundle.state, bundle.problem = result.state, answer if result.state == "failed" else ""
        db.session.flush()
    finished = "finished_at = :now" if result.state != "uncertain" else "finished_at = NULL"
    moved = deliveries.move(
        result.state, "d.bundle_id = :bundle",
        {"bundle": bundle.id, "answer": answer, "captured": result.captured, "now": result.at or utcnow()},
        old=tuple({"queued", "uncertain", "sent"} - {result.state}),
        set_=f"answer = :answer, captured = :captured, {finished}",
    )  # fmt: skip
    if result.state == "sent":
        telling.look_in_transaction([one.id for one in moved])
    if result.state == "failed":
        offices.pause_by_itself_in_transaction(
            bundle.target_id, f"The mail server refused a digest for good: {answer}"
        )


def take_out(letter_id: int) -> None:
    """A letter that must not go any more is in a packet that has not been handed over: the packet is taken apart."""
    query = (
        select(Bundle.id)
        .join(Delivery, Delivery.bundle_id == Bundle.id)
        .where(Delivery.letter_id == letter_id, Bundle.state.in_(("making", "ready", "broken")))
    )
    for bundle_id in sorted(set(db.session.scalars(query))):
        undo_in_transaction(bundle_id)


def forget(letter_id: int) -> None:
    """A letter's words leave the PDFs kept here: those that have left are deleted, others are taken apart."""
    query = select(Delivery.bundle_id).where(
        Delivery.letter_id == letter_id, Delivery.bundle_id.is_not(None)
    )
    for bundle_id in sorted({n for n in db.session.scalars(query) if n is not None}):
        if not undo_in_transaction(bundle_id):
            db.session.execute(update(Bundle).where(Bundle.id == bundle_id).values(content=None))
