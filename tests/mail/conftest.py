"""Fixtures of the mail engine's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from campaign.mail import compose, ledger, recovering
from campaign.mail.compose import Rendered
from campaign.mail.states import Row
from campaign.mail.streams import STREAMS
from tests.mail.server import SmtpServer

# The fixtures of these names.
Queue = Callable[..., list[int]]
Rows = Callable[[], dict[str, int]]
Sql = Callable[..., list[Any]]

ONE_KIND_OF_SERVER = pytest.mark.parametrize("server", ["pipelining"], indirect=True)
"""For a module whose tests are about what knows nothing of PIPELINING."""


def render(rows: list[Row]) -> list[Rendered | compose.Skip]:
    """What the tests' messages say; ``data`` may say otherwise."""
    return [
        Rendered(
            **{
                "subject": f"Hello {row.unit_id}",
                "text": "Dear friend,\n.\nbye",
                **(row.data or {}),
            }
        )
        for row in rows
    ]


@pytest.fixture(autouse=True)
def steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sweep believes the database's clock; else it would watch it for 40 seconds."""
    monkeypatch.setattr(recovering, "STEADY_S", 0)


@pytest.fixture(params=["pipelining", "plain"])
def server(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    """An SMTP server, once with PIPELINING and once without."""
    server = SmtpServer()
    if request.param == "plain":
        server.extensions = ("SMTPUTF8", "8BITMIME")
    yield server
    server.close()


def on_their_way(stream: str) -> int:
    """Messages that one sender of a stream has on its connections at once, at most."""
    return STREAMS[stream].group * STREAMS[stream].lanes


def one_server() -> Iterator[SmtpServer]:
    """An SMTP server of one kind, for modules some of whose tests need it: ``server = pytest.fixture(one_server)``."""
    server = SmtpServer()
    yield server
    server.close()


@pytest.fixture
def engine(app: Flask) -> Iterator[Flask]:
    """The application in a context, with a renderer for the origin "test"."""
    from campaign.mail import states

    compose.register_origin("test", render)
    with app.app_context():
        yield app
    states._listeners.pop("test", None)


@pytest.fixture
def live(engine: Flask, server: SmtpServer) -> Iterator[SmtpServer]:
    """Live delivery to ``server``."""
    from campaign.extensions import db
    from campaign.mail import settings

    before = dict(engine.config)
    engine.config.update(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=server.port,
        MAIL_USE_TLS=False,
        MAIL_USE_SSL=False,
        MAIL_USERNAME=None,
        MAIL_DEFAULT_SENDER="Coalition <us@coalition.example>",
    )
    settings.set_delivery("live", by="test")
    db.session.commit()
    yield server
    engine.config.clear()
    engine.config.update(before)


@pytest.fixture
def queue(engine: Flask) -> Callable[..., list[int]]:
    """Queues messages: ``queue("alerts", 40)``; returns their row numbers."""
    from campaign.extensions import db

    def run(stream: str, n: int = 1, first: int = 1, **more: object) -> list[int]:
        drafts = [
            ledger.Draft(
                **{  # type: ignore[arg-type]  # a test's own choice of fields
                    "origin": "test",
                    "origin_id": 7,
                    "unit_id": i,
                    "to_address": f"r{i}@there.example",
                    "language": "en",
                    **more,
                }
            )
            for i in range(first, first + n)
        ]
        ids = ledger.enqueue(stream, drafts)
        db.session.commit()
        return ids

    return run


@pytest.fixture
def rows(sql: Callable[..., list[tuple[object, ...]]]) -> Callable[[], dict[str, int]]:
    """How many messages are in each state, read from outside."""

    def run() -> dict[str, int]:
        return dict(sql("SELECT state, count(*) FROM message GROUP BY 1"))  # type: ignore[arg-type]  # rows are pairs

    return run
