"""What the mail server and the receiving domains bear: rates, connections, back-off, and all of it without Valkey."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from campaign import config
from campaign.extensions import db
from campaign.mail import connections, domains, gate, jobs, limits
from tests.mail.conftest import Queue, Rows, on_their_way, one_server
from tests.mail.server import SmtpServer

server = pytest.fixture(one_server, name="server")


@pytest.fixture
def limited(live: SmtpServer, engine: Flask) -> Iterator[Callable[..., None]]:
    """Sets limits for a test: ``limited(MAIL_MESSAGES_PER_SECOND=5)``."""
    yield lambda **settings: engine.config.update(settings)
    limits._valkey._not_before = 0.0
    limits._own = limits._Own()
    gate._turns.clear()
    connections.kept.close()


def test_messages_a_second_are_shared_and_kept(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    limited(MAIL_MESSAGES_PER_SECOND=20)
    queue("alerts", 60)
    start = time.monotonic()
    while rows().get("sent", 0) < 40:
        jobs.deliver("alerts")
    took = time.monotonic() - start
    assert len(live.got) <= 20 * took + 20 / 5 + 1
    assert limits.take(limits.SERVER, 20, 100) <= 20 / 5


def test_what_waits_for_its_domain_costs_the_others_nothing_of_the_rate(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    """With a third of an alert at a slow domain 38 messages a second left where 50 were allowed."""
    limited(MAIL_MESSAGES_PER_SECOND=1, MAIL_DOMAIN_LIMITS={"slow.example": (0, 1)})
    assert limits.enter("slow.example", 1, "another worker")
    queue("alerts", 6, to_address="a@slow.example")
    queue("alerts", 1, first=101, to_address="b@quick.example")
    start = time.monotonic()
    while not rows().get("sent"):
        jobs.deliver("alerts")
    assert time.monotonic() - start < 4, "six seconds' worth of the rate was taken for nothing"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0"])
def test_without_valkey_sending_goes_on_at_a_share_of_the_rate(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows, url: str
) -> None:
    limited(MAIL_MESSAGES_PER_SECOND=8, MAIL_MAX_CONNECTIONS=4, RQ_CONNECTION=url)
    queue("confirmations", 3)
    start = time.monotonic()
    while rows().get("sent", 0) < 3:
        jobs.deliver("confirmations")
    assert 0.3 < time.monotonic() - start < 10
    assert live.connections == 1


def test_no_more_connections_than_allowed_and_the_last_is_not_for_alerts(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    limited(MAIL_MAX_CONNECTIONS=2)
    assert limits.enter("connections", 2, "another worker")
    queue("alerts", 900)
    queue("confirmations", 1, first=1001)
    jobs.deliver("alerts")
    assert rows() == {"queued": 901}
    jobs.deliver("confirmations")
    assert rows() == {"queued": 900, "sent": 1}
    limits.leave("connections", "another worker")
    jobs.deliver("alerts")
    assert rows() == {"sent": 901}
    assert limits.enter("connections", 1, "all have left")
    limits.leave("connections", "all have left")


def test_messages_a_connection(limited: Any, live: SmtpServer, queue: Queue, rows: Rows) -> None:
    limited(MAIL_MAX_EMAILS=10)
    queue("alerts", 40)
    jobs.deliver("alerts")
    assert rows() == {"sent": 40} and live.connections >= 4


def test_a_domains_rate_holds_back_only_that_domain(
    limited: Any, live: SmtpServer, queue: Queue, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SOON_S", 0)
    limited(MAIL_DOMAIN_LIMITS={"slow.example": (5, 1)})
    queue("alerts", 10, to_address="a@slow.example")
    queue("alerts", 10, first=11, to_address="a@quick.example")
    jobs.deliver("alerts")
    assert Counter(live.recipients()) == {"a@slow.example": 4, "a@quick.example": 10}
    assert sql("SELECT count(*), max(attempts), min(next_attempt_at) > now() FROM message WHERE state = 'queued'") == [
        (6, 0, True)
    ]  # fmt: skip


def test_a_job_goes_on_at_a_domains_rate(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    """It had ended after the first second's worth, and a sweep five seconds later sent the next."""
    limited(MAIL_DOMAIN_LIMITS={"slow.example": (20, 1)})
    queue("alerts", 60, to_address="a@slow.example")
    start = time.monotonic()
    jobs.deliver("alerts")
    assert 30 < len(live.got) <= 20 * (time.monotonic() - start) + 20 + 1


def test_what_waits_for_a_domains_rate_waits_its_turn(
    limited: Any, live: SmtpServer, queue: Queue, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it had been due again a second later, whatever the rate: thousands were claimed and put back each second."""
    monkeypatch.setattr(jobs, "SOON_S", 0)
    limited(MAIL_DOMAIN_LIMITS={"slow.example": (5, 0)})
    queue("alerts", 104, to_address="a@slow.example")
    jobs.deliver("alerts")
    soon = "SELECT count(*) FROM message WHERE state = 'queued' AND next_attempt_at <= now() + interval '%s seconds'"
    assert len(live.got) == 4
    assert sql(soon % 4)[0][0] <= 5 * 4
    assert sql(soon % 30) == [(100,)]


def test_a_domains_one_connection_leaves_the_others_to_other_domains(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    limited(MAIL_DOMAIN_LIMITS={"*": (0, 1)})
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def script(step: str, recipient: str) -> None:
        domain = recipient.rpartition("@")[2]
        if step == "rcpt":
            now[domain] += 1
            most[domain] = max(most[domain], now[domain])
            most["in all"] = max(most["in all"], sum(now.values()))
        elif step == "dot":
            time.sleep(0.003)
            now[domain] -= 1

    live.script = script
    for n in range(8):
        queue("alerts", 10, first=1 + 10 * n, to_address=f"a@domain{n}.example")
    jobs.deliver("alerts")
    assert rows() == {"sent": 80}
    assert most.pop("in all") > 1
    assert set(most.values()) == {1}


def test_a_domain_that_defers_is_left_alone_and_the_others_go_on(
    limited: Any, live: SmtpServer, queue: Queue, sql: Any, rows: Rows
) -> None:
    live.script = lambda step, to: (
        "451 4.7.0 too much from you" if step == "rcpt" and to.endswith("@slow.example") else None
    )
    queue("alerts", 300, to_address="a@slow.example")
    queue("alerts", 30, first=301, to_address="a@quick.example")
    jobs.deliver("alerts")
    assert rows()["sent"] == 30
    deferred, queued = rows()["deferred"], rows()["queued"]
    assert deferred <= on_their_way("alerts") and deferred + queued == 300
    assert domains.resting()[0].reason == "too much from you"
    queue("alerts", 20, first=331, to_address="a@slow.example")
    jobs.deliver("alerts")
    assert sql("SELECT max(attempts) FROM message") == [(1,)]
    jobs.sweep()
    assert sql("SELECT count(*) FROM message WHERE state IN ('queued', 'deferred') AND next_attempt_at <= now()") == [
        (0,)
    ]  # fmt: skip
    live.script = lambda step, to: None
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=3)):
        jobs.deliver("alerts")
        assert rows() == {"sent": 350}
        assert domains.known() == set()


def test_a_server_that_breaks_connections_is_no_domains_fault(
    live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    live.script = lambda step, recipient: "421 4.3.2 going down" if step == "rcpt" else None
    queue("alerts", 160)
    jobs.deliver("alerts")
    assert not domains.paused()
    live.script = lambda step, recipient: None
    queue("alerts", 3, first=1001)
    jobs.deliver("alerts")
    assert len(live.got) == rows()["sent"] > 3


def test_a_confirmation_gets_in_where_the_server_bears_few_connections(
    live: SmtpServer, engine: Flask, queue: Queue, rows: Rows
) -> None:
    """Nobody has set MAIL_MAX_CONNECTIONS, and another worker's alerts have all connections that the server bears."""
    live.at_most = 3
    queue("alerts", 2000)
    queue("confirmations", 1, first=5001)
    other, mine = connections.Connections(), connections.kept
    assert [len(other.get("alerts", 0, 3, "live", another=True)) for _ in range(3)] == [1, 2, 3]
    jobs.deliver("confirmations")
    assert rows() == {"queued": 2001}
    with pytest.raises(connections.NoRoom):
        other.get("alerts", 0, 3, "live")
    jobs.deliver("confirmations")
    assert rows() == {"queued": 2000, "sent": 1}
    # And the alerts go on with what is left.
    assert [len(other.get("alerts", 0, 8, "live", another=True)) for _ in range(3)] == [1, 2, 2]
    other.close()
    jobs.deliver("alerts")
    assert rows() == {"sent": 2001}
    assert not [key for key in mine._kept if key[0] == "alerts"], (
        "idle connections are left to others"
    )


@pytest.mark.parametrize("stream", ["alerts", "letters"])
def test_a_confirmation_gets_in_where_only_one_connection_is_allowed(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows, stream: str
) -> None:
    """A backlog's jobs follow each other so quickly that nobody found the one connection free until it had ended."""
    limited(MAIL_MAX_CONNECTIONS=1)
    queue("confirmations", 1)
    other = connections.Connections()
    assert len(other.get(stream, 0, 1, "live")) == 1
    jobs.deliver("confirmations")
    assert rows() == {"queued": 1}
    with pytest.raises(connections.NoRoom):
        other.get(stream, 0, 1, "live")
    other.rest(stream, 0, more=True)
    jobs.deliver("confirmations")
    assert rows() == {"sent": 1}
    assert len(other.get(stream, 0, 1, "live")) == 1
    other.close()


def test_a_letter_takes_no_connection_from_a_confirmation(
    limited: Any, live: SmtpServer, queue: Queue, rows: Rows
) -> None:
    limited(MAIL_MAX_CONNECTIONS=1)
    queue("letters", 1)
    other = connections.Connections()
    assert len(other.get("confirmations", 0, 1, "live")) == 1
    jobs.deliver("letters")
    assert len(other.get("confirmations", 0, 1, "live")) == 1
    other.rest("confirmations", 0, more=False)
    jobs.deliver("letters")
    assert rows() == {"sent": 1}
    other.close()


def test_one_greylisted_mailbox_stops_no_domain() -> None:
    tally = domains.Tally()
    assert not any(tally.hear("a.example", state) for state in ["deferred"] * 4 + ["sent"] * 9)
    assert not tally.hear("a.example", "deferred")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_MESSAGES_PER_SECOND", "fast"), ("MAIL_MAX_EMAILS", "-1"), ("MAIL_MAX_CONNECTIONS", "1.5"),
        ("MAIL_DOMAIN_LIMITS", "gmail.com=20"), ("MAIL_DOMAIN_LIMITS", "gmail=1/1"), ("MAIL_RETRY_ALERTS", "1m 6h"),
        ("MAIL_RETRY_LETTERS", "6h 1m 3d"), ("MAIL_UNCERTAIN_LETTERS", "soon"), ("MAIL_RETRY_ALERTS", "1m 6h 90d"),
    ],
)  # fmt: skip
def test_a_bad_limit_is_refused_in_one_sentence(name: str, value: str, tmp_path: Any) -> None:
    with pytest.raises(config.ConfigError) as refused:
        config.load({name: value, "DATA": str(tmp_path)})
    text = str(refused.value)
    assert text.startswith(name) and text.endswith(".") and "\n" not in text


def test_limits_are_read(tmp_path: Any) -> None:
    read = config.load(
        {"DATA": str(tmp_path), "MAIL_DOMAIN_LIMITS": "Gmail.com=20/4, *=50/0", "MAIL_RETRY_ALERTS": "30s 1h 1d",
         "MAIL_UNCERTAIN_LETTERS": "2h"}
    )  # fmt: skip
    assert read["MAIL_DOMAIN_LIMITS"] == {"gmail.com": (20, 4), "*": (50, 0)}
    assert read["MAIL_PATIENCE"]["alerts"] == (30, 3600, 86400, 60)
    assert read["MAIL_PATIENCE"]["letters"][3] == 7200


def test_a_place_taken_before_the_clock_was_set_back_is_free_again(
    limited: Any, live: SmtpServer, engine: Flask
) -> None:
    valkey = limits._client(engine.config["RQ_CONNECTION"])
    valkey.zadd("campaign:at-once:connections", {"a worker that is no more": time.time() + 86400})
    assert limits.enter("connections", 1, "me")
    assert not limits.enter("connections", 1, "another")


def test_two_senders_pause_a_domain_once_and_keep_no_transaction_open(
    live: SmtpServer, engine: Flask
) -> None:
    first = domains.pause("slow.example", "later")
    assert domains.pause("slow.example", "later") == first
    assert not db.session().in_transaction()
