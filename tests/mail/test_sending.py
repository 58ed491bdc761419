"""What leaves, over which connections and with which bytes, and what is noted of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from campaign.extensions import db
from campaign.mail import jobs, ledger
from campaign.mail.streams import STREAMS
from tests.mail.conftest import Queue, Rows, Sql
from tests.mail.server import SmtpServer

pytestmark = pytest.mark.main_flow


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
