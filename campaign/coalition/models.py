"""The coalition's organizations, its campaigns, and the news of each campaign."""

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship
from sqlalchemy.types import Text

from campaign.columns import Id, Moment, Texts, one_of, reference
from campaign.extensions import db

KINDS = ("national", "state", "local", "international", "academic", "individual")
"""The kinds of an organization or expert, in the order in which pages list them."""


class Organization(db.Model):
    """A member of the coalition, or one that endorses; an expert who endorses alone has kind ``individual``."""

    __tablename__ = "organization"
    __table_args__ = (one_of("kind", KINDS),)

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    website: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="US")
    contact_name: Mapped[str] = mapped_column(server_default="")
    contact_email: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Moment]


class Campaign(db.Model):
    """One cause with a public page, a goal, opening and closing dates, and languages.

    Title, tagline, summary and body (Markdown) are kept in every language of the campaign.
    """

    __tablename__ = "campaign"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    lead_organization_id: Mapped[int] = mapped_column(reference("organization"))
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    title: Mapped[Texts]
    tagline: Mapped[Texts]
    summary: Mapped[Texts]
    body: Mapped[Texts]
    notice: Mapped[Texts] = mapped_column(server_default=text("'{}'"))
    """A line that every page of the campaign shows, such as that it is a demonstration."""
    timezone: Mapped[str] = mapped_column(server_default="America/New_York")
    goal: Mapped[int] = mapped_column(Integer)
    opens_at: Mapped[Moment]
    closes_at: Mapped[Moment | None]
    accent: Mapped[str] = mapped_column(server_default="")
    published: Mapped[bool] = mapped_column(Boolean, server_default="true")
    rewrite_hours: Mapped[int] = mapped_column(Integer, server_default="24")
    """Hours during which a new letter replaces an unsent one; 0 forbids it."""
    created_at: Mapped[Moment]

    lead_organization: Mapped[Organization] = relationship(lazy="joined")


class Update(db.Model):
    """Dated news of a campaign: a press release, an agency's answer."""

    __tablename__ = "update"
    __table_args__ = (
        UniqueConstraint("campaign_id", "slug"),
        Index("ix_update_campaign_published", "campaign_id", "published_at"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    slug: Mapped[str]
    title: Mapped[Texts]
    body: Mapped[Texts]
    published_at: Mapped[Moment | None]
    """When it appears to the public; None is a draft."""


class Document(db.Model):
    """A file attached to a petition's version or history, or to an update; it lives here, so that one backup holds all."""

    __tablename__ = "document"
    __table_args__ = (
        Index("ix_document_petition_version_id", "petition_version_id"),
        Index("ix_document_update_id", "update_id"),
        Index("ix_document_petition_event_id", "petition_event_id"),
    )

    id: Mapped[Id]
    petition_version_id: Mapped[int | None] = mapped_column(reference("petition_version"))
    update_id: Mapped[int | None] = mapped_column(reference("update"))
    petition_event_id: Mapped[int | None] = mapped_column(reference("petition_event"))
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    language: Mapped[str] = mapped_column(server_default="")
    """The language it is written in; empty where that does not matter."""
    title: Mapped[Texts]
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str]
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary))


class SourceCode(db.Model):
    """A short code in a link that says which partner brought the supporter."""

    __tablename__ = "source_code"
    __table_args__ = (Index("ix_source_code_organization_id", "organization_id"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(BigInteger, reference("organization"))
    note: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Moment]
