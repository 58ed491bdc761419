"""Petitions and their immutable, numbered versions."""

from typing import Any

from sqlalchemy import Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, Texts, reference
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
