"""Action alerts: what is said, to whom, when, and how far the sending has come."""

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, Texts, one_of, reference
from campaign.extensions import db

STATES = (
    "draft",
    "scheduled",
    "overdue",  # its time passed while nothing ran: an organizer decides
    "sending",
    "paused",
    "sent",  # every row is in a final state
    "cancelled",
)


class Alert(db.Model):
    """An email to an audience of supporters, scheduled by an organizer."""

    __tablename__ = "alert"
    __table_args__ = (
        one_of("state", STATES),
        Index(
            "ix_alert_due",
            "scheduled_at",
            postgresql_where=text("state IN ('scheduled', 'sending')"),
        ),
        Index("ix_alert_campaign", "campaign_id", "id"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    organization_id: Mapped[int] = mapped_column(reference("organization"))
    """Whose message it is: it goes only to supporters who consented to this organization."""
    name: Mapped[str]
    state: Mapped[str]
    subject: Mapped[Texts]
    preheader: Mapped[Texts] = mapped_column(server_default=text("'{}'"))
    """The line that mail programs show beside the subject."""
    body: Mapped[Texts]
    audience: Mapped[Any] = mapped_column(JSONB)
    """The rule that selects supporters: wrote (true, false, null), states, languages, sources, tags."""
    scheduled_at: Mapped[Moment | None]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    expanded_to: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The last supporter whose row has been written; the next batch starts behind it."""
    expanded: Mapped[bool] = mapped_column(server_default="false")
    recipients: Mapped[int] = mapped_column(Integer, server_default="0")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Goes up with each edit, so that two editors cannot overwrite each other unseen."""
    created_by: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[Moment]
