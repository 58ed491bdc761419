"""Endorsements: who co-signed which version of a petition, and by whose hand."""

from datetime import date

from sqlalchemy import BigInteger, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from campaign.coalition.models import KINDS
from campaign.columns import Id, Moment, one_of, reference
from campaign.extensions import db

STATES = (
    "unconfirmed",  # signed, the signer's address not proved yet
    "confirmed",  # waits for approval
    "approved",  # public, and counted
    "declined",  # a person said no, with a reason; or it was there already (decision "duplicate")
    "withdrawn",  # taken back by the signer
)

DUPLICATE = "duplicate"
"""The decision of a signature that was confirmed when the same name was among the petition's signers already."""

UNPLACED = 1_000_000_000
"""The position of a signer whom nobody has given a place: after those who have one, in the order of signing."""


class Endorsement(db.Model):
    """One organization's or expert's co-signature of one petition version, by a named authorized signer."""

    __tablename__ = "endorsement"
    __table_args__ = (
        one_of("state", STATES),
        one_of("kind", KINDS),
        # A submission holds one row for each petition that it signs.
        UniqueConstraint("submission", "petition_id"),
        Index(
            "uq_endorsement_once",
            "petition_id",
            "name_key",
            unique=True,
            postgresql_where=text("state IN ('confirmed', 'approved')"),
        ),
        Index(
            "ix_endorsement_listing",
            "petition_id",
            text("(kind = 'individual')"),
            "position",
            "id",
            postgresql_where=text("state = 'approved'"),
        ),
        Index("ix_endorsement_state", "state", "id"),
        Index("ix_endorsement_campaign", "campaign_id", "state", "id"),
        Index("ix_endorsement_petition", "petition_id", "state", "id"),
        Index("ix_endorsement_organization_id", "organization_id", "id"),
        Index("ix_endorsement_signer", text("lower(signer_email)")),
        Index(
            "ix_endorsement_name", "name_key", "id", postgresql_ops={"name_key": "text_pattern_ops"}
        ),
        Index(
            "ix_endorsement_domain",
            "petition_id",
            "domain",
            postgresql_where=text("state IN ('confirmed', 'approved') AND domain <> ''"),
        ),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    petition_id: Mapped[int] = mapped_column(reference("petition"))
    petition_version_id: Mapped[int] = mapped_column(reference("petition_version"))
    organization_id: Mapped[int | None] = mapped_column(reference("organization"))
    submission: Mapped[str]
    state: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    """The name as compared: case, accents, articles and punctuation folded."""
    kind: Mapped[str]
    website: Mapped[str] = mapped_column(server_default="")
    domain: Mapped[str] = mapped_column(server_default="")
    """The website's host without ``www.``, by which two names of one organization are noticed."""
    signer_name: Mapped[str]
    signer_title: Mapped[str] = mapped_column(server_default="")
    signer_email: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    source: Mapped[str] = mapped_column(server_default="")
    position: Mapped[int] = mapped_column(Integer, server_default=text(str(UNPLACED)))
    """Place among the petition's organizations or experts; equal places list in the order of signing."""
    proof: Mapped[str] = mapped_column(server_default="")
    """How staff know that the signer agreed, where they entered it by hand."""
    signed_on: Mapped[date]
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]
    decided_at: Mapped[Moment | None]
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decision: Mapped[str] = mapped_column(server_default="")


class Cosigner(db.Model):
    """One organization or expert in a campaign's public list, with the petitions that it signed.

    The row exists while at least one of its endorsements is approved. Its lock is what two approvals of one name
    at the same moment wait for, so that the number of co-signers is exact.
    """

    __tablename__ = "cosigner"
    __table_args__ = (
        one_of("kind", KINDS),
        UniqueConstraint("campaign_id", "name_key"),
        Index(
            "ix_cosigner_listing", "campaign_id", text("(kind = 'individual')"), "position", "id"
        ),
        Index("ix_cosigner_organization", "organization_id", "campaign_id"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    organization_id: Mapped[int] = mapped_column(reference("organization"))
    name: Mapped[str]
    name_key: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    """An expert's own title; organizations are listed without their signer's."""
    website: Mapped[str] = mapped_column(server_default="")
    position: Mapped[int] = mapped_column(Integer, server_default=text(str(UNPLACED)))
    petition_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
