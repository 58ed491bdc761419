"""The capture inbox: where messages go until an administrator turns live delivery on."""

from collections.abc import Sequence

from campaign.clock import utcnow
from campaign.mail.answers import Answer
from campaign.mail.compose import Envelope
from campaign.mail.talks import Talk
from campaign.mail.transport import BeforeDot, Fate

CAPTURED = Answer(250, "2.0.0", "kept in the capture inbox", "capture", captured=True)


class Session:
    """Takes messages as a server would; the rows themselves are written where the outcome is recorded."""

    broken = talking = False
    carried = 0
    refusal = ""

    def fileno(self) -> int:
        """There is nothing to wait for."""
        raise NotImplementedError

    def receive(self) -> bool:
        """Nothing ever comes."""
        return False

    def usable(self) -> bool:
        """Always."""
        return True

    def room(self) -> int:
        """No limit."""
        return 1 << 30

    def talk(
        self,
        envelopes: Sequence[Envelope],
        fates: list[Fate],
        before_dot: BeforeDot | None = None,
    ) -> Talk:
        """Takes every message at once."""
        fates[:] = [CAPTURED] * len(envelopes)
        self.carried += len(envelopes)
        yield from ()


def columns(envelope: Envelope) -> dict[str, object]:
    """A captured message's row in the table."""
    return {
        "message_id": envelope.row.id,
        "at": utcnow(),
        "envelope_from": envelope.sender,
        "envelope_to": envelope.recipient,
        "subject": envelope.subject.replace("\0", ""),
        "raw": envelope.data,
    }
