"""What of a batch may leave now: the server's rate, the receiving domains' limits, and the domains that defer."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import domains, limits
from campaign.mail.leases import Outcome
from campaign.mail.states import Row

WAIT_S = 3.0
"""How long a sender waits for the server's rate before it gives its batch back."""
_LATER = timedelta(seconds=2)


class Gate:
    """Stands before one batch of one stream. Not for two threads at once."""

    def __init__(self, bulk: bool) -> None:
        self._bulk = bulk
        self._member = limits.member()
        self._entered: list[str] = []
        self._tally = domains.Tally()
        self._paused: dict[str, datetime] = {}
        self._limited = limits.domains_limited()

    def look(self) -> None:
        """Reads which domains are left alone now."""
        self._paused = domains.paused()

    def room(self, wanted: int) -> int:
        """How many of ``wanted`` messages the server's rate lets go now, after a wait of some seconds at most; 0: none."""
        per_second = limits.rate()
        if not per_second:
            return wanted
        until = time.monotonic() + WAIT_S
        while True:
            granted = limits.take("server", per_second, wanted, self._bulk)
            if granted or stopping.requested() or time.monotonic() > until:
                return granted
            time.sleep(min(1 / per_second, 0.2))

    def part(self, rows: Sequence[Row]) -> tuple[list[Row], list[Outcome]]:
        """Those of the rows whose domains take them now, and the others, to go later untried."""
        if not (self._limited or self._paused):
            return list(rows), []
        allowed, due = self._allowed(Counter(row.domain for row in rows))
        going: list[Row] = []
        later: list[Outcome] = []
        for row in rows:
            if allowed[row.domain] > 0:
                allowed[row.domain] -= 1
                going.append(row)
            else:
                later.append(Outcome(row, "queued", due.get(row.domain)))
        if later and (per_second := limits.rate()):
            # What waits for its domain must not cost the others their part of the server's rate.
            limits.give_back("server", per_second, len(later))
        return going, later

    def _allowed(self, wanted: Counter[str]) -> tuple[Counter[str], dict[str, datetime]]:
        """How many may go by domain, and when the others are due."""
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
                self._entered.append(domain)
            if limit.per_second:
                allowed[domain] = limits.take(domain, limit.per_second, n, self._bulk)
                due[domain] = now + timedelta(
                    seconds=max(1.0, (n - allowed[domain]) / limit.per_second)
                )
        return allowed, due

    def narrow(self, domain: str) -> bool:
        """Whether the domain bears only so many connections at once, so that a sender may use but one for it."""
        return self._limited and bool(limits.domain_limit(domain).connections)

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in what a group's answers say of its domains, once they are recorded."""
        for domain in self._entered:
            limits.leave(domain, self._member)
        self._entered.clear()
        for outcome in outcomes:
            answer = outcome.answer
            # 421, or no answer at all, is the word of the server that we talk to, and about the connection.
            if answer is None or answer.code in (None, 421) or answer.captured:
                continue
            row = outcome.row
            if self._tally.hear(row.domain, outcome.state) and row.domain not in self._paused:
                self._paused[row.domain] = domains.pause(row.domain, answer.text)

    def close(self) -> None:
        """The end of the batch: domains that took mail again are forgotten."""
        if again := (domains.known() & self._tally.accepted) - self._paused.keys():
            domains.takes_mail(again)
        db.session.commit()
