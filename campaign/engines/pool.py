"""Kept database connections: asked whether they live once they have rested, and what they may prepare.

SQLAlchemy's own pool_pre_ping asks before every use, a round trip each time; one that was good a moment ago is good.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from campaign.engines import turns

RESTED = 0.5
"""Seconds after which a connection is asked again."""


ONLY_WHERE_ASKED = 1 << 30
"""psycopg's prepare_threshold: statements are prepared where the caller says so, and nowhere by themselves."""


def watch(engine: Engine) -> None:
    """Asks rested connections of this engine's pool before they are used, and replaces those that do not answer."""

    def connected(connection: Any, _: Any) -> None:
        connection.prepare_threshold = ONLY_WHERE_ASKED if _is_direct(connection) else None

    def checked_in(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def checked_out(connection: Any, record: Any, _: Any) -> None:
        if connection.closed:
            raise DisconnectionError
        if time.monotonic() - record.info.get("used", 0.0) < RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    def connects(_: Any, __: Any, args: Any, options: Any) -> Any:
        return turns.Connection.connect(*args, **options)

    event.listen(engine, "do_connect", connects)
    event.listen(engine, "connect", connected)
    event.listen(engine, "checkin", checked_in)
    event.listen(engine, "checkout", checked_out)


def _is_direct(connection: Any) -> bool:
    """Whether no transaction-pooling pgbouncer stands between: it would give the next statement to another session.

    A pooler greets with a process number of its own, PostgreSQL with that of the session.
    """
    connection.autocommit = True
    with connection.cursor() as cursor:
        [theirs] = cursor.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return bool(theirs == connection.info.backend_pid)
