"""What the SMTP door bears: whom it lets in, how much and for how long."""

import smtplib
import socket
import ssl
import threading
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from campaign.clock import utcnow
from tests.mail.inbound import letters
from tests.mail.inbound.conftest import DOMAIN
from tests.mail.inbound.doors import Doors, Make, post, refusal


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
