"""Whether an error means that an engine is away, and not that something is wrong with what we asked; what follows from each."""

import contextlib
import logging
from collections.abc import Callable
from typing import TypeVar

import psycopg
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InvalidRequestError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from campaign.extensions import db

log = logging.getLogger(__name__)
T = TypeVar("T")


def is_away(error: BaseException | None) -> bool:
    """True for lost or refused connections to PostgreSQL, and for all that Valkey's client raises."""
    if isinstance(error, (RedisError, OperationalError, psycopg.OperationalError, PoolTimeout)):
        return True
    if isinstance(error, InvalidRequestError):
        # SQLAlchemy's pool, when even new connections are closed: a pgbouncer whose server is away does that.
        return "connection is closed" in str(error)
    return isinstance(error, DBAPIError) and error.connection_invalidated


def roll_back() -> None:
    """Ends the session's transaction after an error, also on a connection that turns out to be dead only now."""
    with contextlib.suppress(Exception):  # the session is in order again all the same
        db.session.rollback()


def apart(what: str, work: Callable[[], T]) -> T | None:
    """Does one of several things, of which none may keep the others back: where it goes wrong the log says so, and of ``what``.

    Raises where an engine is away: then the others would go wrong, too.
    """
    try:
        return work()
    except Exception as error:
        roll_back()
        if is_away(error):
            raise
        log.exception("%s went wrong, and the others go on", what)
        return None
