"""Servers that answer what nobody asked, in pieces, or over TLS: nothing is called sent that the server has not taken."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaign.mail import jobs
from tests.mail.conftest import Queue, Sql
from tests.mail.server import DROP, SmtpServer

GARBAGE = (
    "hello",
    "999 what",
    "150 hm",
    "354 go",
    "250 ok",
    "250 ok\r\n250 ok",
    "x" * 70_000,
    "250-a\r\n" * 200 + "250 b",
)


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: repr(text[:8]))
def test_sent_is_what_the_server_has_taken(
    live: SmtpServer, queue: Queue, sql: Sql, step: str, garbage: str
) -> None:
    live.script = lambda at, to: garbage if at == step and to[:3] in ("", "r3@") else None
    queue("alerts", 12)
    jobs.deliver("alerts")
    sent = {row[0] for row in sql("SELECT to_address FROM message WHERE state = 'sent'")}
    assert sent <= set(live.recipients())
    doubtful = sql("SELECT to_address FROM message WHERE state = 'uncertain'")
    assert set(live.recipients()) <= sent | {row[0] for row in doubtful}
    assert all(got.raw for got in live.got), "no empty message is delivered"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
         "-subj", "/CN=mail.example", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def server(request: pytest.FixtureRequest, certificate: Path) -> Iterator[SmtpServer]:
    """A server, with TLS where the test says so."""
    server = SmtpServer()
    kind = getattr(request, "param", "")
    if kind:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        server.tls = kind
    yield server
    server.close()


@pytest.mark.parametrize("server", ["ssl", "starttls"], indirect=True)
@pytest.mark.parametrize("trusted", [True, False])
def test_tls_with_a_certificate_of_ones_own(
    live: SmtpServer, engine: Flask, queue: Queue, rows: Any, certificate: Path, trusted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    engine.config.update(MAIL_USE_SSL=live.tls == "ssl", MAIL_USE_TLS=live.tls == "starttls")
    queue("alerts", 150, data={"text": "A line of words.\n" * 2000})
    jobs.deliver("alerts")
    assert rows() == ({"sent": 150} if trusted else {"queued": 150})
    assert len(live.got) == (150 if trusted else 0)


@pytest.mark.parametrize("stream", ["alerts", "letters", "confirmations"])
@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_server_that_wants_a_log_in_fails_no_message(
    live: SmtpServer, queue: Queue, rows: Any, sql: Sql, stream: str, step: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    live.script = lambda at, to: "530 5.7.0 Authentication required" if at == step else None
    queue(stream, 6)
    jobs.deliver(stream)
    assert rows() == {"queued": 6}
    assert sql("SELECT max(attempts) FROM message") == [(0,)]
    assert live.connections <= 4, "it is not asked again and again"
    assert "530 Authentication required" in caplog.text
    assert "MAIL_USERNAME" in caplog.text
    live.script = lambda at, to: None
    jobs.deliver(stream)
    assert rows() == {"sent": 6}


@pytest.mark.parametrize("stream", ["alerts", "letters"])
def test_a_server_that_leaves_after_each_message_delays_none(
    live: SmtpServer, queue: Queue, rows: Any, sql: Sql, stream: str
) -> None:
    worn: set[int] = set()  # the server has a thread for each connection

    def script(step: str, to: str) -> str | None:
        me = threading.get_ident()
        if step == "connect":
            worn.discard(me)
        if step == "dot":
            worn.add(me)
        return DROP if step == "mail" and me in worn else None

    live.script = script
    queue(stream, 9)
    jobs.deliver(stream)
    assert rows() == {"sent": 9}
    assert sql("SELECT max(attempts) FROM message") == [(1,)]
    assert sorted(live.recipients()) == sorted(set(live.recipients()))


def test_a_530_for_one_recipient_stops_no_others(live: SmtpServer, queue: Queue, rows: Any) -> None:
    live.script = lambda at, to: (
        "530 No such user here" if (at, to) == ("rcpt", "r3@there.example") else None
    )
    queue("alerts", 6)
    jobs.deliver("alerts")
    assert rows() == {"failed": 1, "sent": 5}


def test_answers_with_a_bare_line_feed_are_understood(
    live: SmtpServer, queue: Queue, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.mail import server

    def say(talk: Any, text: str) -> None:
        talk.connection.sendall(text.replace("\r\n", "\n").encode() + b"\n")

    monkeypatch.setattr(server._Talk, "say", say)
    queue("alerts", 12)
    jobs.deliver("alerts")
    assert rows() == {"sent": 12}
