"""The journal of what happened, and the counters that are folded from it."""

from datetime import date

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaign.columns import Id, Moment
from campaign.extensions import db

WHOLE_SITE = 0
"""The campaign number of what belongs to no campaign."""

ALL_DAYS = date(1, 1, 1)
"""The day under which a counter keeps its total."""


class JournalEntry(db.Model):
    """Something that changed a number: written in the transaction that changed it, never altered."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_unfolded", "id", postgresql_where=text("folded_at IS NULL")),
    )

    id: Mapped[Id]
    at: Mapped[Moment]
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    part: Mapped[str] = mapped_column(server_default="")
    delta: Mapped[int] = mapped_column(Integer)
    folded_at: Mapped[Moment | None]


class Counter(db.Model):
    """A number as of the last fold: one row for the total (day 0001-01-01) and one for each UTC day."""

    __tablename__ = "counter"
    __table_args__ = (
        Index(
            "ix_counter_totals",
            "name",
            "campaign_id",
            postgresql_where=text(f"day = '{ALL_DAYS.isoformat()}'"),
        ),
        Index(
            "ix_counter_parts",
            "name",
            "part",
            postgresql_where=text(f"day = '{ALL_DAYS.isoformat()}'"),
        ),
        Index("ix_counter_days", "name", "day"),
    )

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(collation="C"), primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
