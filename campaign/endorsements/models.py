"""Endorsements: who co-signed which version of a petition, and by whose hand."""

from datetime import date

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from campaign.coalition.models import KINDS
from campaign.columns import Id, Moment, one_of, reference
from campaign.extensions import db

STATES = (
    "unconfirmed",  # signed, the signer's address not proved yet
    "confirmed",  # waits for approval
    "approved",  # public, and counted
    "declined",  # a person said no, with a reason
    "withdrawn",  # taken back by the signer
)


class Endorsement(db.Model):
    """One organization's or expert's co-signature of one petition version, by a named authorized signer."""

    __tablename__ = "endorsement"
    __table_args__ = (
        one_of("state", STATES),
        one_of("kind", KINDS),
        Index("uq_endorsement_once", "petition_id", "name_key", unique=True,
              postgresql_where=text("state IN ('confirmed', 'approved')")),
        Index("ix_endorsement_listing", "petition_id", "position", "id",
              postgresql_where=text("state = 'approved'")),
        Index("ix_endorsement_to_decide", "id", postgresql_where=text("state = 'confirmed'")),
        Index("ix_endorsement_campaign", "campaign_id", "id"),
        Index("ix_endorsement_organization_id", "organization_id"),
        Index("ix_endorsement_signer", text("lower(signer_email)")),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    petition_id: Mapped[int] = mapped_column(reference("petition"))
    petition_version_id: Mapped[int] = mapped_column(reference("petition_version"))
    organization_id: Mapped[int | None] = mapped_column(reference("organization"))
    submission: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    """The name as compared: case, accents, articles and punctuation folded."""
    kind: Mapped[str]
    website: Mapped[str] = mapped_column(server_default="")
    signer_name: Mapped[str]
    signer_title: Mapped[str] = mapped_column(server_default="")
    signer_email: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    """Place in the public list; equal places list in the order of signing."""
    signed_on: Mapped[date]
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]
    decided_at: Mapped[Moment | None]
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decision: Mapped[str] = mapped_column(server_default="")
