"""Mail through the SMTP, LMTP and pipe doors, and what it changes."""

import os
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from campaign.clock import utcnow
from campaign.mail import verp
from campaign.mail.inbound import routing
from tests.mail.inbound import letters
from tests.mail.inbound.conftest import DOMAIN, Sent

Make = Callable[..., Sent]
Doors = tuple[int, int]


def post(doors: Doors, to: str | list[str], raw: bytes, sender: str = "") -> dict[str, Any]:
    """Hands a message to the SMTP door as a server on the net would."""
    with smtplib.SMTP("127.0.0.1", doors[0], timeout=20) as client:
        return client.sendmail(sender, to, raw)


def refusal(doors: Doors, to: str, raw: bytes = b"Subject: x\r\n\r\nx", sender: str = "") -> int:
    """The code with which the door refuses a message."""
    with pytest.raises(smtplib.SMTPException) as refused:
        post(doors, to, raw, sender)
    error = refused.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0]
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code


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


def test_a_bounce_that_follows_no_standard_is_understood(
    sent: Make, doors: Doors, suppressed: Any
) -> None:
    message = sent()
    post(doors, message.bounce, letters.QMAIL)
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


def test_the_door_is_no_relay_and_has_limits(
    receiving_app: Any, sent: Make, doors: Doors, counted: Any
) -> None:
    message = sent()
    assert refusal(doors, "us@coalition.example") == 550
    with smtplib.SMTP("127.0.0.1", doors[0], timeout=20) as client:
        client.ehlo()
        client.mail("")
        codes = [client.rcpt(f"x{n}@{DOMAIN}")[0] for n in range(21)]
        assert set(codes[:20]) == {550} and codes[20] == 421
    receiving_app.config["MAIL_INBOUND_SIZE"] = 20_000
    assert refusal(doors, message.bounce, b"Subject: x\r\n\r\n" + b"x\r\n" * 10_000) == 552


def test_the_door_speaks_tls_and_lets_nobody_sign_in(
    receiving_app: Any, sent: Make, suppressed: Any, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, DOMAIN)])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        .public_key(key.public_key()).not_valid_before(utcnow()).not_valid_after(utcnow() + timedelta(1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "cert").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key").write_bytes(key.private_bytes(pem, form, secret))
    receiving_app.config["MAIL_INBOUND_TLS_CERT"] = str(tmp_path / "cert")
    receiving_app.config["MAIL_INBOUND_TLS_KEY"] = str(tmp_path / "key")
    doors: Doors = request.getfixturevalue("doors")
    message = sent()
    context = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    context.check_hostname = False
    for _ in range(2):
        with smtplib.SMTP("127.0.0.1", doors[0], timeout=20) as client:
            client.starttls(context=context)
            client.ehlo()
            assert "auth" not in client.esmtp_features
            client.sendmail("", message.bounce, letters.dsn(message.bounce))
    assert len(suppressed()) == 1


def test_a_message_is_opened_once_however_many_its_recipients(
    sent: Make, doors: Doors, suppressed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.mail.inbound import reading

    opened: list[bytes] = []
    read = reading.read
    monkeypatch.setattr(reading, "read", lambda raw: opened.append(raw) or read(raw))
    messages = [sent(to=f"p{n}@there.example") for n in range(10)]
    post(doors, [one.bounce for one in messages], letters.dsn("x"))
    assert (len(suppressed()), len(opened)) == (10, 1)


def test_a_message_of_too_many_lines_or_bytes_is_refused_while_it_comes(
    receiving_app: Any, sent: Make, doors: Doors
) -> None:
    message = sent()
    for line, n in ((b"\r\n", 310_000), (b"x" * 998 + b"\r\n", 12_000)):
        assert refusal(doors, message.bounce, b"Subject: x\r\n\r\n" + line * n) == 552
    assert post(doors, message.bounce, letters.dsn(message.bounce)) == {}


def test_a_session_that_never_ends_is_ended(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from campaign.mail.inbound import sessions

    monkeypatch.setattr(sessions, "SESSION_S", 0.5)
    doors: Doors = request.getfixturevalue("doors")
    with smtplib.SMTP("127.0.0.1", doors[0], timeout=20) as client:
        client.ehlo()
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            for _ in range(2000):
                assert client.rset()[0] == 250
                threading.Event().wait(0.01)


def test_a_line_without_an_end_ends_the_session(
    receiving_app: Any, sent: Make, doors: Doors
) -> None:
    receiving_app.config["MAIL_INBOUND_SIZE"] = 20_000
    message = sent()
    with socket.create_connection(("127.0.0.1", doors[0]), timeout=20) as client:
        for line in ("EHLO x", "MAIL FROM:<>", f"RCPT TO:<{message.bounce}>", "DATA"):
            client.sendall(f"{line}\r\n".encode())
        with pytest.raises(ConnectionError):
            for _ in range(200):
                client.sendall(b"x" * 65536)


def _mail(client: smtplib.SMTP) -> int:
    client.ehlo()
    return client.mail("")[0]


def test_the_rate_is_limited_and_so_are_sessions(
    receiving_app: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from campaign.mail.inbound import door

    monkeypatch.setitem(receiving_app.config, "MAIL_INBOUND_RATE", "5 per minute")
    monkeypatch.setattr(door, "SESSIONS_A_PEER", 4)
    doors: Doors = request.getfixturevalue("doors")

    clients = [smtplib.SMTP("127.0.0.1", doors[0]) for _ in range(door.SESSIONS_A_PEER)]
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP("127.0.0.1", doors[0])
    assert refused.value.smtp_code == 421
    codes = [_mail(clients[n % len(clients)]) for n in range(8)]
    assert codes == [250] * 5 + [451] * 3
    for client in clients:
        client.close()


def test_the_pipe_takes_a_message_and_says_so_by_its_exit_code(
    cli: Any, sent: Make, suppressed: Any
) -> None:
    message = sent()
    environment = {
        "MAIL_INBOUND_DOMAIN": DOMAIN, "MAIL_DEFAULT_SENDER": "us@coalition.example",
    }  # fmt: skip

    def pipe(raw: bytes, *options: str, **more: str) -> int:
        args = ("inbound", "--stdin", *options)
        return int(cli(*args, stdin=raw.decode(), **environment, **more).exit_code)

    raw = letters.dsn(message.bounce)
    assert pipe(raw, "--recipient", f"nobody@{DOMAIN}") == 67
    assert pipe(raw + b"x" * 10_000, "--recipient", message.bounce, MAIL_INBOUND_SIZE="10000") == 65
    abuse = ("--recipient", f"abuse@{DOMAIN}", "--sender", "ana@there.example")
    assert pipe(letters.plain(), *abuse) == 65
    away = "postgresql://nobody@127.0.0.1:1/none"
    assert pipe(raw, "--recipient", message.bounce, DATABASE_URL=away) == 75
    # Postfix clears a pipe's environment: what was forgotten there must not have bounces thrown away.
    forgotten = cli(
        "inbound",
        "--stdin",
        "--recipient",
        message.bounce,
        stdin=raw.decode(),
        MAIL_INBOUND_DOMAIN="",
    )
    assert (forgotten.exit_code, "MAIL_INBOUND_DOMAIN is not set" in forgotten.output) == (75, True)
    # Postfix' pipe(8) writes the null return path so.
    other = sent(to="bea@there.example")
    unsigned = letters.QMAIL.replace(b"MAILER-DAEMON@", b"admin@")
    postfix = ("--recipient", other.bounce, "--sender", "MAILER-DAEMON")
    assert pipe(unsigned, *postfix) == 0
    assert suppressed() == [("bea@there.example", "alerts", "hard-bounce")]
    # Without an option the delivering server's own header says whom it was for.
    assert pipe(f"Delivered-To: {message.bounce}\r\n".encode() + raw) == 0
    assert len(suppressed()) == 2
    wrong = cli("inbound", "--stdin", stdin=raw.decode(), MAIL_PORT="x")
    assert (wrong.exit_code, "MAIL_PORT" in wrong.output) == (75, True)


def test_the_senders_mailbox_can_be_piped_where_there_is_no_inbound_domain(
    receiving_app: Any, cli: Any, sent: Make, suppressed: Any
) -> None:
    message = sent()
    raw = letters.dsn("us@coalition.example").replace(
        b"Subject: Act now", f"Message-ID: {message.message_id}\r\nSubject: Act now".encode()
    )
    options = ("inbound", "--stdin", "--recipient", "us@coalition.example")
    cli(*options, stdin=raw.decode(), MAIL_DEFAULT_SENDER="us@coalition.example")
    assert len(suppressed()) == 1


WRONG: list[tuple[dict[str, str], str]] = [
    ({}, "MAIL_INBOUND_DOMAIN is not set"),
    ({"MAIL_INBOUND_DOMAIN": "no domain"}, "set it to a domain"),
    ({"MAIL_INBOUND_DOMAIN": DOMAIN, "MAIL_INBOUND_SMTP": "25"}, "set it to host:port"),
    ({"MAIL_INBOUND_DOMAIN": DOMAIN, "MAIL_INBOUND_TLS_KEY": "/none"}, "cannot be read"),
]


def test_a_wrong_setting_is_one_sentence(cli: Any) -> None:
    for given, sentence in WRONG:
        done = cli("inbound", **given)
        for name in given:
            del os.environ[name]
        assert done.exit_code == 1
        assert sentence in done.output + str(done.exception)


def test_a_door_that_cannot_be_opened_is_one_sentence(environment: dict[str, str]) -> None:
    # A process of its own: a browser test before this one leaves its event loop running in ours.
    given = {"MAIL_INBOUND_DOMAIN": DOMAIN, "MAIL_INBOUND_SMTP": "192.0.2.1:25"}
    done = subprocess.run(
        [sys.executable, "-c", "from campaign.cli import main; main()", "inbound"],
        env=os.environ | environment | given,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr and "Traceback" not in done.stderr
