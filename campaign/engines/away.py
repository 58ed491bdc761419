"""Whether an error means that an engine is away, and not that something is wrong with what we asked."""

import contextlib

import psycopg
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InvalidRequestError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from campaign.extensions import db


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
