"""Orders that are given in the very moment in which an earlier one, or a claim, is at the same messages."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from campaign.extensions import db
from campaign.mail import jobs, ledger, orders, states, suppressions
from tests.mail.conftest import Queue, Rows, one_server
from tests.mail.server import SmtpServer

server = pytest.fixture(one_server)


class Halfway:
    """Stops a thread's work at a call until :meth:`go_on`."""

    def __init__(self, app: Flask, work: Callable[[], Any]) -> None:
        self.reached = threading.Event()
        self._on = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(app, work))

    def _run(self, app: Flask, work: Callable[[], Any]) -> None:
        with app.app_context():
            work()

    def stops_at(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, behind which this thread waits."""

        def halfway(*args: Any, **options: Any) -> Any:
            done = call(*args, **options)
            if threading.current_thread() is self._thread:
                self.reached.set()
                assert self._on.wait(10)
            return done

        return halfway

    def begin(self) -> None:
        """Comes back when it has stopped there."""
        self._thread.start()
        assert self.reached.wait(10)

    def go_on(self, meanwhile: threading.Thread) -> None:
        """Lets it go on once the other one is done, or waits for it."""
        meanwhile.start()
        meanwhile.join(0.5)
        self._on.set()
        meanwhile.join(10)
        self._thread.join(10)


def ordering(app: Flask, order: Callable[[str, int], int]) -> threading.Thread:
    def give() -> None:
        with app.app_context():
            order("test", 7)
            db.session.commit()

    return threading.Thread(target=give)


def test_messages_that_are_being_held_when_their_alert_goes_on_go_on_too(
    engine: Flask, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.hold("test", 7)
    db.session.commit()
    queue("alerts", 15)
    sweep = Halfway(engine, orders.carry_on)
    monkeypatch.setattr(states, "move", sweep.stops_at(states.move))
    sweep.begin()
    sweep.go_on(ordering(engine, ledger.release))
    jobs.sweep()
    assert rows() == {"queued": 15}


def test_messages_that_are_being_claimed_when_their_alert_is_cancelled_are_never_tried_again(
    live: SmtpServer, engine: Flask, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.mail import leases, settling
    from campaign.mail.streams import STREAMS

    queue("alerts", 5)
    claimed: list[leases.Claim] = []
    claim = Halfway(engine, lambda: claimed.append(leases.claim(STREAMS["alerts"])))
    monkeypatch.setattr(suppressions, "obey", claim.stops_at(suppressions.obey))
    claim.begin()
    claim.go_on(ordering(engine, ledger.cancel))
    (one,) = claimed
    settling.settle(one.owner, [settling.Outcome(row, "queued") for row in one.rows])
    jobs.deliver("alerts")
    assert not live.got
    jobs.sweep()
    assert rows() == {"cancelled": 5}
