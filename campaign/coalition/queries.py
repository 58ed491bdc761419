"""Reading campaigns, organizations and updates."""

from sqlalchemy import select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign, Organization
from campaign.extensions import db


def campaign_by_slug(slug: str) -> Campaign | None:
    """The campaign at ``/c/<slug>``, drafts included; None where there is none."""
    return db.session.execute(select(Campaign).where(Campaign.slug == slug)).scalar_one_or_none()


def published_campaign(slug: str) -> Campaign | None:
    """The campaign at ``/c/<slug>`` if the public may see it."""
    campaign = campaign_by_slug(slug)
    return campaign if campaign is not None and campaign.published else None


def is_open(campaign: Campaign) -> bool:
    """Whether the campaign takes letters, sign-ups and endorsements now."""
    now = utcnow()
    return campaign.opens_at <= now and (campaign.closes_at is None or now < campaign.closes_at)


def organization_by_slug(slug: str) -> Organization | None:
    """The organization of that short name; None where there is none."""
    return db.session.execute(
        select(Organization).where(Organization.slug == slug)
    ).scalar_one_or_none()


def any_campaign() -> bool:
    """Whether there is any campaign at all, drafts included."""
    return db.session.execute(select(Campaign.id).limit(1)).first() is not None
