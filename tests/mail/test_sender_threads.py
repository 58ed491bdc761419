"""A sender's three threads: what goes wrong in one of them, or comes between two, loses and repeats nothing."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from campaign.extensions import db
from campaign.mail import compose, jobs, orders
from campaign.mail.compose import Rendered
from campaign.mail.states import Row
from campaign.mail.streams import STREAMS
from tests.mail.conftest import render
from tests.mail.server import SmtpServer

Queue = Callable[..., list[int]]
Rows = Callable[[], dict[str, int]]


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """One kind of server."""
    server = SmtpServer()
    yield server
    server.close()


@pytest.fixture
def small_claims(monkeypatch: pytest.MonkeyPatch) -> int:
    """Alerts are claimed so many at a time."""
    monkeypatch.setitem(STREAMS, "alerts", replace(STREAMS["alerts"], claim=40))
    return 40


def test_an_order_that_comes_while_a_batch_is_rendered(
    live: SmtpServer, queue: Queue, rows: Rows, small_claims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Semaphore(0)
    latest = orders.latest

    def look() -> Any:
        found = latest()
        looked.release()
        return found

    def order_in_the_middle(messages: list[Row]) -> list[Rendered | compose.Skip]:
        if live.got:
            orders.pause("test", 7, by="someone")
            db.session.commit()
            while looked.acquire(blocking=False):
                pass
            for _ in range(2):  # one look may have begun before
                assert looked.acquire(timeout=10)
        return render(messages)

    live.script = lambda step, recipient: None
    monkeypatch.setattr(orders, "latest", look)
    compose.register_origin("test", order_in_the_middle)
    queue("alerts", 2 * small_claims + 10)
    jobs.deliver("alerts")
    assert len(live.got) == small_claims
    assert rows() == {"sent": small_claims, "held": small_claims + 10}
