"""Mail through a pipe, and settings of the doors that are wrong."""

import os
import subprocess
import sys
from typing import Any

from tests.mail.inbound import letters
from tests.mail.inbound.conftest import DOMAIN
from tests.mail.inbound.doors import Make


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
