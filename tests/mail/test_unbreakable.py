"""Stops, and clocks that jump: nothing is lost, nothing waits for another day."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from campaign.engines import stopping
from campaign.mail import answers, jobs, leases, talks
from campaign.mail.answers import Answer, Patience
from campaign.mail.streams import STREAMS
from tests.mail.server import SmtpServer

Queue = Callable[..., list[int]]
Rows = Callable[[], dict[str, int]]


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """One kind of server."""
    server = SmtpServer()
    yield server
    server.close()


def test_a_stop_finishes_what_is_in_flight_and_gives_the_rest_back(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(step: str, recipient: str) -> None:
        if step == "dot":
            time.sleep(0.01)
            if len(live.got) == 40:
                monkeypatch.setattr(stopping, "_requested", True)

    live.script = script
    queue("alerts", 380)
    start = time.monotonic()
    jobs.deliver("alerts")
    assert time.monotonic() - start < 10
    found = rows()
    assert found.keys() == {"sent", "queued"}
    assert 40 <= found["sent"] == len(live.got) <= 40 + 2 * STREAMS["alerts"].lanes
    assert sql("SELECT max(attempts) FROM message WHERE state = 'queued'") == [(0,)]


def test_a_stop_does_not_wait_for_a_server_that_hangs(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talks, "STOPPING_S", 0.5)
    wakes = threading.Event()

    def script(step: str, recipient: str) -> None:
        if step == "dot" and recipient.startswith("r3@"):
            monkeypatch.setattr(stopping, "_requested", True)
            wakes.wait(8)

    live.script = script
    queue("alerts", 20)
    start = time.monotonic()
    jobs.deliver("alerts")
    assert time.monotonic() - start < 6
    wakes.set()
    found = rows()
    assert found.pop("uncertain") == 1
    assert found["queued"] and sum(found.values()) == 19
    assert found["sent"] == len(live.got) - 1


def test_a_clock_that_was_ahead_leaves_nothing_for_another_day(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    live.script = lambda step, recipient: "451 4.2.0 later" if step == "rcpt" else None
    with time_machine.travel(datetime.now(UTC) + timedelta(days=30)):
        queue("alerts", 2)
        jobs.deliver("alerts")
        queue("alerts", 3, first=11)
    live.script = lambda step, recipient: None
    assert rows() == {"deferred": 2, "queued": 3}
    assert jobs.deliver("alerts") == 0
    assert leases.mend_clocks() == 5
    jobs.deliver("alerts")
    assert rows() == {"sent": 5}
    queue("letters", 1, first=21, due=datetime.now(UTC) + timedelta(days=2))
    assert leases.mend_clocks() == 0


def test_a_clock_that_jumps_ahead_ends_nothing_that_was_tried_once() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    later = first + timedelta(days=400)
    verdict = answers.judge(Answer(451, None, "later", None), Patience(), 2, first, later)
    assert verdict.state == "deferred"


def test_a_dead_senders_lease_from_the_future_is_taken_back(
    live: SmtpServer, engine: Flask, queue: Queue, rows: Rows, sql: Any
) -> None:
    queue("alerts", 4)
    leases.claim(STREAMS["alerts"])
    sql("UPDATE message SET lease_expires_at = now() + interval '3 days'")
    jobs.sweep()
    assert rows() == {"queued": 4}
