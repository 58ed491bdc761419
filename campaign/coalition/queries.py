"""Reading campaigns, organizations, updates and documents: each function is a fixed number of statements."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import defer

from campaign.clock import utcnow
from campaign.coalition.models import Campaign, Document, Organization, SourceCode, Update
from campaign.extensions import db
from campaign.web.pages import Page, page_by_key

CAMPAIGNS = 200
"""Campaigns that the public list and the sitemap show at most."""


def campaign_by_slug(slug: str) -> Campaign | None:
    """The campaign at ``/c/<slug>``, drafts included; None where there is none."""
    return db.session.execute(select(Campaign).where(Campaign.slug == slug)).scalar_one_or_none()


def campaign_id(slug: str | None) -> int | None:
    """The number of the campaign that an import or export is for; None where it is for all. ValueError: there is none."""
    if not slug:
        return None
    found = campaign_by_slug(slug)
    if found is None:
        raise ValueError(f"there is no campaign {slug!r}")
    return found.id


def published_campaign(slug: str) -> Campaign | None:
    """The campaign at ``/c/<slug>`` if the public may see it."""
    campaign = campaign_by_slug(slug)
    return campaign if campaign is not None and campaign.published else None


def published_campaigns() -> list[Campaign]:
    """The campaigns that the public may see, those that end first or never on top, the closed ones last."""
    now = utcnow()
    closed = func.coalesce(Campaign.closes_at <= now, False)
    return list(
        db.session.execute(
            select(Campaign)
            .where(Campaign.published)
            .order_by(closed, Campaign.opens_at.desc(), Campaign.id.desc())
            .limit(CAMPAIGNS)
            .options(defer(Campaign.body))
        ).scalars()
    )


def any_campaign() -> bool:
    """Whether there is any campaign at all, drafts included."""
    return db.session.execute(select(Campaign.id).limit(1)).first() is not None


def is_open(campaign: Campaign) -> bool:
    """Whether the campaign takes letters, sign-ups and endorsements now."""
    return stage(campaign) == "open"


def stage(campaign: Campaign) -> str:
    """``coming`` before the campaign opens, ``open`` while it takes letters, ``closed`` afterwards."""
    now = utcnow()
    if now < campaign.opens_at:
        return "coming"
    return "open" if campaign.closes_at is None or now < campaign.closes_at else "closed"


def opening_day(campaign: Campaign) -> date:
    """The first day of the campaign, in its own zone."""
    return campaign.opens_at.astimezone(ZoneInfo(campaign.timezone)).date()


def last_day(campaign: Campaign) -> date | None:
    """The last day, in the campaign's own zone, on which it takes letters; None while it has no end."""
    if campaign.closes_at is None:
        return None
    last = campaign.closes_at - timedelta(microseconds=1)
    return last.astimezone(ZoneInfo(campaign.timezone)).date()


def campaigns(args: Any = None) -> Page[Any]:
    """All campaigns, newest first, for the desk."""
    return page_by_key(select(Campaign).options(defer(Campaign.body)), Campaign.id, args=args)


def update_day(update: Update, campaign: Campaign) -> date | None:
    """The day of an update in the campaign's zone; None for a draft."""
    if update.published_at is None:
        return None
    return update.published_at.astimezone(ZoneInfo(campaign.timezone)).date()


def published_updates(campaign_id: int, limit: int, before: int | None = None) -> list[Update]:
    """The newest updates that the public may see; ``before`` an update's number goes on behind it."""
    query = (
        select(Update)
        .where(Update.campaign_id == campaign_id, Update.published_at <= utcnow())
        .order_by(Update.published_at.desc(), Update.id.desc())
        .limit(limit)
    )
    if before is not None:
        last = db.session.get(Update, before)
        if last is not None and last.campaign_id == campaign_id and last.published_at is not None:
            query = query.where(
                or_(
                    Update.published_at < last.published_at,
                    (Update.published_at == last.published_at) & (Update.id < last.id),
                )
            )
    return list(db.session.execute(query).scalars())


def published_update(campaign_id: int, slug: str) -> Update | None:
    """The update of that short name, if the public may see it."""
    update = db.session.execute(
        select(Update).where(Update.campaign_id == campaign_id, Update.slug == slug)
    ).scalar_one_or_none()
    if update is None or update.published_at is None or update.published_at > utcnow():
        return None
    return update


def updates(campaign_id: int, args: Any = None) -> Page[Any]:
    """A campaign's updates with the drafts, newest first, for the desk."""
    return page_by_key(
        select(Update).where(Update.campaign_id == campaign_id), Update.id, args=args
    )


def update(update_id: int) -> Update | None:
    """An update by number, drafts included."""
    return db.session.get(Update, update_id)


def campaign(campaign_id: int) -> Campaign | None:
    """A campaign by number."""
    return db.session.get(Campaign, campaign_id)


def documents_of_update(update_id: int) -> list[Document]:
    """What is attached to an update, without the bytes."""
    return list(
        db.session.execute(
            select(Document)
            .where(Document.update_id == update_id)
            .order_by(Document.position, Document.id)
        ).scalars()
    )


def document(document_id: int) -> Document | None:
    """A document by number, without its bytes until they are asked for."""
    return db.session.get(Document, document_id)


def organization_by_slug(slug: str) -> Organization | None:
    """The organization of that short name; None where there is none."""
    return db.session.execute(
        select(Organization).where(Organization.slug == slug)
    ).scalar_one_or_none()


def organization(organization_id: int) -> Organization | None:
    """An organization by number."""
    return db.session.get(Organization, organization_id)


def organizations(text: str = "", kind: str = "", args: Any = None) -> Page[Any]:
    """Organizations whose name has a word that begins with ``text``, newest first, for the desk."""
    query = select(Organization)
    if text:
        begins = text.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        name = func.lower(Organization.name)
        query = query.where(or_(name.like(f"{begins}%"), name.like(f"% {begins}%")))
    if kind:
        query = query.where(Organization.kind == kind)
    return page_by_key(query, Organization.id, args=args)


def source_codes(organization_id: int) -> Sequence[SourceCode]:
    """An organization's codes, newest first."""
    return (
        db.session.execute(
            select(SourceCode)
            .where(SourceCode.organization_id == organization_id)
            .order_by(SourceCode.created_at.desc(), SourceCode.code)
            .limit(500)
        )
        .scalars()
        .all()
    )
