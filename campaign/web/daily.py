"""A random key for each day, the same in all processes, forgotten once its day is over: what was hashed with it can then
be traced to nobody, also by whoever has SECRET_KEY.

It stands in PostgreSQL, since Valkey may be flushed at any time; a process reads it once a day.
"""

import hashlib
import hmac
import secrets
import time
from typing import NamedTuple

from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.settings import Setting

_EXTENSION = "campaign.daily"
_PREFIX = "day.key."
AWAY = 5.0
"""Seconds for which a database that did not answer is not asked again."""


class _Kept(NamedTuple):
    name: str
    key: str
    until: float
    """In the process's own time: after that it is asked for again."""


def key() -> str:
    """Today's key (UTC). While the database is away one of SECRET_KEY and the day stands in for it."""
    name = _PREFIX + utcnow().date().isoformat()
    kept: _Kept | None = current_app.extensions.get(_EXTENSION)
    if kept is None or kept.name != name or time.monotonic() > kept.until:
        kept = current_app.extensions[_EXTENSION] = _fetch(name)
    return kept.key


def _fetch(name: str) -> _Kept:
    try:
        # A transaction of its own, whatever the request has in hand.
        with db.engine.begin() as connection:
            now = utcnow()
            new = {"key": name, "value": secrets.token_hex(32), "changed_at": now, "changed_by": ""}
            connection.execute(insert(Setting).values(new).on_conflict_do_nothing())
            found = connection.scalar(select(Setting.value).where(Setting.key == name))
        return _Kept(name, str(found), float("inf"))
    except SQLAlchemyError:
        secret = str(current_app.config["SECRET_KEY"]).encode()
        stand_in = hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()
        return _Kept(name, stand_in, time.monotonic() + AWAY)


def forget_in_transaction() -> None:
    """Deletes the keys of days that are over; a day more, for clocks that differ."""
    yesterday = _PREFIX + utcnow().date().fromordinal(utcnow().toordinal() - 1).isoformat()
    db.session.execute(
        delete(Setting).where(
            Setting.key.startswith(_PREFIX, autoescape=True), Setting.key < yesterday
        )
    )
