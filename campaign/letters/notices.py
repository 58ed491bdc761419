"""Mail to a writer: the campaign does not send the letter, and why."""

import css_inline
from flask import current_app
from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters.models import Letter
from campaign.mail import compose, ledger
from campaign.mail.states import Row
from campaign.supporters import keys
from campaign.supporters.models import Supporter
from campaign.web import colour, languages
from campaign.web.frame import site

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
    language = row.language
    accent = colour.accent(campaign.accent)
    context = {
        "site": site(),
        "language": language,
        "dir": "rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
        "accent": accent.light,
        "on_accent": accent.on_light,
        "accent_dark": accent.dark,
        "on_accent_dark": accent.on_dark,
        "name": letter.given_name,
        "letter_subject": letter.subject,
        "campaign_title": languages.pick(campaign.title, language),
        "reason": letter.decision,
        "own_url": keys.own_page_link(letter.supporter_id, language),
    }
    with languages.speaking(language):
        subject, text, html = (
            current_app.jinja_env.get_template(f"mail/letter_rejected.{part}").render(context)
            for part in ("subject.txt", "txt", "html")
        )
    return compose.Rendered(
        " ".join(subject.split()), text, css_inline.inline(html, keep_style_tags=True)
    )


compose.register_origin(REJECTED, render)
