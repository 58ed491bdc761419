"""What changes petitions: a draft of the next version, its documents, and its publication, after which it never changes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.coalition.commands import NotADraft, Stale, Taken, change, mark, new_document
from campaign.coalition.documents import Checked
from campaign.coalition.models import Document
from campaign.extensions import db
from campaign.petitions.models import Petition, PetitionVersion

FIELDS = ("title", "summary", "body", "facts")

__all__ = ["FIELDS", "NotADraft", "Stale", "Taken", "mark"]


def create_petition(
    campaign_id: int, slug: str, agency: str, values: Mapping[str, Any]
) -> PetitionVersion:
    """Makes a petition with a draft of its first version, behind the campaign's others. Raises Taken."""
    last = db.session.execute(
        select(Petition.position)
        .where(Petition.campaign_id == campaign_id)
        .order_by(Petition.position.desc())
        .limit(1)
    ).scalar()
    petition = Petition(campaign_id=campaign_id, slug=slug, agency=agency, position=(last or 0) + 1)
    db.session.add(petition)
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise Taken(slug) from error
    version = PetitionVersion(petition_id=petition.id, number=1, published_at=None, **_only(values))
    db.session.add(version)
    db.session.commit()
    return version


def draft(petition_id: int) -> PetitionVersion:
    """The draft of the next version: the one there is, or a copy of the newest version with its documents."""
    _hold(petition_id)
    newest = db.session.execute(
        select(PetitionVersion)
        .where(PetitionVersion.petition_id == petition_id)
        .order_by(PetitionVersion.number.desc())
        .limit(1)
    ).scalar_one()
    if newest.published_at is None:
        db.session.commit()
        return newest
    version = PetitionVersion(
        petition_id=petition_id,
        number=newest.number + 1,
        published_at=None,
        **{name: getattr(newest, name) for name in FIELDS},
    )
    db.session.add(version)
    db.session.flush()
    copied = (
        "position",
        "language",
        "title",
        "filename",
        "media_type",
        "size",
        "sha256",
        "content",
    )
    columns = [Document.__table__.c[name] for name in copied]
    # Copied inside the database: the bytes never pass through here.
    db.session.execute(
        insert(Document).from_select(
            [*copied, "petition_version_id"],
            select(*columns, literal(version.id)).where(Document.petition_version_id == newest.id),
        )
    )
    db.session.commit()
    return version


def edit_draft(version_id: int, values: Mapping[str, Any], seen: str) -> None:
    """Changes the words of a draft. Raises NotADraft, Stale."""
    version = _held_draft(version_id)
    change(version, FIELDS, values, seen)
    db.session.commit()


def publish(version_id: int, material: bool, seen: str) -> None:
    """Publishes a draft: from now on it is what the petition says, and it never changes.

    ``material`` says whether the change asks the signers again. Raises NotADraft, and Stale when the draft no longer says
    what the person saw.
    """
    version = _held_draft(version_id)
    change(version, FIELDS, {}, seen)
    version.material = material and version.number > 1
    version.published_at = utcnow()
    db.session.commit()


def discard(version_id: int) -> None:
    """Deletes a draft with its documents, and the petition where there is no other version. Raises NotADraft."""
    version = _held_draft(version_id)
    petition_id, number = version.petition_id, version.number
    db.session.execute(delete(Document).where(Document.petition_version_id == version_id))
    db.session.delete(version)
    db.session.flush()
    if number == 1:
        db.session.execute(delete(Petition).where(Petition.id == petition_id))
    db.session.commit()


def attach(version_id: int, file: Checked, title: dict[str, str], language: str) -> Document:
    """Attaches a document to a draft. Raises NotADraft."""
    _held_draft(version_id)
    document = new_document(file, title, language, petition_version_id=version_id)
    db.session.commit()
    return document


def remove(version_id: int, document_id: int) -> None:
    """Takes a document off a draft. Raises NotADraft."""
    _held_draft(version_id)
    db.session.execute(
        delete(Document).where(
            Document.id == document_id, Document.petition_version_id == version_id
        )
    )
    db.session.commit()


def _only(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in FIELDS}


def _hold(petition_id: int) -> None:
    db.session.execute(
        select(Petition.id).where(Petition.id == petition_id).with_for_update()
    ).scalar_one()


def _held_draft(version_id: int) -> PetitionVersion:
    version = db.session.execute(
        select(PetitionVersion)
        .where(PetitionVersion.id == version_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    if version.published_at is not None:
        db.session.rollback()
        raise NotADraft
    return version
