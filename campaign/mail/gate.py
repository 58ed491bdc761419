"""What of a batch may leave now: the server's rate, the receiving domains' limits, and the domains that defer."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import domains, limits
from campaign.mail.batches import Message
from campaign.mail.settling import Outcome

WAIT_S = 3.0
"""How long a sender waits for the server's rate before it gives what it has back."""
_LATER = timedelta(seconds=2)
_SOONEST, _LATEST = timedelta(seconds=1), timedelta(seconds=30)
"""When what a domain's rate does not let go now has its turn."""


class Gate:
    """Stands before one sender's messages. Not for two threads at once."""

    def __init__(self, bulk: bool) -> None:
        self._bulk = bulk
        self._member = limits.member()
        self._entered: set[str] = set()
        self._dry_since: float | None = None
        self._tally = domains.Tally()
        self._accepted: set[str] = set()
        self._paused: dict[str, datetime] = {}
        self.limited = limits.domains_limited()
        """Whether any domain has a limit of its own."""

    def look(self) -> None:
        """Reads which domains are left alone now; those that took mail again are forgotten. Commits."""
        accepted, self._accepted = self._accepted | self._tally.accepted, set()
        known = set(self._paused)
        found = domains.paused()
        meanwhile = {name: at for name, at in self._paused.items() if name not in known}
        self._paused = found | meanwhile
        if again := (domains.known() & accepted) - self._paused.keys():
            domains.takes_mail(again)
        db.session.commit()

    def room(self, wanted: int) -> int:
        """How many of ``wanted`` messages the server's rate lets go now; what of them does not go is to be given back."""
        per_second = limits.rate()
        if not per_second:
            return wanted
        granted = limits.take(limits.SERVER, per_second, wanted, self._bulk)
        if granted:
            self._dry_since = None
        elif self._dry_since is None:
            self._dry_since = time.monotonic()
        return granted

    def give_back(self, n: int) -> None:
        """Of what :meth:`room` let go, so many did not: others may, by their part of the server's rate."""
        if n and (per_second := limits.rate()):
            limits.give_back(limits.SERVER, per_second, n)

    @property
    def dry(self) -> float:
        """For how many seconds the server's rate has let nothing go; 0: it does, or nobody asked."""
        return time.monotonic() - self._dry_since if self._dry_since is not None else 0

    @property
    def drop_s(self) -> float:
        """How long it may take until the rate lets another go."""
        return min(1 / max(limits.rate(), 1), 0.2)

    def part(self, messages: Sequence[Message]) -> tuple[Sequence[Message], list[Outcome]]:
        """Those of the messages whose domains take them now, and the others, to go later untried."""
        if not (self.limited or self._paused):
            return messages, []
        allowed, due = self._allowed(Counter(row.domain for row, _ in messages))
        going: list[Message] = []
        later: list[Outcome] = []
        for row, said in messages:
            if allowed[row.domain] > 0:
                allowed[row.domain] -= 1
                going.append((row, said))
            else:
                later.append(Outcome(row, "queued", due.get(row.domain) or _turn(row.domain)))
        self._leave({one.row.domain for one in later} - {row.domain for row, _ in going})
        return going, later

    def _allowed(self, wanted: Counter[str]) -> tuple[Counter[str], dict[str, datetime]]:
        """How many may go by domain, and when those are due that do not wait for their domain's rate."""
        now = utcnow()
        allowed, due = Counter(wanted), dict(self._paused)
        for domain, n in wanted.items():
            if domain in self._paused:
                allowed[domain] = 0
                continue
            limit = limits.domain_limit(domain)
            if limit.connections and not limits.enter(domain, limit.connections, self._member):
                allowed[domain] = 0
                due[domain] = now + _LATER
                continue
            if limit.connections:
                self._entered.add(domain)
            if limit.per_second:
                allowed[domain] = limits.take(domain, limit.per_second, n, self._bulk)
        return allowed, due

    def narrow(self, domain: str) -> bool:
        """Whether the domain bears only so many connections at once, so that a sender may use but one for it."""
        return self.limited and bool(limits.domain_limit(domain).connections)

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in what a group's answers say of its domains."""
        if self._entered:
            self._leave({outcome.row.domain for outcome in outcomes})
        for outcome in outcomes:
            answer = outcome.answer
            # 421, or no answer at all, is the word of the server that we talk to, and about the connection.
            if answer is None or answer.code in (None, 421) or answer.captured:
                continue
            row = outcome.row
            if self._tally.hear(row.domain, outcome.state) and row.domain not in self._paused:
                self._paused[row.domain] = domains.pause(row.domain, answer.text)

    def turn(self) -> None:
        """The end of a batch: the domains' answers are counted anew."""
        self._accepted |= self._tally.accepted
        self._tally = domains.Tally()

    def close(self) -> None:
        """The end of the sender's work."""
        self._leave(set(self._entered))

    def _leave(self, names: set[str]) -> None:
        for domain in self._entered & names:
            limits.leave(domain, self._member)
        self._entered -= names


_turns: dict[str, datetime] = {}
"""By domain: the last turn that this process gave to a message."""


def taking_turns() -> bool:
    """Whether messages that this process had wait for their domain's rate."""
    now = utcnow()
    return any(at > now for at in list(_turns.values()))


def _turn(domain: str) -> datetime:
    """When a message for which its domain's rate leaves no room now is due: each at a time of its own, at that rate.

    Were all due at once, thousands would be claimed and put back every second for the few that may go. Those beyond
    the next half minute begin at its start again: a rate can rise, and what was given a turn can be cancelled.
    """
    now = utcnow()
    step = timedelta(seconds=1 / max(limits.domain_limit(domain).per_second, 1))
    at = max(_turns.get(domain, now), now + _SOONEST) + step
    _turns[domain] = at = at if at <= now + _LATEST else now + _SOONEST
    return at
