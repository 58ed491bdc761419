"""Staff: who may sign in to the desk, and as what."""

from flask_security import RoleMixin, UserMixin
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaign.columns import Id, Moment, reference
from campaign.extensions import db

ROLES = ("administrator", "organizer", "lead")

user_role = Table(
    "user_role",
    db.metadata,
    Column("user_id", BigInteger, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", BigInteger, ForeignKey("role.id"), primary_key=True),
)


class Role(db.Model, RoleMixin):
    """One of ROLES."""

    __tablename__ = "role"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)


class User(db.Model, UserMixin):
    """A member of staff; a lead belongs to one organization, and sees what is that organization's."""

    __tablename__ = "user"
    __table_args__ = (Index("uq_user_email_lower", func.lower(Column("email")), unique=True),)

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str] = mapped_column(server_default="en")
    organization_id: Mapped[int | None] = mapped_column(reference("organization"))
    created_at: Mapped[Moment]
    last_seen_at: Mapped[Moment | None]
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="joined")  # type: ignore[assignment]  # a narrower list than the library's

    @property
    def role(self) -> str:
        """The user's role by name; an account has exactly one."""
        return self.roles[0].name if self.roles else ""
