"""``campaign delivery``: nothing leaves until an administrator says so and the mail server agrees."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.mail.server import SmtpServer

Cli = Callable[..., Any]
SENDER = {"MAIL_DEFAULT_SENDER": "us@coalition.example"}


def test_going_live_needs_a_server_that_sends_for_us(cli: Cli, server: SmtpServer) -> None:
    at = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.port), **SENDER}
    refused = cli("delivery", "live", "--yes")
    assert refused.exit_code == 1
    assert "MAIL_SERVER" in refused.output

    server.script = lambda step, recipient: "550 5.7.1 not yours" if step == "mail" else None
    refused = cli("delivery", "live", "--yes", **at)
    assert refused.exit_code == 1
    assert "MAIL_DEFAULT_SENDER: 550 not yours" in refused.output
    assert len(refused.output.strip().splitlines()) == 1

    server.script = lambda step, recipient: None
    asked = cli("delivery", "live", stdin="n\n", **at)
    assert asked.exit_code == 1
    assert '"delivery": "live"' in cli("delivery", "live", "--yes", "--json", **at).output
    assert "captured" in cli("delivery", "capture", **at).output
    assert cli("delivery", "elsewhere").exit_code == 2


def test_a_server_that_is_away_is_named(cli: Cli) -> None:
    refused = cli("delivery", "live", "--yes", MAIL_SERVER="127.0.0.1", MAIL_PORT="1", **SENDER)
    assert refused.exit_code == 1
    assert refused.output.startswith("The mail server 127.0.0.1:1 cannot be reached")


def test_a_server_without_the_log_in_that_is_configured(cli: Cli, server: SmtpServer) -> None:
    at = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.port), **SENDER}
    refused = cli("delivery", "live", "--yes", MAIL_USERNAME="u", MAIL_PASSWORD="p", **at)
    assert refused.exit_code == 1
    assert refused.output.endswith("does not offer a log-in (MAIL_USERNAME).\n")
    refused = cli("delivery", "live", "--yes", MAIL_USE_TLS="true", **at)
    assert refused.exit_code == 1
    assert refused.output.endswith("does not offer STARTTLS (MAIL_USE_TLS).\n")


def test_what_is_no_mail_server_is_called_so(
    cli: Cli, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.port), **SENDER}
    server.script = lambda step, recipient: "HTTP/1.1 400 Bad Request"
    refused = cli("delivery", "live", "--yes", **at)
    assert refused.exit_code == 1
    assert "is no mail server: see MAIL_SERVER and MAIL_PORT" in refused.output
    monkeypatch.setattr("campaign.mail.server.CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at["MAIL_PORT"] = str(silent.getsockname()[1])
        assert "says nothing for 0.2 s." in cli("delivery", "live", "--yes", **at).output
