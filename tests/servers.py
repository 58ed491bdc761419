"""The engines of a test run: embedded and temporary, or those that DATABASE_URL and REDIS_URL name."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import make_url


class Urls(NamedTuple):
    """A database and a Valkey database."""

    database_url: str
    redis_url: str

    def libpq(self) -> str:
        """The database's address as psycopg itself takes it."""
        return self.database_url.replace("postgresql+psycopg://", "postgresql://")

    def named(self, database: str) -> "Urls":
        """The same server, another database."""
        url = make_url(self.database_url).set(database=database)
        return self._replace(database_url=url.render_as_string(hide_password=False))


class Engines:
    """Starts the servers when first asked for them, and makes the migrated template."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._urls: Urls | None = None

    def urls(self) -> Urls:
        """Where the template is, and the Valkey server."""
        if self._urls is None:
            base = self._servers()
            self._urls = base.named(f"campaign_test_{os.getpid()}")
            _create(self._urls)
            self._stack.callback(_drop, self._urls)
            _migrate(self._urls)
        return self._urls

    def _servers(self) -> Urls:
        if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
            return Urls(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
        from campaign import engines

        return Urls(*self._stack.enter_context(engines.temporary()))

    def stop(self) -> None:
        """Stops what was started."""
        self._stack.close()


KEY = pytest.StashKey[Engines]()


def _admin(urls: Urls) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(urls.named("postgres").libpq(), autocommit=True)


def _name(urls: Urls) -> str:
    return str(make_url(urls.database_url).database)


def _create(urls: Urls, template: str = "template1") -> None:
    with contextlib.closing(_admin(urls)) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(_name(urls)), sql.Identifier(template)
            )
        )


def _drop(urls: Urls) -> None:
    with contextlib.closing(_admin(urls)) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name(urls)))
        )


def _migrate(urls: Urls) -> None:
    from campaign import config, create_app
    from campaign.cli import database
    from campaign.extensions import db

    environment = {
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "SECRET_KEY": "only for tests",
    }
    app = create_app(config.load(environment))
    with app.app_context():
        database.upgrade()
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def worker_database(template: Urls, number: int) -> Iterator[Urls]:
    """A database of the worker's own, copied from the template, and one of Valkey's numbered databases."""
    mine = template.named(f"{_name(template)}_{number}")
    redis_url = template.redis_url
    if redis_url.startswith("unix:"):
        redis_url = f"{redis_url.partition('?')[0]}?db={number}"
    else:
        redis_url = (
            f"{redis_url.rpartition('/')[0] if redis_url.count('/') > 2 else redis_url}/{number}"
        )
    mine = mine._replace(redis_url=redis_url)
    _drop(mine)
    _create(mine, _name(template))
    try:
        yield mine
    finally:
        _drop(mine)


_TABLES = """
SELECT quote_ident(relname) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
_SEQUENCES = """
SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
# Cutting every table off takes some 70 ms, most tests fill a few tables with a few rows: those are deleted.
# A table that has grown is cut off, because dead rows would slow down the tests that follow; so is each where a
# server of one's own gives no superuser, who alone may delete without regard to what refers to what.
_EMPTY = """
DO $$
DECLARE
  name text; size bigint; used boolean; large text[] := '{}';
BEGIN
  FOR name, size IN
    SELECT quote_ident(relname), pg_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
  LOOP
    CONTINUE WHEN size = 0;
    IF size > 400000 OR NOT current_setting('is_superuser')::boolean THEN
      large := large || name;
      CONTINUE;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', name) INTO used;
    IF used THEN
      EXECUTE format('DELETE FROM %s', name);
    END IF;
  END LOOP;
  IF large <> '{}' THEN
    EXECUTE format('TRUNCATE %s CASCADE', array_to_string(large, ', '));
  END IF;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


class Emptier:
    """Empties a database and a Valkey database after each test, over connections that it keeps.

    PostgreSQL's backend then knows the tables already; one that is new each time needs five times as long.
    """

    def __init__(self, urls: Urls) -> None:
        self.urls = urls
        self._valkey = redis.Redis.from_url(urls.redis_url)
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection, opened again where a test has broken it."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.urls.libpq(), autocommit=True)
            # A transaction that a test left open should fail the next one, not hang the run.
            self._connection.execute("SET lock_timeout = '20s'")
            if self.is_superuser:
                # Tables that refer to each other can then be emptied, and filled again, in any order.
                self._connection.execute("SET session_replication_role = replica")
        return self._connection

    @property
    def is_superuser(self) -> bool:
        """Whether the server lets us disregard what refers to what."""
        return self.connection.info.parameter_status("is_superuser") == "on"

    def empty(self) -> None:
        """Empties every table and the Valkey database, for the next test."""
        try:
            self.connection.execute(_EMPTY)
        except psycopg.errors.LockNotAvailable:
            raise
        except psycopg.OperationalError:  # a test has ended all connections
            self.connection.close()
            self.connection.execute(_EMPTY)
        self._valkey.flushdb()

    def close(self) -> None:
        """Gives the connections back."""
        self._valkey.close()
        if self._connection is not None:
            self._connection.close()


class Rows:
    """All rows of a database as they were once, to be put back into empty tables."""

    def __init__(self, emptier: Emptier) -> None:
        self._emptier = emptier
        connection = emptier.connection
        self._tables: dict[str, bytes] = {}
        for (name,) in connection.execute(_TABLES).fetchall():
            if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone() == (True,):
                with connection.cursor().copy(f"COPY {name} TO STDOUT (FORMAT binary)") as copy:
                    self._tables[name] = b"".join(map(bytes, copy))
        self._sequences = connection.execute(_SEQUENCES).fetchall()

    def put_back(self) -> None:
        """Fills the tables with what was in them."""
        with self._emptier.connection.transaction(), self._emptier.connection.cursor() as cursor:
            for name, rows in self._tables.items():
                with cursor.copy(f"COPY {name} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(rows)
            cursor.executemany("SELECT setval(%s::regclass, %s)", self._sequences)
