"""The three streams and how each is sent."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from campaign.mail.answers import Patience


@dataclass(frozen=True)
class Stream:
    """How much of a stream is claimed, in flight and tried at once."""

    name: str
    claim: int
    """Rows claimed at once."""
    group: int
    """Rows that a connection is given at once."""
    at_risk: int
    """Rows that a connection may have sent before their answers are recorded: at most so many repeat after a crash."""
    senders: int
    """Threads at once in one worker."""
    lanes: int
    """Connections of one sender."""
    marks: bool = False
    """A row is marked before the last byte of its message leaves, so that a crash leaves no guess."""
    doubts: int = 3
    """After so many unknown fates a person decides."""

    def patience(self) -> Patience:
        """How long it tries, by MAIL_RETRY_… and MAIL_UNCERTAIN_… of the configuration."""
        first, longest, give_up, doubt = (
            timedelta(seconds=seconds) for seconds in current_app.config["MAIL_PATIENCE"][self.name]
        )
        return Patience(first, longest, give_up, doubt, self.doubts)


STREAMS = {
    "confirmations": Stream("confirmations", claim=96, group=16, at_risk=32, senders=2, lanes=1),
    # A second copy in an official's inbox does harm, so: one in flight, and a person may decide.
    "letters": Stream(
        "letters", claim=20, group=1, at_risk=1, senders=1, lanes=1, marks=True, doubts=2
    ),
    "alerts": Stream("alerts", claim=1024, group=16, at_risk=32, senders=1, lanes=16),
}
