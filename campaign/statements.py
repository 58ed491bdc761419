"""Statements that are written out because a flood waits for them: each is its own transaction and one round trip.

No BEGIN, no COMMIT, no session: the database commits a single statement by itself, all of it or nothing.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError

from campaign.extensions import db

ALONE = {"isolation_level": "AUTOCOMMIT"}


class Statement:
    """One SQL statement with :names; harmless when it runs twice, as it does where a connection broke under it."""

    def __init__(self, sql: str) -> None:
        self._text = sql

    @cached_property
    def _sql(self) -> str:
        return str(text(self._text).compile(dialect=psycopg.dialect()))

    def first(self, values: Mapping[str, Any]) -> Row[Any] | None:
        """Runs it, committed, and returns the first row of its answer."""
        try:
            return self._run(values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._run(values)

    def _run(self, values: Mapping[str, Any]) -> Row[Any] | None:
        connection: Connection
        with db.engine.connect() as connection:
            alone = connection.execution_options(**ALONE)
            return alone.exec_driver_sql(self._sql, dict(values)).first()
