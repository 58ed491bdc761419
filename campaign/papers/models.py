"""Letters that reach an office together, and the files in which they are filed in a docket."""

from datetime import date

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, deferred, mapped_column

from campaign.columns import Id, Moment, one_of, reference
from campaign.extensions import db

BUNDLE_STATES = (
    "making",  # a job writes the PDF
    "ready",  # the PDF is there
    "broken",  # the PDF could not be made; the letters wait again
    "queued",  # a digest that the mail engine has
    "sent",  # a digest that the office's mail server accepted
    "failed",  # a digest that it refused
    "handed",  # a packet that a person handed over
    "undone",  # taken apart before it left; the letters wait again
)


class Bundle(db.Model):
    """Letters that reach an office together: a day's digest by mail, or a packet on paper for delivery by hand."""

    __tablename__ = "bundle"
    __table_args__ = (
        one_of("kind", ("digest", "packet")),
        one_of("state", BUNDLE_STATES),
        Index("ix_bundle_target_id", "target_id", "id"),
        Index(
            "uq_bundle_digest_a_day",
            "target_id",
            "campaign_id",
            "day",
            "piece",
            unique=True,
            postgresql_where=text("kind = 'digest' AND state <> 'undone'"),
        ),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    target_id: Mapped[int] = mapped_column(reference("target"))
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    state: Mapped[str]
    day: Mapped[date]
    """The office's day on which it was put together."""
    piece: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    pieces: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    """How many there are of a packet that is too large for one PDF."""
    letters: Mapped[int] = mapped_column(Integer, server_default="0")
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    """Letters set so far, for the progress bar."""
    pages: Mapped[int] = mapped_column(Integer, server_default="0")
    problem: Mapped[str] = mapped_column(server_default="")
    content: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    created_at: Mapped[Moment]
    """The same for all pieces of a packet."""
    created_by: Mapped[str] = mapped_column(server_default="")
    handed_on: Mapped[date | None]
    handed_by: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")


FILING_STATES = (
    "making",  # a job writes the files
    "ready",  # they can be downloaded
    "broken",  # they could not be made
)


class Filing(db.Model):
    """A campaign's letters as the mass comments of a docket, in the layout in which they are filed."""

    __tablename__ = "filing"
    __table_args__ = (
        one_of("layout", ("pdf", "zip")),
        one_of("state", FILING_STATES),
        Index("ix_filing_petition_id", "petition_id", "id"),
        Index("ix_filing_making", "id", postgresql_where=text("state = 'making'")),
    )

    id: Mapped[Id]
    petition_id: Mapped[int] = mapped_column(reference("petition"))
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    layout: Mapped[str]
    state: Mapped[str]
    upto: Mapped[int] = mapped_column(BigInteger)
    """The newest letter that belongs to it."""
    letters: Mapped[int] = mapped_column(Integer, server_default="0")
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    """Letters written so far, for the progress bar."""
    alone: Mapped[int] = mapped_column(Integer, server_default="0")
    """Letters that nearly no other resembles."""
    forms: Mapped[int] = mapped_column(Integer, server_default="0")
    """Letters in groups of near-identical ones."""
    groups: Mapped[int] = mapped_column(Integer, server_default="0")
    misfits: Mapped[int] = mapped_column(Integer, server_default="0")
    """Letters of which something does not fit the agency's form."""
    problem: Mapped[str] = mapped_column(server_default="")
    leased_until: Mapped[Moment | None]
    """Until then a job is at it; after that another one begins again."""
    created_at: Mapped[Moment]
    created_by: Mapped[str] = mapped_column(server_default="")
    finished_at: Mapped[Moment | None]


class _OfFiling:
    """A row that goes when its filing goes."""

    id: Mapped[Id]
    filing_id: Mapped[int] = mapped_column(reference("filing", ondelete="CASCADE"))


class FilingPart(_OfFiling, db.Model):
    """A megabyte of one of a filing's files, so that neither the job nor a download holds a file whole."""

    __tablename__ = "filing_part"
    __table_args__ = (UniqueConstraint("filing_id", "file", "number"),)

    file: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str]
    number: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary))


class FilingMisfit(_OfFiling, db.Model):
    """One field of one letter that does not fit the agency's form, named row by row."""

    __tablename__ = "filing_misfit"
    __table_args__ = (Index("ix_filing_misfit_filing_id", "filing_id", "id"),)

    row: Mapped[int] = mapped_column(Integer)
    letter_id: Mapped[int] = mapped_column(BigInteger)
    field: Mapped[str]
    why: Mapped[str]
