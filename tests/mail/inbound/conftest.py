"""Messages that left, and doors through which something comes back about them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from flask import Flask

from campaign.mail import ledger

DOMAIN = "in.coalition.example"


@pytest.fixture
def receiving_app(app: Flask) -> Iterator[Flask]:
    """The application in a context, with an inbound domain."""
    before = dict(app.config)
    app.config.update(
        MAIL_INBOUND_DOMAIN=DOMAIN, MAIL_DEFAULT_SENDER="Coalition <us@coalition.example>"
    )
    with app.app_context():
        yield app
    app.config.clear()
    app.config.update(before)


class Sent(NamedTuple):
    """A message in the ledger."""

    id: int
    message_id: str
    bounce: str
    address: str


@pytest.fixture
def sent(receiving_app: Flask, sql: Callable[..., list[tuple[str, ...]]]) -> Callable[..., Sent]:
    """Has a message in the ledger that a server took: ``sent("alerts", "ana@there.example")``."""
    from campaign.extensions import db
    from campaign.mail import verp

    units = iter(range(1, 1000))

    def make(
        stream: str = "alerts", to: str = "ana@there.example", state: str = "sent", **more: object
    ) -> Sent:
        values = {"origin": "test", "origin_id": 7, "unit_id": next(units), **more}
        draft = ledger.Draft(to_address=to, language="en", **values)  # type: ignore[arg-type]  # a test's own fields
        (number,) = ledger.enqueue(stream, [draft])
        db.session.commit()
        sql("UPDATE message SET state = %s, finished_at = now() WHERE id = %s", state, number)
        ((message_id,),) = sql("SELECT message_id FROM message WHERE id = %s", number)
        bounce = verp.address(verp.BOUNCE, number)
        assert bounce
        return Sent(number, message_id, bounce, to)

    return make


@pytest.fixture
def suppressed(sql: Callable[..., list[tuple[str, ...]]]) -> Callable[[], list[tuple[str, ...]]]:
    """The active suppressions (address, scope, reason)."""
    query = "SELECT address, scope, reason FROM suppression WHERE lifted_at IS NULL ORDER BY 1, 2"
    return lambda: sql(query)


@pytest.fixture
def counted(sql: Callable[..., list[tuple[str, int]]]) -> Callable[[], dict[str, int]]:
    """What the journal says came in, by kind."""
    query = (
        "SELECT substr(name, 9), sum(delta)::int FROM journal "
        "WHERE starts_with(name, 'inbound.') GROUP BY 1"
    )
    return lambda: dict(sql(query))


@pytest.fixture
def doors(receiving_app: Flask) -> Iterator[tuple[int, int]]:
    """The ports of a running SMTP and LMTP door."""
    from campaign.mail.inbound import door

    receiving_app.config.update(
        MAIL_INBOUND_SMTP=("127.0.0.1", 0), MAIL_INBOUND_LMTP=("127.0.0.1", 0)
    )
    loop = asyncio.new_event_loop()
    stop, opened = asyncio.Event(), threading.Event()
    places: list[str] = []

    def ready(told: list[str]) -> None:
        places.extend(told)
        opened.set()

    def run() -> None:
        loop.run_until_complete(door.serve(receiving_app, stop, ready))

    thread = threading.Thread(target=run)
    thread.start()
    assert opened.wait(10)
    smtp, lmtp = (int(place.rpartition(":")[2]) for place in places)
    yield smtp, lmtp
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
