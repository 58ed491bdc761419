"""What a server's answers and silences do to a message: nothing is lost, nothing repeated."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from campaign.extensions import db
from campaign.mail import jobs, leases, ledger, orders, settling, states, undecided
from campaign.mail.streams import STREAMS
from tests.mail.conftest import Queue, Rows, Sql
from tests.mail.server import DROP, SmtpServer

pytestmark = pytest.mark.main_flow


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


@pytest.mark.parametrize("given_back", ["recorded", "expired", "paused"])
def test_a_claim_that_tries_nothing_spends_nothing_of_a_messages_time(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql, given_back: str
) -> None:
    queue("alerts", 3)
    claimed = leases.claim(STREAMS["alerts"])
    if given_back == "recorded":
        settling.settle(claimed.owner, [settling.Outcome(row, "queued") for row in claimed.rows])
    elif given_back == "expired":
        sql("UPDATE message SET lease_expires_at = now() - interval '1 minute'")
        jobs.sweep()
    else:
        orders.obey(claimed.rows, {("test", 7): "pause"})
        db.session.commit()
        ledger.release("test", 7)
        db.session.commit()
    live.script = lambda step, recipient: "451 4.7.1 later" if step == "rcpt" else None
    with time_machine.travel(datetime.now(UTC) + timedelta(days=5)) as clock:
        for _ in range(4):
            jobs.deliver("alerts")
            clock.shift(3600)
    assert rows() == {"deferred": 3}
    assert sql("SELECT DISTINCT attempts FROM message") == [(4,)]


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
    assert 2 <= live.connections <= -(-40 // STREAMS["alerts"].group) + 1
    deferred = sql("SELECT attempts, smtp_code FROM message WHERE state <> 'sent'")
    assert deferred in ([], [(1, 421)])
    assert sql("SELECT max(attempts) FROM message") == [(1,)]


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


def test_a_server_that_is_away_is_asked_by_the_sweep_alone(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    from campaign.extensions import rq
    from tests.working import _work

    def script(at: str, recipient: str) -> str | None:
        return "421 4.3.2 too busy" if at == "connect" and live.connections <= 20 else None

    live.script = script
    queue("letters", 50)
    jobs.sweep()
    _work([rq.queues["letters"]])
    assert live.connections <= 2, "a job in vain does not call for the next one"
    assert rows() == {"queued": 50}


def test_a_connection_that_breaks_at_one_letter_does_not_hold_up_the_next(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    bad = ("r1@there.example", "r3@there.example")
    live.script = lambda at, recipient: DROP if at == "dot" and recipient in bad else None
    queue("letters", 4)
    jobs.deliver("letters")
    assert rows() == {"sent": 2, "uncertain": 2}


def test_a_server_that_breaks_every_connection_is_left_alone_after_two(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    live.script = lambda at, recipient: DROP if at == "dot" else None
    queue("letters", 5)
    jobs.deliver("letters")
    assert rows() == {"queued": 3, "uncertain": 2}


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
    assert undecided.decide("letters", "again", "someone", [row]) == 1
    live.script = lambda at, recipient: None
    jobs.deliver("letters")
    assert rows() == {"sent": 1}


def test_a_person_decides_that_a_letter_arrived(live: SmtpServer, queue: Queue, rows: Rows) -> None:
    live.script = lambda at, recipient: DROP if at == "dot" else None
    [row] = queue("letters", 1)
    jobs.deliver("letters")
    assert undecided.decide("letters", "arrived", "someone", [row]) == 1
    assert rows() == {"sent": 1}
    assert undecided.decide("letters", "again", "someone", [row]) == 0
    with pytest.raises(states.IllegalTransition):
        states.move("queued", "m.id = :id", {"id": row}, old=("sent",))


def test_a_dead_sender_s_rows_go_again_and_marked_letters_are_uncertain(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Sql
) -> None:
    from campaign.mail import leases, settling
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
    assert settling.settle(owner, [settling.Outcome(row, "sent") for row in claimed]).n == 0
    assert rows() == {"queued": 7, "uncertain": 1}
