"""Short questions to the engines, each answered within a second or two."""

import socket
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from campaign.clock import utcnow
from campaign.engines import processes, tables
from campaign.extensions import db, rq
from campaign.mail.wake import SWEPT


def connection() -> Redis:
    """The connection to Valkey that RQ uses."""
    return next(iter(rq.queues.values())).connection


def postgresql() -> bool:
    """Whether the database answers."""
    try:
        db.session.execute(text("SELECT 1"))
        return True
    except (DBAPIError, SQLAlchemyError):
        db.session.rollback()
        return False


def valkey() -> bool:
    """Whether Valkey answers."""
    try:
        return bool(connection().ping())
    except (RedisError, OSError):
        return False


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there, seen from this machine."""
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


def migrations_current() -> bool:
    """Whether the tables are those of this version."""
    return tables.at_migration() == tables.head()


def queues() -> dict[str, int] | None:
    """The length of each queue; None while Valkey is away."""
    try:
        return {name: queue.count for name, queue in rq.queues.items()}
    except (RedisError, OSError):
        return None


def workers() -> int:
    """How many workers are alive, by what they last told Valkey; 0 while it is away.

    One that was killed does not sign off: on this machine we see that its process is gone, of another machine's
    we know after two minutes without a word.
    """
    from rq import Worker

    try:
        found = Worker.all(connection=connection())
    except (RedisError, OSError):
        return 0
    now = utcnow()
    return sum(
        _age(worker.last_heartbeat, now) < 120 and not processes.is_gone(worker.name)
        for worker in found
    )


def swept_s() -> float | None:
    """Seconds since the last sweep; None where there was none, or while Valkey is away."""
    try:
        found: Any = connection().get(SWEPT)
    except (RedisError, OSError):
        return None
    if not found:
        return None
    return max(0.0, utcnow().timestamp() - float(found))


def _age(at: datetime | None, now: datetime) -> float:
    if at is None:
        return float("inf")
    if at.tzinfo is None:
        at = at.replace(tzinfo=now.tzinfo)
    return (now - at).total_seconds()
