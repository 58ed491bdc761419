"""The three streams and how each is sent."""

from dataclasses import dataclass, field
from datetime import timedelta

from campaign.mail.answers import Patience


@dataclass(frozen=True)
class Stream:
    """How much of a stream is claimed, in flight and tried at once."""

    name: str
    claim: int
    """Rows claimed at once."""
    group: int
    """Rows sent on a connection before their answers are recorded: at most so many repeat after a crash."""
    threads: int
    """Connections at once in one worker."""
    patience: Patience = field(default_factory=Patience)
    marks: bool = False
    """A row is marked before the last byte of its message leaves, so that a crash leaves no guess."""


STREAMS = {
    "confirmations": Stream(
        "confirmations", claim=96, group=32, threads=2, patience=Patience(doubt=timedelta(0))
    ),
    # A second copy in an official's inbox does harm, so: one in flight, and a person may decide.
    "letters": Stream(
        "letters", claim=20, group=1, threads=1, marks=True,
        patience=Patience(doubt=timedelta(minutes=30), doubts=2),
    ),
    "alerts": Stream("alerts", claim=400, group=32, threads=4),
}  # fmt: skip
