"""What leaves, what a server's answers do to it, and that nothing is lost or repeated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from campaign.extensions import db
from campaign.mail import jobs, ledger, orders, suppressions
from campaign.mail.streams import STREAMS
from tests.mail.server import DROP, SmtpServer

pytestmark = pytest.mark.main_flow

Queue = Callable[..., list[int]]
Rows = Callable[[], dict[str, int]]
Sql = Callable[..., list[Any]]


def test_everything_due_leaves_once(live: SmtpServer, queue: Queue, rows: Rows, sql: Sql) -> None:
    queue("alerts", 100)
    queue("alerts", 100)  # the same recipients again
    jobs.deliver("alerts")
    assert rows() == {"sent": 100}
    assert sorted(live.recipients()) == sorted(f"r{i}@there.example" for i in range(1, 101))
    assert live.connections <= STREAMS["alerts"].lanes
    assert sql("SELECT DISTINCT smtp_code, smtp_enhanced, smtp_text, smtp_server, captured, attempts FROM message") == [
        (250, "2.0.0", "kept", "127.0.0.1", False, 1)
    ]  # fmt: skip
    assert ledger.open_messages("test", 7) == 0


def test_a_due_time_is_waited_for(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    due = datetime.now(UTC) + timedelta(hours=2)
    queue("letters", 1, due=due)
    jobs.deliver("letters")
    assert rows() == {"queued": 1}
    with time_machine.travel(due + timedelta(seconds=1)):
        jobs.deliver("letters")
    assert rows() == {"sent": 1}


@pytest.mark.parametrize("stream", ["alerts", "letters", "confirmations"])
def test_refusals_touch_only_their_own_message(
    live: SmtpServer, queue: Queue, sql: Sql, stream: str
) -> None:
    def script(step: str, recipient: str) -> str | None:
        name = recipient.partition("@")[0]
        return {
            ("rcpt", "r2"): "550 5.1.1 no such <r2@there.example> here",
            ("rcpt", "r3"): "451 4.7.1 greylisted",
            ("data", "r5"): "452 4.3.1 disk full",
            ("dot", "r6"): "554 5.7.1 not wanted",
            ("dot", "r8"): "450 4.2.0 later",
        }.get((step, name))

    live.script = script
    queue(stream, 9)
    jobs.deliver(stream)
    found = dict(sql("SELECT unit_id, state || ' ' || coalesce(smtp_enhanced, '') FROM message"))
    assert found == {
        1: "sent 2.0.0", 2: "failed 5.1.1", 3: "deferred 4.7.1", 4: "sent 2.0.0", 5: "deferred 4.3.1",
        6: "failed 5.7.1", 7: "sent 2.0.0", 8: "deferred 4.2.0", 9: "sent 2.0.0",
    }  # fmt: skip
    assert sql("SELECT smtp_text FROM message WHERE unit_id = 2") == [("no such <address> here",)]
    assert len(live.got) == 4
    assert live.connections == 1


def test_a_deferred_message_waits_longer_each_time_and_ends(
    live: SmtpServer, queue: Queue, sql: Sql
) -> None:
    live.script = lambda step, recipient: "451 4.7.1 later" if step == "rcpt" else None
    queue("alerts", 1)
    waits = []
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        while True:
            before = datetime.now(UTC)
            jobs.deliver("alerts")
            [(state, due)] = sql("SELECT state, next_attempt_at FROM message")
            if state != "deferred":
                break
            waits.append((due - before).total_seconds())
            clock.move_to(due)
    assert state == "failed"
    assert 48 <= waits[0] <= 72
    assert max(waits) <= 6 * 3600 * 1.2
    assert waits[5] > waits[2] > waits[0]
    assert 2.5 * 86400 < sum(waits) <= 3 * 86400
    assert sql("SELECT count(*) FROM message WHERE smtp_text = 'later'") == [(1,)]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("answer", ["421 4.3.2 going down", DROP])
def test_a_lost_connection_gives_the_rest_back(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql, step: str, answer: str
) -> None:
    asked = []

    def script(at: str, recipient: str) -> str | None:
        if at == step:
            asked.append(recipient)
            if len(asked) == 5:
                return answer
        return None

    live.script = script
    queue("alerts", 40)
    jobs.deliver("alerts")
    # Everything else at once on the other connections and a new one, but for the message at which it broke.
    assert len(live.got) == len(set(live.recipients()))
    assert rows()["sent"] >= 39
    assert live.connections == -(-40 // STREAMS["alerts"].group) + 1
    deferred = sql("SELECT attempts, smtp_code FROM message WHERE state <> 'sent'")
    assert deferred in ([], [(1, 421)])
    assert sql("SELECT max(attempts) FROM message") == [(1,)]


def test_an_alert_of_unknown_fate_goes_again_with_the_same_message_id(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql
) -> None:
    broke = []

    def script(at: str, recipient: str) -> str | None:
        if at == "dot" and recipient.startswith("r3@") and not broke:
            broke.append(recipient)
            return DROP
        return None

    live.script = script
    queue("alerts", 10)
    jobs.deliver("alerts")
    assert rows() == {"sent": 9, "uncertain": 1}
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        jobs.sweep()
        jobs.deliver("alerts")
    assert rows() == {"sent": 10}
    twice = [got.raw for got in live.got if got.recipient == "r3@there.example"]
    ids = [
        next(line for line in raw.split(b"\r\n") if line.startswith(b"Message-ID")) for raw in twice
    ]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_a_letter_of_unknown_fate_waits_goes_once_more_and_then_for_a_person(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql
) -> None:
    live.script = lambda at, recipient: DROP if at == "dot" else None
    [row] = queue("letters", 1)
    now = datetime.now(UTC)
    jobs.deliver("letters")
    assert rows() == {"uncertain": 1}
    with time_machine.travel(now + timedelta(minutes=29)):
        jobs.sweep()
        jobs.deliver("letters")
    assert len(live.got) == 1
    with time_machine.travel(now + timedelta(minutes=31)):
        jobs.sweep()
        jobs.deliver("letters")
    assert len(live.got) == 2
    assert sql("SELECT state, hold_reason FROM message") == [("held", "uncertain")]
    with time_machine.travel(now + timedelta(days=1)):
        jobs.sweep()
        jobs.deliver("letters")
    assert len(live.got) == 2
    ledger.retry([row])
    db.session.commit()
    live.script = lambda at, recipient: None
    jobs.deliver("letters")
    assert rows() == {"sent": 1}


def test_a_person_decides_that_a_letter_arrived(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    live.script = lambda at, recipient: DROP if at == "dot" else None
    [row] = queue("letters", 1)
    jobs.deliver("letters")
    ledger.decide([row], arrived=True)
    db.session.commit()
    assert rows() == {"sent": 1}
    with pytest.raises(ledger.IllegalTransition):
        ledger.decide([row], arrived=False)


def test_a_server_that_is_away_costs_the_messages_nothing(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql
) -> None:
    live.script = lambda at, recipient: "421 4.3.2 too busy" if at == "connect" else None
    queue("alerts", 3)
    jobs.deliver("alerts")
    assert sql("SELECT DISTINCT state, attempts FROM message") == [("queued", 0)]
    live.script = lambda at, recipient: None
    jobs.deliver("alerts")
    assert rows() == {"sent": 3}


def test_connections_are_kept_between_batches(live: SmtpServer, queue: Queue) -> None:
    for n in range(3):
        queue("confirmations", 2, first=1 + 2 * n)
        jobs.deliver("confirmations")
    assert len(live.got) == 6
    assert live.connections == 1


def test_messages_a_connection_are_limited(live: SmtpServer, queue: Queue, engine: Any) -> None:
    engine.config["MAIL_MAX_EMAILS"] = 40
    queue("alerts", 100)
    jobs.deliver("alerts")
    assert len(live.got) == 100
    assert live.connections >= 3


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(
    live: SmtpServer, queue: Queue, sql: Sql
) -> None:
    queue("confirmations", 1, to_address="josé@españa.example")
    jobs.deliver("confirmations")
    assert live.recipients() == ["josé@xn--espaa-rta.example"]
    assert any("SMTPUTF8" in line for line in live.log)
    live.extensions = ("PIPELINING",)
    from campaign.mail import connections

    connections.kept.close()
    queue("confirmations", 2, first=5, to_address="josé@españa.example")
    jobs.deliver("confirmations")
    assert sql("SELECT DISTINCT state, smtp_enhanced FROM message WHERE unit_id >= 5") == [
        ("failed", "5.6.7")
    ]


def test_what_no_address_is_fails_alone(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    queue("confirmations", 1, to_address="a\r\nRCPT TO:<x@y.example>@b.example")
    queue("confirmations", 1, first=2)
    jobs.deliver("confirmations")
    assert rows() == {"failed": 1, "sent": 1}


def test_capture_keeps_the_same_bytes_a_server_gets(
    live: SmtpServer, queue: Queue, sql: Sql, rows: Rows
) -> None:
    from campaign.mail import settings

    queue("alerts", 1)
    jobs.deliver("alerts")
    settings.set_delivery("capture", by="test")
    db.session.commit()
    queue("alerts", 1, first=2)
    jobs.deliver("alerts")
    assert len(live.got) == 1
    assert rows() == {"sent": 2}
    [(raw, to, subject)] = sql("SELECT raw, envelope_to, subject FROM captured_message")
    assert (to, subject) == ("r2@there.example", "Hello 2")
    assert [line.split(b":")[0] for line in raw.split(b"\r\n")[:8]] == [
        line.split(b":")[0] for line in live.got[0].raw.split(b"\r\n")[:8]
    ]
    assert sql("SELECT smtp_server, captured FROM message WHERE unit_id = 2") == [("capture", True)]


def test_a_renderer_that_fails_at_one_message_stops_no_other(
    live: SmtpServer, queue: Queue, sql: Sql
) -> None:
    queue("alerts", 3)
    queue("alerts", 1, first=4, data={"no_such_field": 1})
    queue("alerts", 1, first=5, origin="nobody renders this")
    jobs.deliver("alerts")
    assert len(live.got) == 3
    assert sql("SELECT DISTINCT state, hold_reason FROM message WHERE unit_id > 3") == [
        ("held", "render")
    ]


def test_a_suppressed_address_ends_no_senders_work(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    suppressions.suppress("r1@there.example", "letters", "hard-bounce")
    queue("letters", 45)
    jobs.deliver("letters")
    assert rows() == {"sent": 44, "cancelled": 1}


def test_suppressed_addresses_get_nothing(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    suppressions.suppress("R1@There.example", "alerts", "hard-bounce")
    suppressions.suppress("r2@there.example", "all", "complaint")
    suppressions.suppress("r3@there.example", "letters", "person")
    queue("alerts", 3)
    jobs.deliver("alerts")
    assert live.recipients() == ["r3@there.example"]
    assert rows() == {"cancelled": 2, "sent": 1}
    suppressions.lift("r1@there.example", "alerts", by="someone")
    db.session.commit()
    queue("alerts", 1, origin_id=8)
    jobs.deliver("alerts")
    assert live.recipients()[1:] == ["r1@there.example"]


def test_a_dead_sender_s_rows_go_again_and_marked_letters_are_uncertain(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql
) -> None:
    from campaign.mail import leases
    from campaign.mail.streams import STREAMS

    queue("alerts", 5)
    queue("letters", 3, first=11)
    leases.claim(STREAMS["alerts"])
    owner, claimed, *_ = leases.claim(STREAMS["letters"])
    assert leases.mark_in_flight(owner, claimed[0].id)
    assert rows() == {"leased": 8}
    jobs.sweep()
    assert rows() == {"leased": 8}
    sql("UPDATE message SET lease_expires_at = now() - interval '1 second'")
    jobs.sweep()
    assert rows() == {"queued": 7, "uncertain": 1}
    # The sender comes back from the dead: its lease is gone.
    assert not leases.mark_in_flight(owner, claimed[1].id)
    assert leases.settle(owner, [leases.Outcome(row, "sent") for row in claimed]).n == 0
    assert rows() == {"queued": 7, "uncertain": 1}


def test_listeners_hear_in_the_same_transaction(live: SmtpServer, queue: Queue) -> None:
    heard: list[ledger.Result] = []
    ledger.on_result("test", heard.extend)
    queue("letters", 2)
    jobs.deliver("letters")
    assert [
        (r.unit_id, r.old_state, r.state, r.code) for r in sorted(heard, key=lambda r: r.unit_id)
    ] == [
        (1, "leased", "sent", 250),
        (2, "leased", "sent", 250),
    ]


def test_counts_are_journaled(live: SmtpServer, queue: Queue) -> None:
    from campaign.counts import commands

    live.script = lambda at, r: "550 5.1.1 no" if at == "rcpt" and r.startswith("r1@") else None
    queue("alerts", 50)
    jobs.deliver("alerts")
    commands.fold()
    assert ledger.totals("alerts") == {"sent": 49, "failed": 1}
    assert ledger.progress("test", 7) == {"sent": 49, "failed": 1}
    assert ledger.totals("letters") == {}


def test_orders(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    queue("alerts", 10)
    queue("alerts", 5, origin_id=8)
    assert ledger.hold("test", 7, reason="someone") == 10
    db.session.commit()
    queue("alerts", 3, first=50)
    jobs.deliver("alerts")
    assert len(live.got) == 5
    assert rows() == {"held": 13, "sent": 5}
    assert ledger.release("test", 7) == 13
    db.session.commit()
    assert ledger.cancel("test", 7, [1, 2]) == 2
    db.session.commit()
    orders.pause_stream("alerts", by="someone")
    db.session.commit()
    assert jobs.deliver("alerts") == 0
    orders.resume_stream("alerts")
    assert ledger.cancel("test", 7) == 11
    db.session.commit()
    jobs.deliver("alerts")
    assert rows() == {"cancelled": 13, "sent": 5}


def test_a_large_order_is_carried_out_by_the_sweep(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "CHUNK", 10)
    queue("alerts", 35)
    assert ledger.hold("test", 7) == 10
    db.session.commit()
    jobs.sweep()
    assert rows() == {"held": 35}
    assert ledger.release("test", 7) == 10
    db.session.commit()
    jobs.sweep()
    assert rows() == {"queued": 35}
    ledger.cancel("test", 7)
    db.session.commit()
    jobs.sweep()
    assert rows() == {"cancelled": 35}


def test_a_flushed_valkey_changes_nothing(
    live: SmtpServer, queue: Queue, deliver: Any, rows: Rows
) -> None:
    queue("alerts", 5)
    queue("letters", 5, first=10)
    queue("confirmations", 5, first=20)
    deliver()
    assert rows() == {"sent": 15}


def test_enqueue_select(live: SmtpServer, engine: Any, rows: Rows, queue: Queue) -> None:
    from sqlalchemy import func, literal, select

    number = func.generate_series(1, 2000).column_valued("n")
    query = select(
        number.label("unit_id"),
        func.concat("r", number, "@There.example").label("to_address"),
        literal("es").label("language"),
    )
    assert ledger.enqueue_select("alerts", "test", 9, 0, query) == 2000
    assert ledger.enqueue_select("alerts", "test", 9, 0, query) == 0
    db.session.commit()
    jobs.deliver("alerts")
    while rows() != {"sent": 2000}:
        jobs.deliver("alerts")
    assert len(set(live.recipients())) == len(live.got) == 2000


def test_a_pause_of_the_stream_ends_the_job_within_the_batch_in_flight(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.mail import sender

    monkeypatch.setattr(sender, "ORDERS_EVERY_S", 0)

    def script(step: str, recipient: str) -> None:
        if step == "dot" and len(live.got) == 10:
            with engine.app_context():
                orders.pause_stream_now("alerts", "test")

    from flask import current_app

    engine = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    live.script = script
    queue("alerts", 300)
    jobs.deliver("alerts")
    sent = STREAMS["alerts"].round
    assert rows() == {"sent": sent, "queued": 300 - sent}
    orders.resume_stream_now("alerts")
    jobs.deliver("alerts")
    assert rows() == {"sent": 300}
