"""What a mail server's answer means for a message (RFC 5321 section 4.2, RFC 3463)."""

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

TEXT_LIMIT = 300
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?")


class Answer(NamedTuple):
    """A server's last word on a message; ``code`` None: there was none (a drop, or nothing was sent)."""

    code: int | None
    enhanced: str | None
    text: str | None
    server: str | None
    captured: bool = False


NO_ANSWER = Answer(None, None, None, None)
BROKE = "the connection broke before the server answered"
"""What stands for an answer where nobody knows what became of a message; pages say it in their language."""


class GiveBack(NamedTuple):
    """The message was not tried: it goes back as if it had never been claimed."""


class Unknown(NamedTuple):
    """The connection broke after the last byte and before the answer: nobody knows."""

    server: str | None


@dataclass(frozen=True)
class Patience:
    """How long a stream tries: the waits double from ``first`` to ``longest`` until ``give_up``."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=6)
    give_up: timedelta = timedelta(days=3)
    doubt: timedelta = timedelta(minutes=1)
    """How long a message of unknown fate waits before it goes again."""
    doubts: int = 3
    """After so many unknown fates a person decides."""

    def wait(self, attempts: int) -> timedelta:
        """The wait after the ``attempts``-th try (1, 2, …), with a jitter of a fifth either way."""
        doubled = self.first * 2 ** min(max(attempts - 1, 0), 30)
        return min(doubled, self.longest) * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


class Verdict(NamedTuple):
    """The state that follows, and when the row is due again where it is."""

    state: str
    next_attempt_at: datetime | None = None


_SENT = Verdict("sent")


def parse(code: int, text: str, server: str | None) -> Answer:
    """An answer as it is kept: enhanced code apart, addresses left out, trimmed."""
    text = " ".join(text.split())
    match = _ENHANCED.match(text)
    enhanced = match[1] if match else None
    if match:
        text = text[match.end() :]
    # A server may repeat the address; it is personal data and the row has it anyway.
    text = (_ADDRESS.sub("<address>", text) if "@" in text else text)[:TEXT_LIMIT]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "?" for c in text)
    return Answer(code, enhanced, text, server)


def judge(
    answer: Answer, patience: Patience, attempts: int, first_attempt_at: datetime, now: datetime
) -> Verdict:
    """What follows from an answer to the ``attempts``-th try of a message first tried at ``first_attempt_at``.

    2xx: the server has taken it. 5xx, or a fault of our own (no code): failed for good. 4xx: tried
    again later, until the stream's patience ends.
    """
    if answer.code is None or answer.code >= 500:
        return Verdict("failed")
    if 200 <= answer.code < 300:
        return _SENT
    due = now + patience.wait(attempts)
    # Not before the third try: a clock that jumped must not end what was tried once.
    if due > first_attempt_at + patience.give_up and attempts >= 3:
        return Verdict("failed")
    return Verdict("deferred", due)


def judge_unknown(patience: Patience, doubts: int, now: datetime) -> Verdict:
    """What follows where the fate is unknown for the ``doubts``-th time: once more later, or a person decides."""
    if doubts >= patience.doubts:
        return Verdict("held")
    return Verdict("uncertain", now + patience.doubt)
