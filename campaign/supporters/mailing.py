"""The confirmation mail: rendered once a campaign and language of a batch, then only the link differs.

It carries the coalition's own words and the link, and no word that anyone typed in a form.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.mail import compose, letterhead
from campaign.mail.compose import Rendered, Skip
from campaign.mail.states import Row
from campaign.supporters.confirmation import ORIGIN, confirmation_of, link_token
from campaign.supporters.models import Confirmation
from campaign.web import languages

_MARK = "THE-LINK-TOKEN"
"""Stands for the token while a batch's mail is rendered; made of signs that no escaping changes."""


def render(rows: list[Row]) -> list[Rendered | Skip]:
    """The confirmation mails of a batch; one whose person has been deleted meanwhile is not sent."""
    ids = [confirmation_of(row.unit_id) for row in rows]
    known = set(db.session.scalars(select(Confirmation.id).where(Confirmation.id.in_(ids))))
    campaign_ids = {row.campaign_id for row in rows if row.campaign_id}
    campaigns = {
        campaign.id: campaign
        for campaign in db.session.scalars(select(Campaign).where(Campaign.id.in_(campaign_ids)))
    }
    mails: dict[tuple[int, str], Rendered] = {}
    answers: list[Rendered | Skip] = []
    for row, confirmation_id in zip(rows, ids, strict=True):
        if confirmation_id not in known:
            answers.append(Skip("the person asked to be deleted"))
            continue
        key = (row.campaign_id, row.language)
        if key not in mails:
            mails[key] = _mail(campaigns.get(row.campaign_id), row.language)
        answers.append(_linked(mails[key], confirmation_id, row.data))
    return answers


def _mail(campaign: Campaign | None, language: str) -> Rendered:
    return letterhead.written(
        "confirmation",
        language,
        campaign.accent if campaign else "",
        title=languages.pick(campaign.title, language) if campaign else "",
        organization=campaign.lead_organization.name if campaign else "",
        url=languages.external("supporters.confirm", language, token=_MARK),
    )


def _linked(mail: Rendered, confirmation_id: int, own: Sequence[Any] | None) -> Rendered:
    """The mail with this confirmation's link."""
    token = link_token(confirmation_id, own)
    html = (mail.html or "").replace(_MARK, token)
    return replace(mail, text=mail.text.replace(_MARK, token), html=html)


compose.register_origin(ORIGIN, render)
