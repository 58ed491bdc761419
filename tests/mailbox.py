"""A real SMTP server in the test run, and the mail that arrived at it."""

import asyncio
import email
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask


@dataclass
class Arrived:
    """One message as the server got it."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The parsed message."""
        parsed = email.message_from_bytes(self.raw, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def text(self) -> str:
        """The plain-text part."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""

    def html(self) -> str:
        """The HTML part."""
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""

    def links(self) -> list[str]:
        """The addresses in the plain-text part."""
        return re.findall(r"https?://[^\s<>]+", self.text())


class _Controller(Controller):
    """aiosmtpd's, at a port that the system chooses as it opens it."""

    async def _create_server(self) -> asyncio.AbstractServer:
        server = await self.loop.create_server(self._factory_invoker, self.hostname, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


class Mailbox:
    """An SMTP server that keeps what it gets; ``answer`` can refuse a recipient."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answer: Callable[[str], str] = lambda recipient: "250 OK"
        self.controller = _Controller(self, hostname="127.0.0.1", enable_SMTPUTF8=True)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Takes the recipient, or answers as the test wants."""
        answer = self.answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keeps the message."""
        self.arrived.append(Arrived(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 Kept"

    def to(self, address: str) -> list[Arrived]:
        """What came for one address."""
        return [mail for mail in self.arrived if address in mail.recipients]


@pytest.fixture(scope="session")
def session_mailbox() -> Iterator[Mailbox]:
    """The worker's own SMTP server."""
    mailbox = Mailbox()
    mailbox.controller.start()
    yield mailbox
    mailbox.controller.stop()


@pytest.fixture
def smtp(app: Flask, session_mailbox: Mailbox) -> Iterator[Mailbox]:
    """A real SMTP server, live delivery on, and the application pointed at it."""
    from campaign.extensions import db
    from campaign.mail import settings

    session_mailbox.arrived.clear()
    session_mailbox.answer = lambda recipient: "250 OK"
    server: Any = session_mailbox.controller.server
    port = server.sockets[0].getsockname()[1]
    before = {key: app.config.get(key) for key in ("MAIL_SERVER", "MAIL_PORT")}
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port)
    with app.app_context():
        settings.set_delivery("live", by="test")
        db.session.commit()
    yield session_mailbox
    app.config.update(before)
