"""The confirmation mail: rendered once a campaign and language of a batch, then only the link differs.

It carries the coalition's own words and the link, and no word that anyone typed in a form.
"""

from dataclasses import dataclass

import css_inline
from flask import current_app
from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.mail import compose
from campaign.mail.compose import Rendered, Skip
from campaign.mail.states import Row
from campaign.supporters.confirmation import ORIGIN, confirmation_of, link_token
from campaign.supporters.models import Confirmation
from campaign.web import colour, languages
from campaign.web.frame import site

_MARK = "THE-LINK-TOKEN"
"""Stands for the token while a batch's mail is rendered; made of signs that no escaping changes."""


@dataclass(frozen=True)
class _Mail:
    subject: str
    text: str
    html: str

    def to(self, confirmation_id: int) -> Rendered:
        """The mail with this confirmation's link."""
        token = link_token(confirmation_id)
        return Rendered(
            self.subject, self.text.replace(_MARK, token), self.html.replace(_MARK, token)
        )


def render(rows: list[Row]) -> list[Rendered | Skip]:
    """The confirmation mails of a batch; one whose person has been deleted meanwhile is not sent."""
    ids = [confirmation_of(row.unit_id) for row in rows]
    known = set(db.session.scalars(select(Confirmation.id).where(Confirmation.id.in_(ids))))
    campaign_ids = {row.campaign_id for row in rows if row.campaign_id}
    campaigns = {
        campaign.id: campaign
        for campaign in db.session.scalars(select(Campaign).where(Campaign.id.in_(campaign_ids)))
    }
    mails: dict[tuple[int, str], _Mail] = {}
    answers: list[Rendered | Skip] = []
    for row, confirmation_id in zip(rows, ids, strict=True):
        if confirmation_id not in known:
            answers.append(Skip("the person asked to be deleted"))
            continue
        key = (row.campaign_id, row.language)
        if key not in mails:
            mails[key] = _mail(campaigns.get(row.campaign_id), row.language)
        answers.append(mails[key].to(confirmation_id))
    return answers


def _mail(campaign: Campaign | None, language: str) -> _Mail:
    with languages.speaking(language):
        shades = colour.accent(campaign.accent if campaign else "")
        context = {
            "title": languages.pick(campaign.title, language) if campaign else "",
            "organization": campaign.lead_organization.name if campaign else "",
            "url": languages.external("supporters.confirm", language, token=_MARK),
            "site": site(),
            "language": language,
            "dir": "rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
            "accent": shades.light,
            "on_accent": shades.on_light,
            "accent_dark": shades.dark,
            "on_accent_dark": shades.on_dark,
        }
        subject, text, html = (
            current_app.jinja_env.get_template(f"mail/confirmation.{part}").render(context)
            for part in ("subject.txt", "txt", "html")
        )
    return _Mail(" ".join(subject.split()), text, css_inline.inline(html, keep_style_tags=True))


compose.register_origin(ORIGIN, render)
