"""Petitions, their immutable, numbered versions, and what happened to them at the agency."""

from datetime import date
from typing import Any

from sqlalchemy import Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, Texts, one_of, reference
from campaign.extensions import db


class Petition(db.Model):
    """A request of a campaign to one agency; what it says is in its versions."""

    __tablename__ = "petition"
    __table_args__ = (UniqueConstraint("campaign_id", "slug"),)

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    slug: Mapped[str]
    agency: Mapped[str]
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    docket_number: Mapped[str] = mapped_column(server_default="")
    """The agency's number of the proceeding, as regulations.gov knows it: DHS-2026-0012."""
    document_id: Mapped[str] = mapped_column(server_default="")
    """The document that comments are made on, regulations.gov's ``commentOnDocumentId``: DHS-2026-0012-0001."""
    comment_opens: Mapped[date | None]
    comment_closes: Mapped[date | None]
    """The last day on which the agency takes comments, until 11:59 pm in Washington."""


EVENT_KINDS = (
    "filed",  # we gave it to the agency
    "received",  # the agency acknowledged its receipt
    "docketed",  # it got a docket number
    "published",  # a notice of it in the Federal Register
    "commented",  # letters were filed as its comments
    "extended",  # the comment period was extended or opened again
    "closed",  # the comment period ended
    "hearing",  # a hearing or a meeting
    "answered",  # an answer that neither grants nor denies it
    "granted",  # the agency will make, amend or repeal the rule
    "denied",  # the agency said no: 5 U.S.C. 555(e) asks for prompt notice with the grounds
    "withdrawn",  # the petitioner took it back
    "other",
)


class PetitionEvent(db.Model):
    """Something that happened to a petition on a day, as its history shows it."""

    __tablename__ = "petition_event"
    __table_args__ = (
        one_of("kind", EVENT_KINDS),
        Index("ix_petition_event_petition_id", "petition_id", "on", "id"),
    )

    id: Mapped[Id]
    petition_id: Mapped[int] = mapped_column(reference("petition"))
    kind: Mapped[str]
    on: Mapped[date]
    note: Mapped[Texts] = mapped_column(server_default=text("'{}'"))
    citation: Mapped[str] = mapped_column(server_default="")
    """Where the Federal Register has it: ``86 FR 36075``."""
    document_id: Mapped[str] = mapped_column(server_default="")
    """Of comments that were filed: the document that they are on, as ``Petition.document_id``."""
    alone: Mapped[int | None] = mapped_column(Integer)
    """Of comments that were filed: how many are like no other, where that is known."""
    forms: Mapped[int | None] = mapped_column(Integer)
    """How many of them are form letters: in groups of nearly identical ones."""
    recorded_by: Mapped[str] = mapped_column(server_default="")
    recorded_at: Mapped[Moment]


class PetitionVersion(db.Model):
    """What a petition says; once published it never changes, a change is the next number."""

    __tablename__ = "petition_version"
    __table_args__ = (UniqueConstraint("petition_id", "number"),)

    id: Mapped[Id]
    petition_id: Mapped[int] = mapped_column(reference("petition"))
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[Texts]
    summary: Mapped[Texts]
    body: Mapped[Texts]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """What the agency's rules ask a petition to say of itself, for DHS 6 CFR 3.5: ``legal_form`` and ``agency_name``
    (by language), ``petitioner``, ``petitioner_address``, ``submit_to``, ``authority``, ``filed``."""
    material: Mapped[bool] = mapped_column(server_default="false")
    """Whether the change from the version before asks the signers again."""
    published_at: Mapped[Moment | None]
