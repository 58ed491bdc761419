"""Stops, and clocks that jump: nothing is lost, nothing waits for another day."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from flask import Flask

from campaign.engines import stopping, sweeps
from campaign.extensions import db
from campaign.mail import answers, jobs, leases, recovering, states, talks
from campaign.mail.answers import Answer, Patience
from campaign.mail.streams import STREAMS
from tests.mail.conftest import Queue, Rows, Sql, on_their_way, one_server
from tests.mail.server import SmtpServer

server = pytest.fixture(one_server, name="server")


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
    assert found["sent"] == len(set(live.recipients()) - {"r3@there.example"})


def test_a_connection_that_hangs_keeps_no_other_waiting(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    others_are_through = threading.Event()

    def script(step: str, recipient: str) -> None:
        if step == "dot" and recipient.startswith("r3@"):
            others_are_through.wait(20)
        elif step == "dot" and len(live.got) >= 1000:
            others_are_through.set()

    live.script = script
    queue("alerts", 1100)
    jobs.deliver("alerts")
    assert others_are_through.is_set()
    assert rows() == {"sent": 1100}


def test_a_sender_that_lost_its_leases_sends_no_more(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any
) -> None:
    taken = threading.Lock()

    def script(step: str, recipient: str) -> None:
        if step != "dot":
            return
        time.sleep(0.005)
        # As if the database's clock had been set forward, and another worker had been quick.
        if len(live.got) >= 100 and taken.acquire(blocking=False):
            sql(
                "UPDATE message SET lease_owner = 'another' WHERE state = 'leased' AND unit_id > 400"
            )

    live.script = script
    queue("alerts", 1000)
    jobs.deliver("alerts")
    lost = {name for (name,) in sql("SELECT to_address FROM message WHERE state = 'leased'")}
    assert len(lost) == 600 and rows() == {"leased": 600, "sent": 400}
    assert len(lost & set(live.recipients())) <= 2 * on_their_way("alerts")


def test_a_letter_is_not_spoilt_where_the_database_goes_away_before_its_last_byte(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(owner: str, row_id: int) -> bool:
        raise psycopg.OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(leases, "mark_in_flight", away)
        queue("letters", 2)
        jobs.deliver("letters")
    assert not live.got and rows() == {"queued": 2}
    jobs.deliver("letters")
    assert sorted(live.recipients()) == ["r1@there.example", "r2@there.example"]
    assert all(got.raw.count(b"Message-ID") == 1 and b"NOOP" not in got.raw for got in live.got)


def test_a_claim_costs_what_it_takes_and_not_what_the_table_holds(
    live: SmtpServer, queue: Queue, sql: Any
) -> None:
    queue("alerts", 3000)
    sql("ANALYZE message")
    values = {
        "stream": "alerts",
        "limit": 512,
        "owner": "me",
        "lease_s": 60,
        "now": datetime.now(UTC),
    }
    plan = db.session.connection().exec_driver_sql(f"EXPLAIN {leases._CLAIM}", values).scalars()
    # Not a join that walks along the table, as the planner likes to have it for some ten thousand rows.
    assert [line for line in plan if "Tid Scan on message" in line]
    db.session.rollback()


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
    assert recovering.mend_clocks() == 5
    jobs.deliver("alerts")
    assert rows() == {"sent": 5}
    queue("letters", 1, first=21, due=datetime.now(UTC) + timedelta(days=2))
    assert recovering.mend_clocks() == 0


def test_a_clock_that_was_ahead_stops_no_sweep(engine: Flask) -> None:
    """RQ's scheduler had waited until the day on which it believed that it ran last."""
    scheduler = sweeps.make(engine)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=40)):
        ran = scheduler.enqueue_jobs()
    assert len(ran) == len(scheduler.get_jobs()) > 3
    assert scheduler.enqueue_jobs() == ran
    assert len(scheduler.enqueue_jobs()) < len(ran), "and then at their intervals"


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


def test_a_leap_of_the_databases_clock_takes_nothing_from_senders_at_work(
    engine: Flask, queue: Queue, rows: Rows, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every lease had run out at that moment, and what was on its way went twice."""
    monkeypatch.setattr(recovering, "STEADY_S", 40)
    monkeypatch.setattr(recovering, "_clock", clock := recovering._Clock())
    began = time.monotonic()
    queue("alerts", 4)
    leases.claim(STREAMS["alerts"])
    sql("UPDATE message SET lease_expires_at = now() - interval '1 hour'")
    jobs.sweep()
    assert rows() == {"leased": 4}, "this process has only just begun to look"
    clock._since = began - 50
    clock._ahead -= 3600  # as if it had looked before the leap
    jobs.sweep()
    assert rows() == {"leased": 4}, "the clock has just leapt"
    clock._since = began - 50
    jobs.sweep()
    assert rows() == {"queued": 4}


def test_a_message_that_cannot_be_taken_back_keeps_no_stream_waiting(
    engine: Flask, queue: Queue, sql: Sql
) -> None:
    def fails(_: object) -> None:
        raise ValueError("a feature's own fault")

    states.on_result("test", fails)
    queue("alerts", 1)
    leases.claim(STREAMS["alerts"])
    sql("UPDATE message SET lease_expires_at = now() - interval '1 minute'")
    queue("confirmations", 1, first=2)
    assert jobs.sweep() == 1
