"""Reading the directory of offices: who holds them, and which campaigns write to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import func, select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.columns import among
from campaign.extensions import db
from campaign.offices import plan
from campaign.offices.commands import stale
from campaign.offices.holders import holder_name, holders_on
from campaign.offices.hours import office_of
from campaign.offices.models import CampaignTarget, Holder, Target, TargetChange
from campaign.petitions import queries as petitions
from campaign.petitions.queries import Current
from campaign.web.pages import Page, page_by_key


@dataclass(frozen=True)
class OfficeOf:
    """An office of a campaign, with whoever holds it today (empty while vacant)."""

    target: Target
    holder: str
    urgent: bool = False
    petition: Current | None = None
    """The petition on which letters to it bear."""

    @property
    def holder_name(self) -> str:
        """The holder as pages show them."""
        return holder_name(self.holder)


def of_campaign(campaign_id: int) -> list[OfficeOf]:
    """The offices that a campaign's letters go to, in their order."""
    rows = db.session.execute(
        select(Target, CampaignTarget.urgent, CampaignTarget.petition_id)
        .join(CampaignTarget, CampaignTarget.target_id == Target.id)
        .where(CampaignTarget.campaign_id == campaign_id)
        .order_by(CampaignTarget.position, Target.id)
    ).all()
    now = utcnow()
    holders = holders_on({row[0].id: plan.local_day(office_of(row[0]), now) for row in rows})
    known = petitions.of_campaign(campaign_id)
    return [
        OfficeOf(
            target, holders.get(target.id, ""), urgent, about(known, target.agency, petition_id)
        )
        for target, urgent, petition_id in rows
    ]


def about(known: Sequence[Current], agency: str, petition_id: int | None) -> Current | None:
    """The chosen one of a campaign's petitions, or else the one to the office's agency."""
    for one in known:
        if one.petition.id == petition_id:
            return one
    return next((one for one in known if one.petition.agency == agency), None)


def petition_of(campaign_id: int, target: Target) -> Current | None:
    """The petition on which a campaign's letters to an office bear."""
    chosen = db.session.scalar(
        select(CampaignTarget.petition_id).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.target_id == target.id
        )
    )
    return about(petitions.of_campaign(campaign_id), target.agency, chosen)


def any_of_campaign(campaign_id: int) -> bool:
    """Whether a campaign's letters go anywhere."""
    query = select(CampaignTarget.target_id).where(CampaignTarget.campaign_id == campaign_id)
    return db.session.execute(query.limit(1)).first() is not None


def agencies() -> list[str]:
    """The agencies in the directory of offices."""
    return list(
        db.session.scalars(
            select(Target.agency).group_by(Target.agency).order_by(func.lower(Target.agency))
        )
    )


OFFICE_HOURS = (time(9), time(17))
"""What a new office starts from."""

LISTED = 500
"""Offices at most in a list from which one chooses; a longer directory is leafed through."""


def target(target_id: int) -> Target | None:
    """An office by number."""
    return db.session.get(Target, target_id)


def target_by_name(agency: str, role: str) -> Target | None:
    """The office of an agency with a role."""
    query = select(Target).where(Target.agency == agency, Target.role == role)
    return db.session.execute(query).scalar_one_or_none()


def page_of_targets(agency: str = "", *, unchecked: bool = False) -> Page[Any]:
    """Offices with today's holders, newest first; ``unchecked``: those that nobody has looked at for 90 days."""
    query = select(Target)
    if unchecked:
        query = query.where(stale(utcnow().date()), Target.retired_at.is_(None))
    if agency:
        query = query.where(Target.agency == agency)
    page = page_by_key(query, Target.id)
    now = utcnow()
    found = [row[0] for row in page.rows]
    holders_now = holders_on({one.id: plan.local_day(office_of(one), now) for one in found})
    rows = [OfficeOf(one, holders_now.get(one.id, "")) for one in found]
    return Page(rows, page.next_key, page.previous_key)


def directory(also: int | None = None) -> tuple[list[Target], bool]:
    """The first LISTED offices by agency and role, and office ``also``, for choosing one; whether there are more."""
    query = select(Target).order_by(Target.agency, Target.role).limit(LISTED + 1)
    found = list(db.session.scalars(query))
    shown = found[:LISTED]
    if also is not None and also not in {one.id for one in shown}:
        shown += filter(None, [target(also)])
    return shown, len(found) > LISTED


def page_to_choose(but: Collection[int], agency: str = "") -> Page[Target]:
    """Offices that a campaign may choose and has not (``but``): LISTED on a page, by agency and role there."""
    query = select(Target).where(Target.retired_at.is_(None), ~among(Target.id, but))
    page = page_by_key(
        query.where(Target.agency == agency) if agency else query, Target.id, size=LISTED
    )
    rows = sorted((row[0] for row in page.rows), key=lambda one: (one.agency, one.role))
    return Page(rows, page.next_key, page.previous_key)


def choosable(target_ids: Collection[int]) -> list[Target]:
    """Those of the offices that a campaign may choose."""
    query = select(Target).where(Target.retired_at.is_(None), among(Target.id, target_ids))
    return list(db.session.scalars(query.order_by(Target.agency, Target.role)))


def holders(target_id: int) -> list[Holder]:
    """Who has held an office, newest first."""
    query = select(Holder).where(Holder.target_id == target_id).order_by(Holder.since.desc())
    return list(db.session.scalars(query))


def changes(target_id: int) -> Page[TargetChange]:
    """The changes of an office's entry, newest first, a page at a time."""
    query = select(TargetChange).where(TargetChange.target_id == target_id)
    page = page_by_key(query, TargetChange.id)
    return Page([row[0] for row in page.rows], page.next_key, page.previous_key)


def campaigns_writing_to(target_id: int) -> list[Campaign]:
    """The campaigns that have chosen an office."""
    return list(
        db.session.scalars(
            select(Campaign)
            .join(CampaignTarget, CampaignTarget.campaign_id == Campaign.id)
            .where(CampaignTarget.target_id == target_id)
            .order_by(Campaign.id.desc())
        )
    )
