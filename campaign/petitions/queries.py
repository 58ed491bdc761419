"""Reading petitions, their versions and what is attached to them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import defer

from campaign.clock import utcnow
from campaign.coalition.models import Campaign, Document, Update
from campaign.extensions import db
from campaign.petitions.models import Petition, PetitionEvent, PetitionVersion


@dataclass(frozen=True)
class Current:
    """A petition with the version that is in force."""

    petition: Petition
    version: PetitionVersion


def of_campaign(campaign_id: int) -> list[Current]:
    """The campaign's petitions with a published version, in their order."""
    newest = (
        select(PetitionVersion.petition_id, func.max(PetitionVersion.number).label("number"))
        .join(Petition, Petition.id == PetitionVersion.petition_id)
        .where(Petition.campaign_id == campaign_id, PetitionVersion.published_at <= utcnow())
        .group_by(PetitionVersion.petition_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Petition, PetitionVersion)
        .join(newest, newest.c.petition_id == Petition.id)
        .join(
            PetitionVersion,
            (PetitionVersion.petition_id == Petition.id)
            & (PetitionVersion.number == newest.c.number),
        )
        .order_by(Petition.position, Petition.id)
    )
    return [Current(petition, version) for petition, version in rows]


def by_slug(campaign_id: int, slug: str) -> Petition | None:
    """The campaign's petition of that short name."""
    return db.session.execute(
        select(Petition).where(Petition.campaign_id == campaign_id, Petition.slug == slug)
    ).scalar_one_or_none()


def petition(petition_id: int) -> Petition | None:
    """A petition by number."""
    return db.session.get(Petition, petition_id)


def all_of_campaign(campaign_id: int) -> list[Petition]:
    """The campaign's petitions, also those with a draft alone, in their order."""
    return list(
        db.session.execute(
            select(Petition)
            .where(Petition.campaign_id == campaign_id)
            .order_by(Petition.position, Petition.id)
        ).scalars()
    )


def versions(petition_id: int, *, drafts: bool = False) -> list[PetitionVersion]:
    """A petition's versions, newest first, without their words; with ``drafts`` the unpublished one too."""
    query = select(PetitionVersion).where(PetitionVersion.petition_id == petition_id)
    if not drafts:
        query = query.where(PetitionVersion.published_at <= utcnow())
    return list(
        db.session.execute(
            query.order_by(PetitionVersion.number.desc()).options(defer(PetitionVersion.body))
        ).scalars()
    )


def version(version_id: int) -> PetitionVersion | None:
    """A version by its row's number, drafts included."""
    return db.session.get(PetitionVersion, version_id)


def documents(version_id: int) -> list[Document]:
    """What is attached to a version, without the bytes."""
    return list(
        db.session.execute(
            select(Document)
            .where(Document.petition_version_id == version_id)
            .order_by(Document.position, Document.id)
        ).scalars()
    )


def events(petition_id: int) -> list[PetitionEvent]:
    """A petition's history, newest first."""
    query = select(PetitionEvent).where(PetitionEvent.petition_id == petition_id)
    return list(
        db.session.scalars(query.order_by(PetitionEvent.on.desc(), PetitionEvent.id.desc()))
    )


def event(event_id: int) -> PetitionEvent | None:
    """An entry of a history by number."""
    return db.session.get(PetitionEvent, event_id)


def documents_of_events(event_ids: Sequence[int]) -> dict[int, list[Document]]:
    """What is attached to each entry of a history, without the bytes."""
    found: dict[int, list[Document]] = {}
    query = select(Document).where(Document.petition_event_id.in_(list(event_ids)))
    for one in db.session.scalars(query.order_by(Document.position, Document.id)):
        found.setdefault(one.petition_event_id or 0, []).append(one)
    return found


def documents_of_event(event_id: int) -> list[Document]:
    """What is attached to an entry of the history, without the bytes."""
    return documents_of_events([event_id]).get(event_id, [])


def published_document(document_id: int) -> Document | None:
    """The document, without its bytes, if what it is attached to is published; None otherwise."""
    now = utcnow()
    row = db.session.get(Document, document_id)
    if row is None:
        return None
    if row.petition_version_id is not None:
        shown = (
            select(Campaign.id)
            .join(Petition, Petition.campaign_id == Campaign.id)
            .join(PetitionVersion, PetitionVersion.petition_id == Petition.id)
            .where(
                PetitionVersion.id == row.petition_version_id, PetitionVersion.published_at <= now
            )
        )
    elif row.petition_event_id is not None:
        # A history is public where the petition is.
        shown = (
            select(Campaign.id)
            .join(Petition, Petition.campaign_id == Campaign.id)
            .join(PetitionEvent, PetitionEvent.petition_id == Petition.id)
            .join(PetitionVersion, PetitionVersion.petition_id == Petition.id)
            .where(PetitionEvent.id == row.petition_event_id, PetitionVersion.published_at <= now)
        )
    else:
        shown = (
            select(Campaign.id)
            .join(Update, Update.campaign_id == Campaign.id)
            .where(Update.id == row.update_id, Update.published_at <= now)
        )
    return row if db.session.execute(shown.where(Campaign.published).limit(1)).first() else None
