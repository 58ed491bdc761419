"""Letters and deliveries as CSV rows, read by key, a batch at a time.

A letter's row holds its writer and its words; a delivery's row what one office
has of it, without either, so that it can be passed on for counting.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from campaign.coalition import queries as coalition
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters.models import Delivery, Letter
from campaign.offices.models import Target
from campaign.supporters.models import Supporter

BATCH = 1000

LETTERS_COLUMNS = (
    "campaign", "letter", "state", "language", "email", "given_name", "family_name", "postal_code",
    "us_state", "subject", "body", "own_share", "source", "written_at", "confirmed_at", "decision",
)  # fmt: skip


def export_rows(campaign: str | None = None) -> Iterator[dict[str, str]]:
    """All letters, or a campaign's (a slug; ValueError where there is none); those never confirmed are left out.

    ``own_share`` is the share of words, 0 to 1, that are not the template's. Times are UTC.
    """
    campaign_id = coalition.campaign_id(campaign)
    last = 0
    while rows := _letters(last, campaign_id):
        for letter, slug, email in rows:
            yield _letter(letter, slug, email)
        last = rows[-1][0].id
        db.session.rollback()
        db.session.expunge_all()


def export_deliveries(campaign: str | None = None) -> Iterator[dict[str, str]]:
    """All deliveries, or a campaign's, with the last answer of the office's mail server. Times are UTC."""
    campaign_id = coalition.campaign_id(campaign)
    last = 0
    while rows := _deliveries(last, campaign_id):
        for row in rows:
            yield {
                "campaign": row.slug,
                "letter": str(row.letter_id),
                "agency": row.agency,
                "role": row.role,
                "channel": row.channel,
                "state": row.state,
                "confirmed_at": _moment(row.confirmed_at),
                "due_at": _moment(row.due_at),
                "finished_at": _moment(row.finished_at),
                "captured": "yes" if row.captured else "",
                "answer": row.answer,
            }
        last = rows[-1].id
        db.session.rollback()


def _letters(last: int, campaign_id: int | None) -> Sequence[Any]:
    query = (
        select(Letter, Campaign.slug, Supporter.email)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Letter.id > last, Letter.state != "unconfirmed", Supporter.erased_at.is_(None))
    )
    if campaign_id is not None:
        query = query.where(Letter.campaign_id == campaign_id)
    return db.session.execute(query.order_by(Letter.id).limit(BATCH)).all()


def _letter(letter: Letter, slug: str, email: str) -> dict[str, str]:
    row = {
        "campaign": slug,
        "letter": str(letter.id),
        "email": email,
        "own_share": f"{letter.own_share:.2f}",
        "written_at": _moment(letter.created_at),
        "confirmed_at": _moment(letter.confirmed_at),
    }
    same = (name for name in LETTERS_COLUMNS if name not in row)
    return row | {name: str(getattr(letter, name)) for name in same}


def _deliveries(last: int, campaign_id: int | None) -> Sequence[Any]:
    columns = (
        Delivery.id, Delivery.letter_id, Delivery.state, Delivery.due_at, Delivery.finished_at,
        Delivery.captured, Delivery.answer, Campaign.slug, Target.agency, Target.role, Target.channel,
        Letter.confirmed_at,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .join(Target, Target.id == Delivery.target_id)
        .where(Delivery.id > last)
    )
    if campaign_id is not None:
        query = query.where(Delivery.campaign_id == campaign_id)
    return db.session.execute(query.order_by(Delivery.id).limit(BATCH)).all()


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
