"""The capture inbox: where messages go until an administrator turns live delivery on."""

from collections.abc import Callable, Sequence

from campaign.clock import utcnow
from campaign.mail.answers import Answer
from campaign.mail.compose import Envelope
from campaign.mail.transport import BeforeDot, Fate

CAPTURED = Answer(250, "2.0.0", "kept in the capture inbox", "capture", captured=True)


class Lanes:
    """Takes messages as a server would; the rows themselves are written where the outcome is recorded."""

    broken = useless = False

    def __len__(self) -> int:
        return 1

    def room(self) -> int:
        """No limit."""
        return 1 << 30

    def send(
        self,
        envelopes: Sequence[Envelope],
        group: int,
        alone: Callable[[Envelope], bool],
        before_dot: BeforeDot | None = None,
    ) -> list[Fate]:
        """Takes every message."""
        return [CAPTURED] * len(envelopes)


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
