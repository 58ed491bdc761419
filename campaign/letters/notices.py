"""Mail to a writer: the campaign does not send the letter, and why."""

from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import stating
from campaign.letters.models import Letter
from campaign.mail import compose, ledger, letterhead
from campaign.mail.states import Row
from campaign.supporters import keys
from campaign.supporters.models import Supporter
from campaign.web import languages

REJECTED = "letter_rejected"


def rejected(letter: Letter) -> None:
    """Queues the message in the caller's transaction; its writer has proved the address."""
    address = db.session.scalar(
        select(Supporter.email).where(
            Supporter.id == letter.supporter_id, Supporter.erased_at.is_(None)
        )
    )
    if address is None:
        return
    draft = ledger.Draft(
        origin=REJECTED, unit_id=letter.id, to_address=address, language=letter.language,
        campaign_id=letter.campaign_id,
    )  # fmt: skip
    ledger.enqueue("confirmations", [draft])


def render(rows: list[Row]) -> list[compose.Rendered | compose.Skip]:
    """The messages of a batch."""
    query = (
        select(Letter, Campaign)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .where(Letter.id.in_([row.unit_id for row in rows]), Letter.state == "rejected")
    )
    found = {letter.id: (letter, campaign) for letter, campaign in db.session.execute(query)}
    return [_message(row, *found.get(row.unit_id, (None, None))) for row in rows]


def _message(
    row: Row, letter: Letter | None, campaign: Campaign | None
) -> compose.Rendered | compose.Skip:
    if letter is None or campaign is None or not letter.body:
        return compose.Skip("the letter has changed since")
    return letterhead.written(
        "letter_rejected",
        row.language,
        campaign.accent,
        name=letter.given_name,
        letter_subject=letter.subject,
        campaign_title=languages.pick(campaign.title, row.language),
        reason=stating.reason(letter.decision, row.language),
        own_url=keys.own_page_link(letter.supporter_id, row.language),
    )


compose.register_origin(REJECTED, render)
