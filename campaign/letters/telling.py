"""The mail that a writer may want: every office has the letter now. Once a letter, through the ledger."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, text, update

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import replies
from campaign.letters.models import Delivery, Letter
from campaign.mail import compose, ledger, letterhead
from campaign.mail.states import Row
from campaign.offices.models import Target
from campaign.supporters import keys
from campaign.supporters.models import Supporter
from campaign.web import languages

DONE = "letter_done"
"""The mail ledger's name for these messages; ``unit_id`` is the letter's number."""

# Of two last deliveries at the same moment, neither of which sees the other's end, the second waits here for the first.
_LOCK = text(
    """
    SELECT l.id FROM letter l
    WHERE l.id IN (SELECT d.letter_id FROM delivery d WHERE d.id = ANY(:deliveries))
        AND l.tell_when_done AND l.told_at IS NULL
    ORDER BY l.id FOR NO KEY UPDATE
    """
)
_COMPLETE = text(
    """
    UPDATE letter l SET told_at = :now
    FROM supporter s
    WHERE l.id IN (SELECT d.letter_id FROM delivery d WHERE d.id = ANY(:deliveries))
        AND l.tell_when_done AND l.told_at IS NULL AND l.state = 'confirmed'
        AND l.taken_back_at IS NULL
        AND s.id = l.supporter_id AND s.erased_at IS NULL
        AND EXISTS (SELECT 1 FROM delivery d WHERE d.letter_id = l.id AND d.state = 'sent')
        AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.letter_id = l.id AND d.state NOT IN ('sent', 'cancelled'))
    RETURNING l.id, l.language, l.campaign_id, s.email
    """
)


def look_in_transaction(delivery_ids: Sequence[int]) -> int:
    """Queues the mail for each letter whose last delivery is among these, if its writer wants it; returns how many."""
    if not delivery_ids:
        return 0
    values = {"deliveries": list(delivery_ids), "now": utcnow()}
    if not db.session.execute(_LOCK, values).all():
        return 0
    done = db.session.execute(_COMPLETE, values).all()
    drafts = [
        ledger.Draft(
            origin=DONE, unit_id=row.id, to_address=row.email, language=row.language, campaign_id=row.campaign_id
        )
        for row in done
    ]  # fmt: skip
    if drafts:
        ledger.enqueue("confirmations", drafts)
    return len(drafts)


def want(letter_id: int, supporter_id: int, tell: bool, named: bool, keep: bool) -> bool:
    """What the writer wants of a letter: a mail at the end, their name in a public docket, replies kept.

    False where the letter is not theirs.
    """
    # Locked before the letter, as whoever records that one has arrived does: that one sees the wish, or we see that.
    of_letter = select(Delivery.id).where(Delivery.letter_id == letter_id).order_by(Delivery.id)
    delivery_ids = db.session.scalars(of_letter.with_for_update()).all()
    changed = db.session.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.supporter_id == supporter_id)
        .values(tell_when_done=tell, named_in_public=named, keep_replies=keep)
        .returning(Letter.id)
    ).first()
    if changed is not None and not keep:
        replies.keep_no_more_in_transaction(letter_id)
    if changed is not None and tell:
        # It may have arrived everywhere while the writer made up their mind.
        look_in_transaction(delivery_ids)
    db.session.commit()
    return changed is not None


class _Reached(NamedTuple):
    """An office, whether it has the letter or may have it, and whether that was practice."""

    name: str
    reached: bool
    captured: bool
    doubted: bool


def render(rows: list[Row]) -> list[compose.Rendered | compose.Skip]:
    """The messages of a batch."""
    ids = [row.unit_id for row in rows]
    query = (
        select(Letter, Campaign)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Letter.id.in_(ids), Supporter.erased_at.is_(None))
    )
    found = {letter.id: (letter, campaign) for letter, campaign in db.session.execute(query)}
    offices: dict[int, list[_Reached]] = {}
    over = (
        select(
            Delivery.letter_id,
            Target.role,
            Target.agency,
            Delivery.state,
            Delivery.captured,
            Delivery.doubted,
        )
        .join(Target, Target.id == Delivery.target_id)
        .where(Delivery.letter_id.in_(ids), Delivery.state.in_(("sent", "cancelled")))
        .order_by(Delivery.id)
    )
    for letter_id, role, agency, state, captured, doubted in db.session.execute(over):
        one = _Reached(f"{role} ({agency})", state == "sent", captured, doubted)
        offices.setdefault(letter_id, []).append(one)
    return [_message(row, found.get(row.unit_id), offices.get(row.unit_id, [])) for row in rows]


def _message(
    row: Row, found: tuple[Letter, Campaign] | None, offices: list[_Reached]
) -> compose.Rendered | compose.Skip:
    if found is None or not any(one.reached for one in offices):
        return compose.Skip("the letter has changed since")
    letter, campaign = found
    return letterhead.written(
        "letter_done",
        row.language,
        campaign.accent,
        name=letter.given_name,
        letter_subject=letter.subject,
        campaign_title=languages.pick(campaign.title, row.language),
        offices=[one.name for one in offices if one.reached],
        others=[one.name for one in offices if not (one.reached or one.doubted)],
        doubted=[one.name for one in offices if one.doubted and not one.reached],
        practice=any(one.reached and one.captured for one in offices),
        own_url=keys.own_page_link(letter.supporter_id, row.language),
    )


compose.register_origin(DONE, render)
