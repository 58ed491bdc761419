"""Mail through the SMTP and LMTP doors, and what it changes."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from campaign.clock import utcnow
from campaign.mail import verp
from campaign.mail.inbound import routing
from tests.mail.inbound import letters
from tests.mail.inbound.conftest import DOMAIN
from tests.mail.inbound.doors import Doors, Make, post, refusal


def test_a_hard_bounce_stops_bulk_mail_once_and_says_why(
    sent: Make, doors: Doors, suppressed: Any, counted: Any, sql: Any
) -> None:
    message = sent()
    raw = letters.dsn(message.bounce)
    for _ in range(3):
        post(doors, message.bounce, raw)
    assert suppressed() == [("ana@there.example", "alerts", "hard-bounce")]
    assert sql("SELECT message_id, note FROM suppression") == [
        (message.id, "550 5.1.1 <address>: Recipient address rejected: User unknown")
    ]
    assert sql("SELECT state, smtp_code, smtp_enhanced, smtp_server FROM message") == [
        ("failed", 550, "5.1.1", "inner.there.example")
    ]
    assert counted() == {"hard": 1, "repeated": 2}
    assert sql("SELECT sum(delta)::int FROM journal WHERE name = 'test.failed'") == [(1,)]


def test_a_bounce_replayed_by_another_way_or_much_later_changes_nothing(
    sent: Make, doors: Doors, suppressed: Any, counted: Any, sql: Any
) -> None:
    from campaign.extensions import db
    from campaign.mail import suppressions
    from campaign.mail.inbound import events

    message = sent()
    post(doors, message.bounce, letters.dsn(message.bounce))
    suppressions.lift(message.address, "alerts", "an organizer")
    db.session.commit()
    relayed = b"Received: from mx.there.example by relay.example; today\r\n"
    post(doors, message.bounce, relayed + letters.dsn(message.bounce))
    post(doors, message.bounce, letters.dsn(message.bounce, extra="X-Again: 1\n"))
    assert counted() == {"hard": 1, "repeated": 2}
    # What is told of it is forgotten at last, and so is the message's own bounce.
    sql("UPDATE message SET finished_at = finished_at - interval '401 days'")
    sql("UPDATE inbound_event SET at = at - interval '401 days'")
    assert events.clear() == 1
    post(doors, message.bounce, letters.dsn(message.bounce))
    assert (suppressed(), counted()["unknown"]) == ([], 1)


def test_soft_bounces_stop_bulk_mail_after_five_messages_in_thirty_days(
    sent: Make, doors: Doors, suppressed: Any, sql: Any
) -> None:
    full = {"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 mailbox full"}
    with time_machine.travel(utcnow() - timedelta(days=40)):
        old = sent()
        post(doors, old.bounce, letters.dsn(old.bounce, **full))
    messages = [sent() for _ in range(5)]
    for message in messages[:4]:
        post(doors, message.bounce, letters.dsn(message.bounce, **full))
        # Another report of the same message counts no second time.
        post(doors, message.bounce, letters.dsn(message.bounce, **full, extra="X-Again: 1\n"))
    assert suppressed() == []
    post(doors, messages[4].bounce, letters.dsn(messages[4].bounce, **full))
    assert suppressed() == [("ana@there.example", "alerts", "soft-bounces")]
    assert sql("SELECT DISTINCT state FROM message") == [("failed",)]


@pytest.mark.parametrize(
    "raw", [letters.VACATION, letters.plain(), letters.dsn("x", action="delayed")]
)
def test_what_is_no_bounce_is_counted_and_changes_nothing(
    raw: bytes, sent: Make, doors: Doors, suppressed: Any, counted: Any, sql: Any
) -> None:
    message = sent()
    for sender in ("", "ana@there.example"):
        post(doors, message.bounce, raw, sender)
    assert suppressed() == []
    assert sql("SELECT state FROM message") == [("sent",)]
    assert sum(counted().values()) == 2


@pytest.mark.parametrize("bounce", [letters.QMAIL, letters.EXCHANGE])
def test_a_bounce_that_follows_no_standard_is_understood(
    sent: Make, doors: Doors, suppressed: Any, bounce: bytes
) -> None:
    message = sent()
    post(doors, message.bounce, bounce)
    assert suppressed() == [("ana@there.example", "alerts", "hard-bounce")]


def test_forged_addresses_and_bounces_of_what_never_left_change_nothing(
    sent: Make, doors: Doors, suppressed: Any, counted: Any, sql: Any
) -> None:
    message = sent(state="queued")
    post(doors, message.bounce, letters.dsn(message.bounce))
    never = verp.address(verp.BOUNCE, 999_999)
    assert never
    post(doors, never, letters.dsn(never))
    local, _, signature = message.bounce.partition("@")[0].rpartition("-")
    wrong = f"{local}-{signature[:-1]}{'a' if signature[-1] != 'a' else 'b'}@{DOMAIN}"
    for address in (
        wrong,
        message.bounce.replace(DOMAIN, "elsewhere.example"),
        f"someone@{DOMAIN}",
    ):
        assert refusal(doors, address) == 550
    assert suppressed() == []
    assert sql("SELECT state FROM message") == [("queued",)]
    assert counted()["unknown"] == 2


def test_a_bounce_that_comes_before_the_answer_is_recorded_comes_again(
    sent: Make, doors: Doors, suppressed: Any, sql: Any
) -> None:
    message = sent(state="leased")
    assert refusal(doors, message.bounce, letters.dsn(message.bounce)) == 451
    sql("UPDATE message SET state = 'sent'")
    post(doors, message.bounce, letters.dsn(message.bounce))
    assert len(suppressed()) == 1


@pytest.mark.parametrize("quote", ["Return-Path: <{0.bounce}>", "Message-ID: {0.message_id}"])
def test_a_complaint_is_for_good(
    quote: str, sent: Make, doors: Doors, suppressed: Any, counted: Any
) -> None:
    message = sent()
    raw = letters.arf(quote.format(message))
    for _ in range(2):
        post(doors, f"complaints@{DOMAIN}", raw, "abuse@provider.example")
    assert suppressed() == [("ana@there.example", "alerts", "complaint")]
    post(doors, f"abuse@{DOMAIN}", letters.arf(quote.format(sent()), kind="not-spam"))
    post(doors, f"abuse@{DOMAIN}", letters.arf("Message-ID: <made.up.1@coalition.example>"))
    assert len(suppressed()) == 1
    assert counted() == {"complaint": 1, "repeated": 1, "automatic": 1, "unknown": 1}
    assert refusal(doors, f"postmaster@{DOMAIN}", letters.plain(), "ana@there.example") == 550


def test_a_feature_gets_the_replies_to_its_addresses_once(
    doors: Doors, counted: Any, request: pytest.FixtureRequest
) -> None:
    got: list[tuple[str, int]] = []
    routing.register("testing", lambda mail, number: got.append((mail.text.strip(), number)))
    request.addfinalizer(lambda: routing._routes.pop("testing"))
    address = routing.address("testing", 12)
    assert address
    for raw in (letters.plain(), letters.plain(), letters.VACATION, letters.dsn(address)):
        post(doors, address.upper().replace(DOMAIN.upper(), DOMAIN), raw, "ana@there.example")
    # What comes with the null return path no person wrote, whatever its header says.
    post(doors, address, letters.plain().replace(b"do", b"wait"), "")
    assert got == [("Please do", 12)]
    assert counted() == {"testing": 1, "repeated": 3, "automatic": 1}


def test_lmtp_answers_for_each_recipient(sent: Make, doors: Doors, suppressed: Any) -> None:
    first, second = sent(to="a@there.example"), sent(to="b@there.example", state="leased")
    with smtplib.LMTP("127.0.0.1", doors[1]) as client:
        client.ehlo()
        assert client.mail("")[0] == 250
        assert client.rcpt(first.bounce)[0] == client.rcpt(second.bounce)[0] == 250
        assert client.rcpt(f"nobody@{DOMAIN}")[0] == 550
        code, _ = client.data(letters.dsn(first.bounce))
        assert (code, client.getreply()[0]) == (250, 451)
    assert suppressed() == [("a@there.example", "alerts", "hard-bounce")]
