"""The capture inbox: where messages go until an administrator turns live delivery on."""

from collections.abc import Callable, Sequence

from campaign.clock import utcnow
from campaign.mail.answers import Answer
from campaign.mail.compose import Envelope
from campaign.mail.transport import Fate

CAPTURED = Answer(250, "2.0.0", "kept in the capture inbox", "capture", captured=True)


class CaptureSession:
    """Takes messages as a server would; the rows themselves are written where the outcome is recorded."""

    broken = False

    def usable(self) -> bool:
        """Always."""
        return True

    def room(self) -> int:
        """No limit."""
        return 1 << 30

    def close(self) -> None:
        """Nothing to close."""

    def send(
        self, envelopes: Sequence[Envelope], before_dot: Callable[[Envelope], bool] | None = None
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
