"""One message that came in, as handlers see it. All of its words are a stranger's."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from campaign.clock import utcnow
from campaign.mail.inbound import reading
from campaign.mail.inbound.reading import Reading


@dataclass(frozen=True)
class Incoming:
    """A message with its envelope, for one of its recipients."""

    raw: bytes
    envelope_from: str
    """Empty: the null return path, to which nothing may ever be answered (RFC 3834 section 2)."""
    recipient: str
    source: str
    """The door: ``smtp``, ``lmtp``, ``pipe``, or the provider whose webhook told of it."""
    at: datetime = field(default_factory=utcnow)
    known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was found out about the message, whoever it is for: it is opened once, however many its recipients."""

    def to(self, recipient: str) -> "Incoming":
        """The same message for another of its recipients."""
        return replace(self, recipient=recipient)

    @property
    def key(self) -> str:
        """The message's digest: the same message again has the same one, whatever way it comes."""
        if "key" not in self.known:
            self.known["key"] = hashlib.sha256(self.raw).hexdigest()[:40]
        return str(self.known["key"])

    @property
    def reading(self) -> Reading:
        """The message opened within limits; never raises."""
        if "reading" not in self.known:
            self.known["reading"] = reading.read(self.raw)
        found: Reading = self.known["reading"]
        return found

    @property
    def subject(self) -> str:
        """The subject on one line; may be empty."""
        return self.reading.text_header("Subject")

    @property
    def sender(self) -> str:
        """The From address, lower-case; empty where there is none. Anyone can write anything there."""
        return self.reading.address("From")

    @property
    def text(self) -> str:
        """The words of the first text part (HTML without its tags where there is no other), cut at TEXT_LIMIT."""
        return self.reading.text()

    @property
    def automatic(self) -> bool:
        """Whether a machine wrote it (RFC 3834), so that nothing may be answered."""
        return not self.envelope_from or self.reading.automatic()
