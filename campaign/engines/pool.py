"""Kept database connections are asked whether they live only after they have rested.

SQLAlchemy's own pool_pre_ping asks before every use, a round trip each time; one that was good a moment ago is good.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

RESTED = 0.5
"""Seconds after which a connection is asked again."""


def watch(engine: Engine) -> None:
    """Asks rested connections of this engine's pool before they are used, and replaces those that do not answer."""

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

    event.listen(engine, "checkin", checked_in)
    event.listen(engine, "checkout", checked_out)
