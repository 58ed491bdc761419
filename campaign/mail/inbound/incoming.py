"""One message that came in, as handlers see it. All of its words are a stranger's."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

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

    @cached_property
    def key(self) -> str:
        """The message's digest: the same message again has the same one, whatever way it comes."""
        return hashlib.sha256(self.raw).hexdigest()[:40]

    @cached_property
    def reading(self) -> Reading:
        """The message opened within limits; never raises."""
        return reading.read(self.raw)

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
