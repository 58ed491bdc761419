"""Offices, who holds them, which campaigns write to them, and what was changed in their entries."""

from datetime import date, time

from sqlalchemy import BigInteger, Boolean, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment, one_of, reference
from campaign.extensions import db

CHANNELS = ("email", "digest", "packet")
LONGEST = {"agency": 120, "role": 200, "salutation": 200, "holder": 150}
"""Characters at most of what a person writes in one line."""

SALUTATION = ("holder", "surname")
"""Fields that a salutation may have."""


class Target(db.Model):
    """An office: an agency and a role. People hold it from a date to a date (Holder)."""

    __tablename__ = "target"
    __table_args__ = (one_of("channel", CHANNELS), UniqueConstraint("agency", "role"))

    id: Mapped[Id]
    agency: Mapped[str]
    role: Mapped[str]
    email: Mapped[str]
    salutation: Mapped[str] = mapped_column(server_default="")
    """How a letter opens, without the colon; ``{holder}`` and ``{surname}`` are those of the day of delivery.

    When the office is vacant the placeholder and the space before it go, and the role stands there where nothing but a
    greeting is left; an empty one is "Dear" and the role.
    """
    channel: Mapped[str] = mapped_column(server_default="email")
    timezone: Mapped[str] = mapped_column(server_default="America/New_York")
    opens: Mapped[time]
    closes: Mapped[time]
    days: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """Office days as ISO numbers, Monday 1 to Sunday 7."""
    per_hour: Mapped[int | None] = mapped_column(Integer)
    """Letters an hour at most; None is no limit."""
    digest_at: Mapped[time | None]
    """When its daily digest leaves, in its own time; None is the usual hour (campaign.offices.digest_plan)."""
    paused: Mapped[bool] = mapped_column(Boolean, server_default="false")
    paused_reason: Mapped[str] = mapped_column(server_default="")
    retired_at: Mapped[Moment | None]
    """Since when the office is no more: it is paused then, and no campaign can choose it."""
    released_until: Mapped[Moment | None]
    """The drip's own clock: every slot up to this time has been given out."""
    digested_until: Mapped[Moment | None]
    """The digests' own clock: those up to this time have been begun, or had no letter."""
    checked_on: Mapped[date | None]
    checked_by: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Moment]


class Holder(db.Model):
    """The person who holds an office from ``since`` until (not including) ``until``."""

    __tablename__ = "holder"
    __table_args__ = (UniqueConstraint("target_id", "since"),)

    id: Mapped[Id]
    target_id: Mapped[int] = mapped_column(reference("target", ondelete="CASCADE"))
    name: Mapped[str]
    since: Mapped[date]
    until: Mapped[date | None]


class CampaignTarget(db.Model):
    """An office that a campaign's letters go to, in the order that pages list them."""

    __tablename__ = "campaign_target"

    campaign_id: Mapped[int] = mapped_column(BigInteger, reference("campaign"), primary_key=True)
    target_id: Mapped[int] = mapped_column(BigInteger, reference("target"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    petition_id: Mapped[int | None] = mapped_column(reference("petition", ondelete="SET NULL"))
    """The petition on which letters to this office bear; None is the campaign's petition to its agency, if there is one."""
    urgent: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether this campaign's letters leave before those of others to the same office."""


class TargetChange(db.Model):
    """What someone changed in an office's entry."""

    __tablename__ = "target_change"
    __table_args__ = (Index("ix_target_change_target_id", "target_id", "id"),)

    id: Mapped[Id]
    target_id: Mapped[int] = mapped_column(reference("target", ondelete="CASCADE"))
    at: Mapped[Moment]
    by: Mapped[str]
    what: Mapped[str]
    """The field, or ``made``, ``holder``, ``holder removed``, ``checked``, ``paused``, ``resumed``, ``retired``, ``brought back``."""
    old: Mapped[str] = mapped_column(server_default="")
    new: Mapped[str] = mapped_column(server_default="")
