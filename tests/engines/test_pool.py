"""Statements are prepared on a session of one's own only: behind a pooler the next one may run in another session."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import sqlalchemy
from flask import Flask
from sqlalchemy import make_url

from campaign.engines import pool
from campaign.extensions import db

PREPARED = sqlalchemy.text("SELECT count(*) FROM pg_prepared_statements")


def test_what_asks_for_it_is_prepared_on_a_session_of_ones_own(app: Flask) -> None:
    with app.app_context():
        assert _prepared(db.engine.url) == 1


def test_behind_a_pooler_nothing_is_prepared(app: Flask) -> None:
    with app.app_context(), _pooler(db.engine.url) as url:
        assert _prepared(url) == 0


def _prepared(url: sqlalchemy.URL) -> int:
    """How many statements a new session has prepared after one that asks for it and one that does not."""
    engine = sqlalchemy.create_engine(url)
    pool.watch(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("SELECT 1", prepare=True)
        driver.execute("SELECT 2")
        found: int = connection.execute(PREPARED).scalar_one()
    engine.dispose()
    return found


@contextlib.contextmanager
def _pooler(url: sqlalchemy.URL) -> Iterator[sqlalchemy.URL]:
    """Stands between like pgbouncer, which greets with a process number of its own (BackendKeyData)."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, url), daemon=True).start()
        host, port = listening.getsockname()
        yield url.set(host=host, port=port, query={"sslmode": "disable", "gssencmode": "disable"})


def _serve(listening: socket.socket, url: sqlalchemy.URL) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            server = _database(url)
            threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
            threading.Thread(target=_answer, args=(server, client), daemon=True).start()


def _database(url: sqlalchemy.URL) -> socket.socket:
    where = make_url(url)
    host, port = where.host or str(where.query.get("host", "")), where.port or 5432
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{where.query.get('port', port)}")
        return server
    return socket.create_connection((host, port))


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def _answer(server: socket.socket, client: socket.socket) -> None:
    """Message by message, with another process number in the greeting."""
    with contextlib.suppress(OSError), server.makefile("rb") as answers:
        while head := answers.read(5):
            [length] = struct.unpack(">I", head[1:])
            body = answers.read(length - 4)
            if head[:1] == b"K":
                body = struct.pack(">I", 7) + body[4:]
            client.sendall(head + body)
