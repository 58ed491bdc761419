"""What people say: hold, release, cancel, pause, and never mail this address."""

import threading

import pytest

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import jobs, ledger, orders, retrying, suppressions
from tests.mail.conftest import Queue, Rows, Sql, on_their_way
from tests.mail.server import SmtpServer
from tests.working import asked, pages

pytestmark = pytest.mark.main_flow


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


def test_a_pause_of_the_stream_ends_the_job_within_the_batch_in_flight(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.mail import sender

    monkeypatch.setattr(sender, "ORDERS_EVERY_S", 0)
    paused, looked = threading.Event(), threading.Event()
    latest = orders.latest

    def look() -> object:
        found = latest()
        if paused.is_set():
            looked.set()
        return found

    monkeypatch.setattr(orders, "latest", look)

    def script(step: str, recipient: str) -> None:
        if step == "dot" and len(live.got) == 10 and not paused.is_set():
            with engine.app_context():
                orders.pause_stream_now("alerts", "test")
            paused.set()
        elif step == "dot" and paused.is_set():
            looked.wait(10)  # what this machine has to do otherwise is not measured

    from flask import current_app

    engine = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    live.script = script
    queue("alerts", 300)
    jobs.deliver("alerts")
    sent = rows()["sent"]
    assert 10 < sent <= on_their_way("alerts") and rows() == {"sent": sent, "queued": 300 - sent}
    orders.resume_stream_now("alerts")
    jobs.deliver("alerts")
    assert rows() == {"sent": 300}


def test_a_sweep_costs_what_is_due_and_not_what_has_gone_or_waits_elsewhere(
    live: SmtpServer, queue: Queue, sql: Sql
) -> None:
    """To the planner letters are a part of all that is open, also where everything that is open is an alert."""
    queue("letters", 1)
    queue("alerts", 1)
    for stream, state, campaign_id in (("letters", "sent", 3), ("alerts", "queued", 4)):
        sql(
            "INSERT INTO message (stream, state, campaign_id, origin, origin_id, unit_id, to_address, domain, language,"
            " next_attempt_at, message_id, created_at)"
            " SELECT %s, %s, %s, 'test', 8, n, 'a@there.example', 'there.example', 'en', now(), n, now()"
            " FROM generate_series(%s, %s) n",
            stream, state, campaign_id, 20_000 * campaign_id, 20_000 * (campaign_id + 1) - 1,
        )  # fmt: skip
    jobs.deliver("letters")
    orders.pause_letters(3, "someone")
    db.session.commit()
    sql("ANALYZE message")
    with asked() as statements:
        jobs.sweep()
        retrying.due("letters", "test", utcnow())
    costly = {}
    for statement, values in statements:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            touched, plan = pages(statement, values)
            if touched > 50:
                costly[statement] = plan
    assert not costly, "\n\n".join(costly.values())


def test_a_paused_alerts_page_asks_for_doubts_and_does_not_walk_past_what_is_held(
    live: SmtpServer, queue: Queue, sql: Sql
) -> None:
    queue("alerts", 5000)
    ledger.hold("test", 7)
    db.session.commit()
    jobs.sweep()
    sql("UPDATE message SET hold_reason = 'uncertain' WHERE unit_id = 4000")
    sql("ANALYZE message")
    with asked() as statements:
        assert ledger.doubtful("test", 7) == 1
    touched, plan = pages(*statements[-1])
    assert touched < 30, plan
