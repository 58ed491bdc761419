"""A real SMTP server that keeps all it gets and refuses a few addresses for good."""

import email
import re
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from functools import cached_property
from typing import Any

from aiosmtpd.controller import Controller

from campaign.demonstration.failing import Failed, wait_until

PATIENCE = 60.0
"""Seconds in which a message must have come."""


@dataclass
class Mail:
    """One message, as it came for one recipient. ``at``: seconds of time.monotonic()."""

    recipient: str
    sender: str
    raw: bytes
    at: float = field(default_factory=time.monotonic)

    @cached_property
    def message(self) -> EmailMessage:
        """The parsed message."""
        parsed = email.message_from_bytes(self.raw, policy=default)
        if not isinstance(parsed, EmailMessage):
            raise Failed(f"What came for {self.recipient} is no message.")
        return parsed

    @cached_property
    def text(self) -> str:
        """The plain-text part, with Unix line ends."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""

    def link(self, piece: str) -> str:
        """The one address in the text that has ``piece`` in it. Raises Failed where there is none."""
        found = {one for one in re.findall(r"https?://[^\s<>]+", self.text) if piece in one}
        if len(found) != 1:
            raise Failed(
                f"The message to {self.recipient} has {len(found)} links with {piece} instead of one."
            )
        return found.pop()

    @cached_property
    def from_(self) -> tuple[str, str]:
        """The name and the address in From.

        Read with email.header: the newer parser puts a blank between adjacent encoded words, which RFC 2047, 6.2
        forbids.
        """
        plain = str(make_header(decode_header(email.message_from_bytes(self.raw)["From"])))
        return parseaddr(" ".join(plain.split()))

    @property
    def is_alert(self) -> bool:
        """Whether it can be unsubscribed from, as only alerts can."""
        return "List-Unsubscribe" in self.message


class MailServer:
    """Listens on a port of its own while used as a context manager."""

    def __init__(self, refused: Collection[str]) -> None:
        self.refused = frozenset(refused)
        self.refusals: Counter[str] = Counter()
        self._arrived: defaultdict[str, list[Mail]] = defaultdict(list)
        self._lock = threading.Lock()
        with socket.create_server(("127.0.0.1", 0)) as spare:
            self.port = int(spare.getsockname()[1])
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True, ready_timeout=20
        )

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Takes a recipient, or says that there is none of the name."""
        if address in self.refused:
            self.refusals[address] += 1
            return "550 5.1.1 There is no mailbox of this name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keeps the message, once for each recipient."""
        with self._lock:
            for address in envelope.rcpt_tos:
                self._arrived[address].append(Mail(address, envelope.mail_from, envelope.content))
        return "250 2.0.0 Kept"

    def to(self, address: str) -> list[Mail]:
        """What came for an address, in order."""
        with self._lock:
            return list(self._arrived.get(address, ()))

    def addresses(self) -> set[str]:
        """Everyone who got something."""
        with self._lock:
            return set(self._arrived)

    def first_to(self, address: str, seconds: float = PATIENCE) -> Mail:
        """The first message to an address, as soon as it is there."""
        return wait_until(f"a message to {address}", lambda: self.to(address), seconds)[0]

    def alerts_to(self, address: str) -> list[Mail]:
        """The alerts among what came for an address."""
        return [mail for mail in self.to(address) if mail.is_alert]
