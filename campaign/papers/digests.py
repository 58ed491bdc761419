"""The day's digest of an office as a message with a PDF, and what its mail server said. campaign.papers.daily begins it."""

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import deliveries, results, telling
from campaign.mail import ledger
from campaign.mail.compose import Attachment, Rendered, Skip
from campaign.mail.ledger import Result, Row
from campaign.offices import commands as offices
from campaign.offices import plan
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers import commands, cover
from campaign.papers.models import Bundle

ORIGIN = "digest"
"""The mail ledger's name for digests; ``unit_id`` is the bundle's number."""


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
    campaign, letter = cover.cover_of(bundle, target)
    lead = campaign.lead_organization.name
    n = "1 letter" if bundle.letters == 1 else f"{bundle.letters} letters"
    part = f"-{bundle.piece}" if bundle.piece > 1 else ""
    name = f"letters-{bundle.day.isoformat()}{part}.pdf"
    held = "The letter is" if bundle.letters == 1 else "The letters are"
    said = [letter["salutation"], *letter["paragraphs"], f"{held} in the attached file, {name}."]
    text = "\n\n".join([*said, f"{letter['signoff']}\n\n{lead}"])
    return Rendered(
        subject=f"{n} to your office{', part ' + str(bundle.piece) if part else ''}: {campaign.title.get('en', '')}",
        text=text + "\n",
        from_name=lead,
        attachments=[Attachment(name, "application/pdf", bundle.content)],
    )


def on_result(heard: list[Result]) -> None:
    """The listener for the origin ``digest``: runs in the mail engine's own transaction."""
    for result in sorted(heard, key=lambda one: one.unit_id):
        if result.state in ("sent", "failed", "uncertain"):
            _settle(result)
    apart = commands.undo_in_transaction(r.unit_id for r in heard if r.state == "cancelled")
    # Else the same letters would be put together, and cancelled, again and again.
    offices.pause_suppressed_in_transaction({one.target_id for one in apart})


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
