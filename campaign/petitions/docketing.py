"""What happens to a petition at the agency: its docket, the comment period, and its history.

Unlike a version's words these are facts from outside, so that a mistake in them is mended in place.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update

from campaign.clock import utcnow
from campaign.coalition.commands import new_document
from campaign.coalition.documents import Checked
from campaign.coalition.models import Document
from campaign.extensions import db
from campaign.petitions.models import Petition, PetitionEvent

WASHINGTON = ZoneInfo("America/New_York")
"""regulations.gov takes comments until 11:59 pm Eastern time of the last day."""

CITATION = re.compile(r"([1-9]\d{0,2}) FR ([1-9]\d{0,5})")
"""Volume and first page of the Federal Register, as the Register itself cites: 86 FR 36075."""

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,60}")
"""A docket's or a document's number on regulations.gov."""


def citation_url(citation: str) -> str:
    """Where the Federal Register's own site shows a citation; empty for what is none."""
    found = CITATION.fullmatch(citation)
    return f"https://www.federalregister.gov/citation/{found[1]}-FR-{found[2]}" if found else ""


def comments_open(petition: Petition, at: datetime | None = None) -> bool:
    """Whether the agency takes comments on the petition now: both days are known, and today is neither before nor after."""
    if petition.comment_opens is None or petition.comment_closes is None:
        return False
    today = (at or utcnow()).astimezone(WASHINGTON).date()
    return petition.comment_opens <= today <= petition.comment_closes


def comments_end(petition: Petition) -> datetime | None:
    """The moment after which the agency takes no more comments."""
    if petition.comment_closes is None:
        return None
    return datetime.combine(petition.comment_closes + timedelta(days=1), time(0), WASHINGTON)


def set_docket(
    petition_id: int,
    docket_number: str,
    document_id: str,
    opens: date | None,
    closes: date | None,
) -> None:
    """Keeps what the agency calls the proceeding, and from when until when it takes comments."""
    db.session.execute(
        update(Petition)
        .where(Petition.id == petition_id)
        .values(
            docket_number=docket_number,
            document_id=document_id,
            comment_opens=opens,
            comment_closes=closes,
        )
    )
    db.session.commit()


def record(petition_id: int, values: Mapping[str, Any], by: str) -> PetitionEvent:
    """Adds something that happened: ``kind``, ``on``, ``note`` and ``citation``."""
    row = PetitionEvent(
        petition_id=petition_id, recorded_by=by, recorded_at=utcnow(), **dict(values)
    )
    db.session.add(row)
    db.session.commit()
    return row


def record_comments(petition_id: int, on: date, alone: int, forms: int, by: str) -> int | None:
    """Adds that comments were filed on the petition's document; its number, or None where that is written already."""
    petition = db.session.execute(
        select(Petition).where(Petition.id == petition_id).with_for_update()
    ).scalar_one()
    values = {
        "kind": "commented", "on": on, "document_id": petition.document_id, "alone": alone, "forms": forms,
    }  # fmt: skip
    same = select(PetitionEvent.id).filter_by(petition_id=petition_id, **values)
    if db.session.execute(same.limit(1)).first() is not None:
        db.session.rollback()
        return None
    return record(petition_id, values, by).id


def amend(event_id: int, values: Mapping[str, Any], by: str) -> None:
    """Mends an entry of the history."""
    db.session.execute(
        update(PetitionEvent)
        .where(PetitionEvent.id == event_id)
        .values(recorded_by=by, recorded_at=utcnow(), **dict(values))
    )
    db.session.commit()


def strike(event_id: int) -> None:
    """Takes an entry out of the history, with its documents."""
    _hold(event_id)
    db.session.execute(delete(Document).where(Document.petition_event_id == event_id))
    db.session.execute(delete(PetitionEvent).where(PetitionEvent.id == event_id))
    db.session.commit()


def attach(event_id: int, file: Checked, title: dict[str, str], language: str) -> Document:
    """Attaches a document to an entry: the agency's letter, the notice, our answer."""
    _hold(event_id)
    document = new_document(file, title, language, petition_event_id=event_id)
    db.session.commit()
    return document


def detach(event_id: int, document_id: int) -> None:
    """Takes a document off an entry."""
    db.session.execute(
        delete(Document).where(Document.id == document_id, Document.petition_event_id == event_id)
    )
    db.session.commit()


def _hold(event_id: int) -> None:
    db.session.execute(
        select(PetitionEvent.id).where(PetitionEvent.id == event_id).with_for_update()
    ).scalar_one()
