"""The moods of a mail server that is not well."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Moods:
    """What the mail server does to us: a chance for each answer, and times when it is away."""

    dice: random.Random
    away_until: float = 0
    drops_after_dot: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    pause: float = 0
    """Seconds that the server takes for an alert's message, so that there is something left to kill."""

    def __call__(self, step: str, recipient: str) -> str | None:
        """The answer to a step; None: the usual one."""
        from tests.mail.server import DROP

        if time.monotonic() < self.away_until:
            # What is just coming in has come in whole all the same.
            self.drops_after_dot[recipient] += step == "dot"
            return "421 4.3.2 back soon" if step == "connect" else DROP
        if self.calm or step == "connect":
            return None
        roll = self.dice.random()
        if step == "dot":
            # Letters have one connection, the alert has many.
            time.sleep(self.pause / 4 if recipient.startswith("letters") else self.pause)
            if roll < 0.002:
                self.drops_after_dot[recipient] += 1
                return DROP
            return "450 4.2.0 later" if roll < 0.012 else "554 5.7.1 no" if roll < 0.016 else None
        if roll < 0.0008:
            return DROP
        if roll < 0.0016:
            return "421 4.3.2 going down"
        if step == "rcpt" and roll < 0.03:
            return "451 4.7.1 greylisted" if roll < 0.02 else "550 5.1.1 unknown"
        return None
