"""Supporters, what they agreed to, and the confirmations that they asked for."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, reference
from campaign.extensions import db


class Supporter(db.Model):
    """A person: one row an email address, whatever its case.

    Nothing typed in a form reaches this row before the address is confirmed: until then the name and the rest
    stay with the sign-up or the letter that they came with.
    """

    __tablename__ = "supporter"
    __table_args__ = (
        Index("uq_supporter_email_lower", func.lower(Column("email", Text)), unique=True),
        # text_pattern_ops serves "begins with" in any collation.
        Index("ix_supporter_email_prefix", text("lower(email) text_pattern_ops")),
        Index("ix_supporter_family_prefix", text("lower(family_name) text_pattern_ops")),
        Index("ix_supporter_state", "state", "id"),
        Index("ix_supporter_language", "language", "id"),
        # Rows that hold nothing but an address: what campaign.supporters.retention looks through.
        Index(
            "ix_supporter_bare",
            "created_at",
            postgresql_where=text(
                "confirmed_at IS NULL AND erased_at IS NULL AND given_name = '' AND family_name = ''"
            ),
        ),
    )

    id: Mapped[Id]
    email: Mapped[str]
    given_name: Mapped[str] = mapped_column(server_default="")
    family_name: Mapped[str] = mapped_column(server_default="")
    postal_code: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="US")
    language: Mapped[str] = mapped_column(server_default="en")
    phone: Mapped[str] = mapped_column(server_default="")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    source: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]
    erased_at: Mapped[Moment | None]
    """When the person had everything deleted: the row stays as a number without a name."""


class CampaignSupporter(db.Model):
    """A confirmed person who signed up or wrote in a campaign: one row for each, and one in ``supporters.joined``."""

    __tablename__ = "campaign_supporter"
    __table_args__ = (Index("ix_campaign_supporter_supporter_id", "supporter_id"),)

    campaign_id: Mapped[int] = mapped_column(BigInteger, reference("campaign"), primary_key=True)
    supporter_id: Mapped[int] = mapped_column(BigInteger, reference("supporter"), primary_key=True)
    joined_at: Mapped[Moment]
    source: Mapped[str] = mapped_column(server_default="")


class Consent(db.Model):
    """A supporter's agreement that one organization may write to them: what they read, when, and until when."""

    __tablename__ = "consent"
    __table_args__ = (
        UniqueConstraint("supporter_id", "organization_id"),
        Index(
            "ix_consent_organization_active",
            "organization_id",
            "supporter_id",
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    supporter_id: Mapped[int] = mapped_column(reference("supporter", ondelete="CASCADE"))
    organization_id: Mapped[int] = mapped_column(reference("organization"))
    given_at: Mapped[Moment]
    withdrawn_at: Mapped[Moment | None]
    wording: Mapped[str] = mapped_column(server_default="")
    source: Mapped[str] = mapped_column(server_default="")


class SignUp(db.Model):
    """One filled-in sign-up form: it changes the supporter when, and only when, it is confirmed."""

    __tablename__ = "sign_up"
    __table_args__ = (
        Index("ix_sign_up_supporter_id", "supporter_id"),
        Index("ix_sign_up_waiting", "id", postgresql_where=text("confirmed_at IS NULL")),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    supporter_id: Mapped[int] = mapped_column(reference("supporter", ondelete="CASCADE"))
    submission: Mapped[str] = mapped_column(unique=True)
    """Made of the form's nonce and the address: a second press of the button finds the first one's row."""
    given_name: Mapped[str]
    family_name: Mapped[str]
    postal_code: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str]
    source: Mapped[str] = mapped_column(server_default="")
    consents: Mapped[bool] = mapped_column(Boolean, server_default="false")
    wording: Mapped[str] = mapped_column(server_default="")
    """What the consent box said when the person ticked it."""
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]


class Resubscription(db.Model):
    """A wish to hear from an organization again after unsubscribing: it counts once its mailed link is confirmed."""

    __tablename__ = "resubscription"

    id: Mapped[Id]
    supporter_id: Mapped[int] = mapped_column(reference("supporter", ondelete="CASCADE"))
    organization_id: Mapped[int] = mapped_column(reference("organization"))
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]

    __table_args__ = (
        Index(
            "uq_resubscription_waiting",
            "supporter_id",
            "organization_id",
            unique=True,
            postgresql_where=text("confirmed_at IS NULL"),
        ),
        Index("ix_resubscription_waiting", "id", postgresql_where=text("confirmed_at IS NULL")),
    )


class Unsubscribe(db.Model):
    """Someone whose mail ended through a link of this alert: one row for each, and one in ``alert.unsubscribes``."""

    __tablename__ = "unsubscribe"

    alert_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    supporter_id: Mapped[int] = mapped_column(BigInteger, reference("supporter"), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[Moment]


class Confirmation(db.Model):
    """The last confirmation mail asked for an address: the row that keeps it to one an hour, whoever asks."""

    __tablename__ = "confirmation"
    __table_args__ = (
        Index("uq_confirmation_address_lower", func.lower(Column("address", Text)), unique=True),
    )

    id: Mapped[Id]
    address: Mapped[str]
    language: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(reference("campaign"))
    asked_at: Mapped[Moment]
    round: Mapped[int] = mapped_column(Integer, server_default="1")
    """How many mails this address has been sent; the mail ledger's unit of the newest."""
