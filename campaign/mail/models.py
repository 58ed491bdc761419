"""The outbound ledger: one row a message, whatever feature asked for it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, one_of
from campaign.extensions import db

STREAMS = ("confirmations", "letters", "alerts")

STATES = (
    "queued", "leased", "sent", "deferred", "failed", "held", "cancelled", "uncertain",
)  # fmt: skip

OPEN_STATES = ("queued", "leased", "deferred", "held", "uncertain")
"""States of a row about which something is still to happen."""

UNDECIDED = "hold_reason IS NULL OR hold_reason <> 'paused'"
"""Of held and uncertain rows those that wait for a person; the others an order holds."""

# Finished rows stay for good, so what is claimed and swept is found through indexes that hold only
# the open ones. Every state change leaves a dead entry in them, so autovacuum comes early. The two keys
# leave room for it (migration 0006).
_STORAGE = {"autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_cost_delay": 0}


class Message(db.Model):
    """One message to one recipient, and what became of it."""

    __tablename__ = "message"
    __table_args__ = (
        # "One alert, one recipient, once" and "one letter, one target, once" are kept here.
        UniqueConstraint("origin", "origin_id", "unit_id", name="uq_message_unit"),
        one_of("stream", STREAMS),
        one_of("state", STATES),
        Index(
            "ix_message_due", "stream", "priority", "next_attempt_at", "id",
            postgresql_where=text("state IN ('queued', 'deferred')"),
        ),
        Index("ix_message_leased", "lease_owner", postgresql_where=text("state = 'leased'")),
        Index(
            "ix_message_uncertain", "stream", "next_attempt_at",
            postgresql_where=text("state = 'uncertain'"),
        ),
        Index(
            "ix_message_waiting", "origin", "origin_id", "id",
            postgresql_where=text("state IN ('queued', 'deferred', 'held')"),
        ),
        Index(
            "ix_message_failed", "origin", "origin_id", "id",
            postgresql_where=text("state = 'failed'"),
        ),
        Index(
            "ix_message_undecided", "stream", "id",
            postgresql_where=text(f"state IN ('held', 'uncertain') AND ({UNDECIDED})"),
        ),
        {"postgresql_with": _STORAGE},
    )  # fmt: skip

    id: Mapped[Id]
    stream: Mapped[str]
    origin: Mapped[str]
    """Which kind of thing asked for the message; its renderer is registered under this name."""
    origin_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The alert, the letter campaign …; 0 where there is none."""
    unit_id: Mapped[int] = mapped_column(BigInteger)
    """The supporter, the delivery …: the one thing that this message is for."""
    to_address: Mapped[str]
    domain: Mapped[str]
    """The receiving domain, lower-case."""
    language: Mapped[str]
    campaign_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """Lower goes first, within a stream."""
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_attempt_at: Mapped[Moment]
    """When a queued or deferred row is due; when an uncertain one goes again by itself."""
    first_attempt_at: Mapped[Moment | None]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[Moment | None]
    """By the database's clock, which all workers share."""
    in_flight: Mapped[bool] = mapped_column(server_default=text("false"))
    """The body may already have gone out under this lease (letters: marked before the last byte)."""
    doubts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How often a connection broke between the last byte and the answer."""
    hold_reason: Mapped[str | None]
    message_id: Mapped[str]
    """The Message-ID header, the same in every attempt."""
    smtp_code: Mapped[int | None] = mapped_column(SmallInteger)
    smtp_enhanced: Mapped[str | None]
    smtp_text: Mapped[str | None]
    smtp_server: Mapped[str | None]
    captured: Mapped[bool] = mapped_column(server_default=text("false"))
    data: Mapped[Any | None] = mapped_column(JSONB)
    """What the renderer needs beyond the numbers above."""
    created_at: Mapped[Moment]
    finished_at: Mapped[Moment | None]


class CapturedMessage(db.Model):
    """A message that would have left, as the bytes the server would have got."""

    __tablename__ = "captured_message"

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(
        ForeignKey("message.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[Moment]
    envelope_from: Mapped[str]
    envelope_to: Mapped[str]
    subject: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)


SUPPRESSION_SCOPES = ("all", *STREAMS)


class Suppression(db.Model):
    """An address that must not be mailed: in which stream, why, since when, because of which message."""

    __tablename__ = "suppression"
    __table_args__ = (
        one_of("scope", SUPPRESSION_SCOPES),
        Index(
            "uq_suppression_active", "address", "scope", unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    address: Mapped[str]
    """Lower-case."""
    scope: Mapped[str]
    reason: Mapped[str]
    """``hard-bounce``, ``soft-bounces``, ``complaint``, ``unsubscribed``, ``person`` …"""
    since: Mapped[Moment]
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, server_default="")
    lifted_at: Mapped[Moment | None]
    lifted_by: Mapped[str | None]


class InboundEvent(db.Model):
    """Something that came in and was acted on, once: a second telling of it finds this row and changes nothing."""

    __tablename__ = "inbound_event"
    __table_args__ = (
        UniqueConstraint("about", "kind", "key", name="uq_inbound_event_once"),
        Index(
            "ix_inbound_event_soft", "address", "at", postgresql_where=text("kind = 'soft'"),
        ),
        Index("ix_inbound_event_at", "at"),
    )  # fmt: skip

    id: Mapped[Id]
    about: Mapped[int] = mapped_column(BigInteger)
    """The message's row, or the number in a feature's address; 0: about none."""
    kind: Mapped[str]
    """``hard``, ``soft``, ``complaint``, ``automatic``, ``unsubscribe``, ``reply`` …"""
    key: Mapped[str]
    """The provider's number of the event, or the message's digest."""
    source: Mapped[str]
    at: Mapped[Moment]
    address: Mapped[str] = mapped_column(server_default="")
    """Lower-case, and kept for soft bounces only, which are counted by it."""


class Order(db.Model):
    """A standing order about a whole stream, or about all messages of one origin."""

    __tablename__ = "mail_order"
    __table_args__ = (
        UniqueConstraint("stream", "origin", "origin_id", name="uq_mail_order_about"),
        one_of("action", ("pause", "resume", "cancel")),
    )

    id: Mapped[Id]
    stream: Mapped[str] = mapped_column(server_default="")
    """Given where the order is about a whole stream."""
    origin: Mapped[str] = mapped_column(server_default="")
    origin_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    action: Mapped[str]
    since: Mapped[Moment]
    by: Mapped[str]
    done_at: Mapped[Moment | None]
    """When a cancellation had reached every row."""


class DeferringDomain(db.Model):
    """A receiving domain that answered "later" too often: it is left alone until a time."""

    __tablename__ = "deferring_domain"

    domain: Mapped[str] = mapped_column(primary_key=True)
    paused_until: Mapped[Moment]
    strikes: Mapped[int] = mapped_column(SmallInteger)
    """How often in a row; each pause is twice as long as the one before."""
    reason: Mapped[str]
    """What its server said last."""
