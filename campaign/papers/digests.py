"""The day's digest of an office: begun while it is open, sent as one message with a PDF, and what its mail server said."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import deliveries, results, telling
from campaign.mail import ledger, orders
from campaign.mail.compose import Attachment, Rendered, Skip
from campaign.mail.ledger import Result, Row
from campaign.offices import commands as offices
from campaign.offices import plan
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers import commands, paper
from campaign.papers.models import Bundle

ORIGIN = "digest"
"""The mail ledger's name for digests; ``unit_id`` is the bundle's number."""
IN_A_DIGEST = 500
"""Letters in one PDF at most, some 4 MB as mail; what comes on a day with more is sent in parts."""
PARTS = 20
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
    WHERE NOT EXISTS (SELECT 1 FROM bundle b WHERE b.target_id = :target_id AND b.campaign_id = first.campaign_id
        AND b.kind = 'digest' AND b.day = :day AND b.state <> 'undone')
    ORDER BY 1
    """
)


def begin_due() -> int:
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
        values = {"target_id": target_id, "day": day, "limit": IN_A_DIGEST}
        campaigns = db.session.scalars(_CAMPAIGNS, values)
        begun += sum(_begin(target_id, one, day) for one in campaigns.all() if one not in stopped)
    db.session.commit()
    return begun


def _begin(target_id: int, campaign_id: int, day: date) -> int:
    """Takes all letters of a campaign into the day's digest, in as many parts as it needs; how many that are."""
    for part in range(1, PARTS + 1):
        bundle = Bundle(
            kind="digest", target_id=target_id, campaign_id=campaign_id, day=day, piece=part, state="making",
            created_at=utcnow(),
        )  # fmt: skip
        try:
            taken = commands.begin_in_transaction(bundle, IN_A_DIGEST)
        except IntegrityError:
            # Somebody else makes today's digest.
            db.session.rollback()
            return part - 1
        db.session.commit()
        if not taken:
            return part - 1
    return PARTS


def enqueue_in_transaction(bundle: Bundle) -> None:
    """Gives a digest whose PDF is set to the mail engine."""
    target = db.session.get_one(Target, bundle.target_id)
    draft = ledger.Draft(
        origin=ORIGIN, unit_id=bundle.id, to_address=target.email, language="en", campaign_id=bundle.campaign_id
    )  # fmt: skip
    ledger.enqueue("letters", [draft])


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
    part = f"-{bundle.piece}" if bundle.piece > 1 else ""
    name = f"letters-{bundle.day.isoformat()}{part}.pdf"
    held = "The letter is" if bundle.letters == 1 else "The letters are"
    said = [cover["salutation"], *cover["paragraphs"], f"{held} in the attached file, {name}."]
    text = "\n\n".join([*said, f"{cover['signoff']}\n\n{lead}"])
    return Rendered(
        subject=f"{n} to your office{', part ' + str(bundle.piece) if part else ''}: {campaign.title.get('en', '')}",
        text=text + "\n",
        from_name=lead,
        attachments=[Attachment(name, "application/pdf", bundle.content)],
    )


def on_result(heard: list[Result]) -> None:
    """The listener for the origin ``digest``: runs in the mail engine's own transaction."""
    for result in sorted(heard, key=lambda one: one.unit_id):
        if result.state == "cancelled":
            commands.undo_in_transaction(result.unit_id)
        elif result.state in ("sent", "failed", "uncertain"):
            _settle(result)


def _settle(result: Result) -> None:
    bundle = commands.lock(result.unit_id)
    if bundle is None or bundle.state == "undone":
        return
    answer = results.answer_of(result)
    what = (
        "A digest came back"
        if bundle.state == "sent"
        else "The mail server refused a digest for good"
    )
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
        offices.pause_by_itself_in_transaction(bundle.target_id, f"{what}: {answer}")
