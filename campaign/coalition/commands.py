"""What changes campaigns and updates: one function a use case, one transaction each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.coalition.documents import Checked
from campaign.coalition.models import Campaign, Document, Organization, SourceCode, Update
from campaign.coalition.naming import SLUG_LENGTH, slug_of
from campaign.extensions import db

CAMPAIGN_FIELDS = (
    "lead_organization_id", "languages", "title", "tagline", "summary", "body", "notice", "timezone",
    "goal", "opens_at", "closes_at", "accent", "published", "rewrite_hours",
)  # fmt: skip
ORGANIZATION_FIELDS = ("name", "kind", "website", "country", "contact_name", "contact_email")
UPDATE_FIELDS = ("title", "body")
RESERVED_CODES = ("website",)
"""Source codes that belong to nobody."""


class Taken(ValueError):
    """The short name or code is in use."""


class Stale(Exception):
    """Someone else has changed the row since the person opened it; nothing was written."""


class NotADraft(Exception):
    """What is published is not changed in this way."""


def mark(row: Any, fields: Sequence[str]) -> str:
    """A short mark of what a row says, for noticing that someone else changed it in the meantime."""
    said = {name: getattr(row, name) for name in fields}
    text = json.dumps(said, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def change(row: Any, fields: Sequence[str], values: Mapping[str, Any], seen: str) -> None:
    """Writes ``values`` into a row that the caller holds; raises Stale unless it still says what ``seen`` marks."""
    if mark(row, fields) != seen:
        db.session.rollback()
        raise Stale
    for name in fields:
        if name in values:
            setattr(row, name, values[name])


def create_campaign(slug: str, values: Mapping[str, Any]) -> Campaign:
    """Makes a campaign. Raises Taken."""
    row = Campaign(
        slug=slug, created_at=utcnow(), **{name: values[name] for name in CAMPAIGN_FIELDS}
    )
    return _added(row)


def edit_campaign(campaign_id: int, values: Mapping[str, Any], seen: str) -> Campaign:
    """Changes a campaign; its short name stays, since people have linked to it. Raises Stale."""
    row = _held(Campaign, campaign_id)
    change(row, CAMPAIGN_FIELDS, values, seen)
    db.session.commit()
    return row


def create_organization(values: Mapping[str, Any]) -> Organization:
    """Makes an organization under the short name of its name. Raises Taken."""
    slug = slug_of(values["name"])
    row = Organization(
        slug=slug, created_at=utcnow(), **{name: values[name] for name in ORGANIZATION_FIELDS}
    )
    return _added(row)


def edit_organization(organization_id: int, values: Mapping[str, Any], seen: str) -> Organization:
    """Changes an organization; its short name stays. Raises Stale."""
    row = _held(Organization, organization_id)
    change(row, ORGANIZATION_FIELDS, values, seen)
    db.session.commit()
    return row


def add_source_code(organization_id: int, code: str, note: str) -> SourceCode:
    """Gives an organization a code for its links. Raises Taken when someone has it."""
    if code in RESERVED_CODES:
        raise Taken(code)
    return _added(
        SourceCode(code=code, organization_id=organization_id, note=note, created_at=utcnow())
    )


def create_update(campaign: Campaign, values: Mapping[str, Any]) -> Update:
    """Makes a draft of news. Its address is made of today's date in the campaign's zone and the title."""
    today = utcnow().astimezone(ZoneInfo(campaign.timezone)).date()
    title = values["title"].get("en") or next(iter(values["title"].values()), "")
    stem = f"{today.isoformat()}-{slug_of(title)}".strip("-")[:SLUG_LENGTH].strip("-")
    # Held, so that two drafts of one title made at once find different addresses.
    _held(Campaign, campaign.id)
    taken = set(
        db.session.execute(
            select(Update.slug).where(
                Update.campaign_id == campaign.id, Update.slug.startswith(stem, autoescape=True)
            )
        ).scalars()
    )
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    row = Update(
        campaign_id=campaign.id,
        slug=slug,
        published_at=None,
        **{n: values[n] for n in UPDATE_FIELDS},
    )
    return _added(row)


def edit_update(update_id: int, values: Mapping[str, Any], seen: str) -> Update:
    """Changes the words of news, published or not. Raises Stale."""
    row = _held(Update, update_id)
    change(row, UPDATE_FIELDS, values, seen)
    db.session.commit()
    return row


def publish_update(update_id: int, day: date, timezone: str) -> None:
    """Shows news to the public, dated ``day`` in that zone: now, if that is today, else the beginning of the day."""
    row = _held(Update, update_id)
    if row.published_at is None:
        now = utcnow()
        begin = datetime.combine(day, time(), ZoneInfo(timezone))
        row.published_at = now if now.astimezone(ZoneInfo(timezone)).date() == day else begin
    db.session.commit()


def take_back_update(update_id: int) -> None:
    """Makes news a draft again: the public no longer sees it."""
    _held(Update, update_id).published_at = None
    db.session.commit()


def delete_update(update_id: int) -> None:
    """Deletes a draft with its documents. Raises NotADraft."""
    row = _held(Update, update_id)
    _require_draft(row.published_at)
    db.session.execute(delete(Document).where(Document.update_id == update_id))
    db.session.delete(row)
    db.session.commit()


def attach_to_update(
    update_id: int, file: Checked, title: dict[str, str], language: str
) -> Document:
    """Attaches a document to a draft. Raises NotADraft."""
    row = _held(Update, update_id)
    _require_draft(row.published_at)
    document = new_document(file, title, language, update_id=update_id)
    db.session.commit()
    return document


def remove_from_update(update_id: int, document_id: int) -> None:
    """Takes a document off a draft. Raises NotADraft."""
    row = _held(Update, update_id)
    _require_draft(row.published_at)
    db.session.execute(
        delete(Document).where(Document.id == document_id, Document.update_id == update_id)
    )
    db.session.commit()


def new_document(file: Checked, title: dict[str, str], language: str, **owner: int) -> Document:
    """A document behind those that its owner has, in the caller's transaction.

    ``owner`` is ``update_id``, ``petition_version_id`` or ``petition_event_id``, whose row the caller holds.
    """
    last = db.session.execute(select(func.max(Document.position)).filter_by(**owner)).scalar()
    row = Document(
        position=(last or 0) + 1,
        language=language,
        title=title,
        filename=file.filename,
        media_type=file.media_type,
        size=len(file.content),
        sha256=file.sha256,
        content=file.content,
        **owner,
    )
    db.session.add(row)
    return row


def _require_draft(published_at: datetime | None) -> None:
    if published_at is not None:
        db.session.rollback()
        raise NotADraft


def _held(model: Any, row_id: int) -> Any:
    return db.session.execute(
        select(model)
        .where(model.id == row_id)
        .with_for_update(of=model)
        .execution_options(populate_existing=True)
    ).scalar_one()


def _added(row: Any) -> Any:
    db.session.add(row)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise Taken from error
    return row
