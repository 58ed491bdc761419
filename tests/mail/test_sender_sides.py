"""What a sender does beside its talking: what goes wrong there, or comes between, loses and repeats nothing."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import time_machine
from flask import Flask
from psycopg.sql import SQL, Identifier
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import compose, jobs, ledger, orders, recording, sender, transport, wake
from campaign.mail.compose import Rendered
from campaign.mail.states import Row
from campaign.mail.streams import STREAMS
from tests import servers
from tests.mail.conftest import one_server, render
from tests.mail.server import SmtpServer

Queue = Callable[..., list[int]]
Rows = Callable[[], dict[str, int]]


server = pytest.fixture(one_server, name="server")


@pytest.fixture
def small_claims(monkeypatch: pytest.MonkeyPatch) -> int:
    """Alerts are claimed so many at a time."""
    monkeypatch.setitem(STREAMS, "alerts", replace(STREAMS["alerts"], claim=40))
    return 40


def test_an_order_that_comes_while_a_batch_is_rendered(
    live: SmtpServer, queue: Queue, rows: Rows, small_claims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    latest = orders.latest

    def look() -> Any:
        looks.append(found := latest())
        return found

    def order_in_the_middle(messages: list[Row]) -> list[Rendered | compose.Skip]:
        if live.got:
            orders.pause("test", 7, by="someone")
            db.session.commit()
            enough, until = len(looks) + 2, time.monotonic() + 60  # one look may have begun before
            while len(looks) < enough:
                assert time.monotonic() < until
                db.session.execute(text("SELECT pg_sleep(0.01)"))
        return render(messages)

    live.script = lambda step, recipient: None
    monkeypatch.setattr(orders, "latest", look)
    monkeypatch.setattr(sender, "SLICE_S", 0.05)
    compose.register_origin("test", order_in_the_middle)
    queue("alerts", 2 * small_claims + 10)
    jobs.deliver("alerts")
    assert len(live.got) == small_claims
    assert rows() == {"sent": small_claims, "held": small_claims + 10}


@contextlib.contextmanager
def database_away(urls: servers.Urls, seconds: float = 0.5) -> Iterator[Callable[[], None]]:
    """The block's function has the database refuse all connections and end those there are, for half a second or so."""
    name = urls.libpq().rpartition("/")[2].partition("?")[0]
    with contextlib.closing(
        psycopg.connect(urls.named("postgres").libpq(), autocommit=True)
    ) as outside:
        allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        back = threading.Timer(
            seconds, lambda: outside.execute(allow.format(Identifier(name), SQL("true")))
        )

        def away() -> None:
            outside.execute(allow.format(Identifier(name), SQL("false")))
            outside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            back.start()

        yield away
        back.join()


@pytest.mark.parametrize("stream", ["alerts", "letters", "confirmations"])
def test_a_database_that_is_away_for_a_moment_has_nothing_sent_twice(
    live: SmtpServer, queue: Queue, urls: servers.Urls, stream: str
) -> None:
    ledger.on_result("test", lambda results: None)
    queue(stream, 10)
    with database_away(urls) as away:

        def script(step: str, recipient: str) -> None:
            if step == "dot" and recipient.startswith("r5@"):
                away()

        live.script = script
        jobs.deliver(stream)
    with contextlib.closing(psycopg.connect(urls.libpq())) as outside:
        sent = outside.execute("SELECT to_address FROM message WHERE state = 'sent'").fetchall()
        others = outside.execute("SELECT DISTINCT state FROM message WHERE state <> 'sent'")
        assert set(others) <= {("queued",)}
    assert sorted(live.recipients()) == sorted(to for (to,) in sent)
    assert "r5@there.example" in live.recipients()


def test_a_database_that_ends_a_connection_while_it_records_has_nothing_sent_twice(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any
) -> None:
    """What rolled back there failed in its turn, and all that was on its way stayed unrecorded."""
    ended: list[ledger.Result] = []

    def ends(results: list[ledger.Result]) -> None:
        if not ended:
            ended.extend(results)
            pid = db.session.scalar(text("SELECT pg_backend_pid()"))
            sql("SELECT pg_terminate_backend(%s, 5000)", pid)
            raise psycopg.OperationalError("the connection is lost")

    ledger.on_result("test", ends)
    queue("alerts", 100)
    jobs.deliver("alerts")
    assert ended and len(live.got) == 100 and rows() == {"sent": 100}


def test_talking_goes_on_while_a_claim_waits_for_the_database(
    live: SmtpServer, queue: Queue, rows: Rows, urls: servers.Urls, small_claims: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(STREAMS, "alerts", replace(STREAMS["alerts"], lanes=1))
    done = threading.Event()
    locked: list[bool] = []
    in_time: list[bool] = []

    def hold_up_claims() -> None:
        with psycopg.connect(urls.libpq()) as outside:
            outside.execute("LOCK TABLE suppression")  # claims ask it whom not to write to
            locked.append(True)
            in_time.append(done.wait(20))

    other = threading.Thread(target=hold_up_claims)

    def script(step: str, recipient: str) -> None:
        if step == "dot" and not locked:
            other.start()
            while not locked:
                time.sleep(0.01)
        elif step == "dot" and len(live.got) >= small_claims - 1:
            done.set()

    live.script = script
    queue("alerts", 2 * small_claims)
    jobs.deliver("alerts")
    other.join()
    assert in_time == [True] and rows() == {"sent": 2 * small_claims}


def test_what_cannot_be_recorded_of_one_message_has_no_other_sent_again(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    def fails_at_one(results: list[ledger.Result]) -> None:
        if any(result.unit_id == 5 for result in results):
            raise ValueError("the listener does not understand this one")

    ledger.on_result("test", fails_at_one)
    queue("alerts", 20)
    jobs.deliver("alerts")
    assert len(live.got) == 20 and rows() == {"sent": 19, "leased": 1}


def test_a_renderer_without_a_database_spoils_no_message(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any
) -> None:
    def no_room(messages: list[Row]) -> list[Rendered | compose.Skip]:
        raise PoolTimeout("all connections are in use")

    compose.register_origin("test", no_room)
    queue("alerts", 3)
    jobs.deliver("alerts")
    assert rows() == {"leased": 3}
    sql("UPDATE message SET lease_expires_at = now() - interval '1 second'")
    compose.register_origin("test", render)
    jobs.sweep()
    jobs.deliver("alerts")
    assert rows() == {"sent": 3}


def test_the_first_connection_is_used_while_others_are_slow_to_open(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    """With a greeting that took a third of a second the first message left after five seconds."""
    sends, more = threading.Event(), threading.Event()
    waited: list[bool] = []

    def script(step: str, recipient: str) -> None:
        if step == "connect" and live.connections > 2:
            more.set()
            waited.append(sends.wait(10))
        elif step == "dot":
            sends.set()
            more.wait(10)

    live.script = script
    queue("alerts", 100)
    jobs.deliver("alerts")
    assert rows() == {"sent": 100}
    assert waited and all(waited)


def test_connections_that_carry_nothing_are_given_up_and_the_others_go_on(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    carries: set[int] = set()

    def script(step: str, recipient: str) -> str | None:
        if step == "connect" and not carries:
            carries.add(threading.get_ident())
        elif step == "mail" and threading.get_ident() not in carries:
            return "421 4.7.0 too many connections"
        return None

    live.script = script
    queue("alerts", 500)
    jobs.deliver("alerts")
    assert rows() == {"sent": 500}
    assert live.connections <= STREAMS["alerts"].lanes


def test_a_domain_in_front_that_bears_one_connection_leaves_the_others_to_those_behind(
    live: SmtpServer, engine: Flask, queue: Queue, rows: Rows, small_claims: int
) -> None:
    engine.config["MAIL_DOMAIN_LIMITS"] = {"narrow.example": (0, 1)}
    others_are_through = threading.Event()

    def script(step: str, recipient: str) -> None:
        if step == "dot" and recipient.endswith("@narrow.example"):
            assert others_are_through.wait(10)
        elif step == "dot" and len(live.got) >= small_claims - 1:
            others_are_through.set()

    live.script = script
    queue("alerts", 2 * small_claims, to_address="a@narrow.example")
    queue("alerts", small_claims, first=1001, to_address="a@other.example")
    jobs.deliver("alerts")
    assert rows() == {"sent": 3 * small_claims}


def test_a_slow_server_keeps_the_worker_from_no_other_work(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BOX_S", 0.2)
    monkeypatch.setattr(sender, "LINGER_S", 0)
    monkeypatch.setattr(wake, "others_wait", lambda stream: True)
    live.script = lambda step, recipient: time.sleep(0.02) if step == "dot" else None
    queue("alerts", 1000)
    jobs.deliver("alerts")
    found = rows()
    assert found.keys() == {"sent", "queued"} and found["sent"] == len(live.got) < 800
    monkeypatch.undo()
    live.script = lambda step, recipient: None
    jobs.deliver("alerts")
    assert rows() == {"sent": 1000} and len(set(live.recipients())) == 1000


def test_a_stop_while_the_database_is_away_waits_for_neither(
    live: SmtpServer, queue: Queue, urls: servers.Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "STOPPING_S", 0.5)
    queue("alerts", 100)
    with database_away(urls, 3) as away:

        def script(step: str, recipient: str) -> None:
            if step == "dot" and recipient.startswith("r5@"):
                away()
                monkeypatch.setattr(stopping, "_requested", True)

        live.script = script
        start = time.monotonic()
        jobs.deliver("alerts")
        assert time.monotonic() - start < 3


def test_what_goes_wrong_with_one_message_has_no_other_sent_again(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = transport.Session._commands

    def fails_at_one(self: transport.Session, envelope: compose.Envelope) -> Any:
        if envelope.recipient.startswith("r50@"):
            raise ValueError("nobody expected this")
        return commands(self, envelope)

    monkeypatch.setattr(transport.Session, "_commands", fails_at_one)
    queue("alerts", 100)
    for _ in range(3):
        jobs.deliver("alerts")
    assert rows().keys() <= {"sent", "queued", "deferred"}
    assert rows().get("sent", 0) == len(live.got) == len(set(live.recipients())) < 100
    monkeypatch.undo()
    sql("UPDATE message SET next_attempt_at = now() WHERE state <> 'sent'")
    jobs.deliver("alerts")
    assert rows() == {"sent": 100} and len(live.got) == len(set(live.recipients())) == 100


def test_no_transaction_stays_open_while_messages_leave(
    live: SmtpServer, queue: Queue, rows: Rows, urls: servers.Urls
) -> None:
    """Who asks for another connection to the mail server left one open for as long as there was something to send."""
    looked: list[bool] = []

    def nobody_rests_in_one() -> bool:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '0.2 s'"
        )
        with contextlib.closing(psycopg.connect(urls.libpq(), autocommit=True)) as outside:
            until = time.monotonic() + 5
            while outside.execute(query).fetchone() != (0,):
                if time.monotonic() > until:
                    return False
                outside.execute("SELECT pg_sleep(0.05)")
        return True

    def script(step: str, recipient: str) -> None:
        if step == "dot" and not looked and live.connections > 1:
            looked.append(False)
            time.sleep(0.3)
            looked[0] = nobody_rests_in_one()

    live.script = script
    db.session.commit()
    queue("alerts", 200)
    jobs.deliver("alerts")
    assert looked == [True] and rows() == {"sent": 200}


def test_a_stop_waits_for_no_server_that_takes_nothing(
    live: SmtpServer, queue: Queue, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message larger than what the network holds kept a worker for two minutes."""
    end = threading.Event()

    def reads_no_further(talk: Any) -> bool:
        talk.say("354 go")
        stop = threading.Timer(0.5, lambda: monkeypatch.setattr(stopping, "_requested", True))
        stop.start()
        end.wait(30)
        return False

    monkeypatch.setattr("tests.mail.server._Talk.data", reads_no_further)
    queue("letters", 1, data={"text": "A long letter.\n" * 1_200_000})
    start = time.monotonic()
    jobs.deliver("letters")
    assert time.monotonic() - start < 8
    end.set()
    assert rows() == {"deferred": 1}


def test_a_message_of_which_nobody_can_record_that_it_left_does_not_go_for_ever(
    live: SmtpServer, queue: Queue, rows: Rows, sql: Any
) -> None:
    def fails_at_sent(results: list[ledger.Result]) -> None:
        if any(result.state == "sent" for result in results):
            raise ValueError("the listener does not understand this")

    ledger.on_result("test", fails_at_sent)
    queue("alerts", 1)
    with time_machine.travel(datetime.now(UTC)) as clock:
        for _ in range(6):
            jobs.deliver("alerts")
            sql("UPDATE message SET lease_expires_at = now() - interval '1 minute'")
            jobs.sweep()
            clock.shift(120)
            jobs.sweep()
    assert len(live.got) == STREAMS["alerts"].doubts
    assert sql("SELECT state, hold_reason FROM message") == [("held", "uncertain")]
