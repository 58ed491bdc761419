"""Statements that are written out because a flood waits for them: each is its own transaction and one round trip.

No BEGIN, no COMMIT, no session: the database commits a single statement by itself, all of it or nothing. They go
straight to psycopg, on a connection of the shared pool.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import psycopg
from psycopg import RawCursor
from psycopg.rows import namedtuple_row
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError

from campaign.extensions import db


class Statement:
    """One SQL statement with :names; harmless when it runs twice, as it does where a connection broke under it."""

    def __init__(self, sql: str) -> None:
        self.sql = sql

    @cached_property
    def _numbered(self) -> tuple[bytes, Sequence[str]]:
        """With $1, $2 … and their names in order: psycopg reads a long statement's names anew each time, but not these."""
        compiled: Any = text(self.sql).compile(dialect=dialect(paramstyle="numeric_dollar"))
        return str(compiled).encode(), tuple(compiled.positiontup)

    def first(self, values: Mapping[str, Any]) -> Any:
        """The first row of its answer, or None."""
        return next(iter(self.rows(values)), None)

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        """Runs it, committed, and returns its answer. Raises DBAPIError as SQLAlchemy does."""
        try:
            return self.run(values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self.run(values)

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """``rows``, tried once."""
        try:
            pooled = db.engine.raw_connection()
        except psycopg.Error as error:
            raise _known(error, broken=False) from error
        connection: Any = pooled.driver_connection
        try:
            connection.autocommit = True
            sql, names = self._numbered
            with RawCursor(connection, row_factory=namedtuple_row) as cursor:
                # Planning it costs more than running it; where a pooler stands between, psycopg lets it be.
                found: list[Any] = cursor.execute(
                    sql, [values[name] for name in names], prepare=True
                ).fetchall()
                return found
        except psycopg.Error as error:
            broken = connection.closed
            if broken:
                pooled.invalidate()
            raise _known(error, broken) from error
        finally:
            if not connection.closed:
                connection.autocommit = False
            pooled.close()


def _known(error: psycopg.Error, broken: bool) -> Any:
    """The error as SQLAlchemy would raise it, which is what the pages for a database that is away look for."""
    return DBAPIError.instance(
        None,
        None,
        error,
        psycopg.Error,
        connection_invalidated=broken,
        dialect=db.engine.dialect,
    )
