"""From a delivery to the message that its office gets, with everything checked again at the last moment."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign, Organization
from campaign.extensions import db
from campaign.letters import message, replies
from campaign.letters.models import Delivery, Letter, LetterTemplate
from campaign.mail.compose import Rendered, Skip
from campaign.mail.ledger import Row
from campaign.offices import plan
from campaign.offices.holders import holders_on
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.supporters.models import Supporter

STILL_GOING = ("queued", "deferred", "uncertain")

TOO_LATE = timedelta(minutes=3)
"""A letter whose slot is longer ago gets another one, so that nothing is made up for in a burst."""


def render_batch(rows: list[Row]) -> list[Rendered | Skip]:
    """The messages of a batch of deliveries; what may not leave now is skipped and waits for another slot."""
    ids = [row.unit_id for row in rows]
    query = (
        select(Delivery, Letter, Target, Supporter.email, Organization.name)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Target, Target.id == Delivery.target_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .join(Organization, Organization.id == Campaign.lead_organization_id)
        .where(Delivery.id.in_(ids))
        .execution_options(populate_existing=True)
    )
    found = {row[0].id: row for row in db.session.execute(query)}
    now = utcnow()
    holders = holders_on(
        {row[2].id: plan.local_day(office_of(row[2]), now) for row in found.values()}
    )
    templates = templates_of({row[1].campaign_id for row in found.values()})
    through_us = replies.among({row[1].campaign_id for row in found.values()})
    answers: list[Rendered | Skip] = []
    for row in rows:
        parts = found.get(row.unit_id)
        why_not = _why_not(row, parts)
        if parts is None or why_not:
            answers.append(Skip(why_not))
            continue
        delivery, letter, target, email, lead = parts
        passed_on = letter.campaign_id in through_us
        template = templates.get((letter.campaign_id, target.agency))
        reply_to = replies.address(delivery.id) if passed_on else email
        holder = holders.get(target.id, "")
        answers.append(_rendered(letter, target, holder, template, reply_to, lead, passed_on))
    return answers


def _why_not(row: Row, parts: Any) -> str:
    """Why a message may not leave now; empty where it may."""
    if parts is None:
        return "there is no such delivery any more"
    delivery, letter, target = parts[:3]
    if delivery.round != row.origin_id or delivery.state not in STILL_GOING or delivery.bundle_id:
        return "this delivery has been taken back"
    if letter.state != "confirmed" or letter.taken_back_at is not None:
        return "the letter has been taken back"
    if target.paused:
        return "letters to this office are paused"
    if target.email.lower() != row.to_address.lower() or target.channel != "email":
        return "the office's address has changed"
    now = utcnow()
    if not plan.is_open(office_of(target), now):
        return "the office is closed now"
    # What was refused for now has a slot of its own for each further attempt (campaign.letters.again).
    paced = delivery.state == "deferred" or (delivery.state == "queued" and row.attempts <= 1)
    late = delivery.due_at is not None and delivery.due_at < now - TOO_LATE
    if target.per_hour is not None and paced and late:
        return "its turn passed while nothing could be sent"
    return ""


def _rendered(
    letter: Letter,
    target: Target,
    holder: str,
    template: LetterTemplate | None,
    reply_to: str,
    lead: str,
    passed_on: bool,
) -> Rendered:
    person = message.Person(
        letter.given_name, letter.family_name, letter.postal_code, letter.us_state
    )
    text = message.message(
        target, holder, template, person, letter.subject, letter.body, letter.language
    )
    return Rendered(
        subject=letter.subject,
        text=message.as_text(text, lead, passed_on),
        html=message.as_html(text, lead, letter.language, passed_on),
        from_name=from_name(person.name, lead),
        reply_to=reply_to,
        headers=[("Content-Language", letter.language)],
    )


def from_name(name: str, lead: str) -> str:
    """What the From header says: never the writer's address, only the name."""
    return f"{name} via {lead}"


def templates_of(campaign_ids: Iterable[int]) -> dict[tuple[int, str], LetterTemplate]:
    """The templates of some campaigns by (campaign, agency)."""
    query = select(LetterTemplate).where(LetterTemplate.campaign_id.in_(list(campaign_ids)))
    return {(one.campaign_id, one.agency): one for one in db.session.scalars(query)}
