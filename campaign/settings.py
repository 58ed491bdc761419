"""What staff can change while the site runs: one row a setting, written by the desk and the command line."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from campaign.clock import utcnow
from campaign.columns import Moment
from campaign.extensions import db


class Setting(db.Model):
    """A named value; who changed it last and when."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    changed_at: Mapped[Moment]
    changed_by: Mapped[str]


def get(key: str, default: Any = None) -> Any:
    """The setting's value, or ``default`` where nobody has set it."""
    row = db.session.execute(select(Setting.value).where(Setting.key == key)).first()
    return default if row is None else row[0]


def put(key: str, value: Any, by: str) -> None:
    """Sets ``key`` in the caller's transaction; ``by`` says which person or command did."""
    values = {"value": value, "changed_at": utcnow(), "changed_by": by}
    db.session.execute(
        insert(Setting)
        .values(key=key, **values)
        .on_conflict_do_update(index_elements=[Setting.key], set_=values)
    )
