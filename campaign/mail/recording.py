"""What has become of a sender's messages, on its way into the ledger: gathered, and recorded beside the talking."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from campaign.engines import stopping, turns
from campaign.engines.away import is_away, roll_back
from campaign.mail import answers, capture, leases, settling
from campaign.mail.answers import Answer, GiveBack, Patience, Unknown
from campaign.mail.aside import Aside
from campaign.mail.batches import Batch
from campaign.mail.compose import Envelope
from campaign.mail.connections import Lane
from campaign.mail.settling import Outcome
from campaign.mail.talks import STOPPING_S
from campaign.mail.transport import Fate

log = logging.getLogger(__name__)

RECORD_FOR_S = 20
"""How long it tries while the database is away; once the worker has been asked to stop, ``STOPPING_S``."""
GATHER_S = 0.05
"""How long outcomes wait for others to be recorded with, while there is something else to do."""


class Group(NamedTuple):
    """Outcomes of one batch, and the messages of which the database is to say whether they are still ours."""

    batch: Batch
    outcomes: list[Outcome]
    asked: list[int]


Recorded = list[tuple[Group, settling.Settled]]
"""What has been recorded, and how that went."""


class Recording:
    """The outcomes of one sender. Not for two threads at once."""

    def __init__(self, aside: Aside[Recorded], record: settling.Record) -> None:
        self._aside = aside
        self._record = record
        self._gathered: defaultdict[Batch, list[Outcome]] = defaultdict(list)
        self._n = 0
        self._since = 0.0
        self._give_up_at: float | None = None
        self._lanes: Counter[Lane] = Counter()
        self._on_its_way: Counter[Lane] = Counter()
        self.at_risk: Counter[Lane] = Counter()
        """How many messages each connection was given whose outcomes are not recorded."""
        self.lost = False
        """Whether some messages turned out to be no longer ours: then others may not be either."""

    @property
    def waiting(self) -> bool:
        """Whether outcomes wait to be recorded."""
        return self._n > 0

    @property
    def idle(self) -> bool:
        """Whether everything is recorded."""
        return not self._n and not self._aside.busy

    def add(self, batch: Batch, outcomes: Sequence[Outcome], lane: Lane | None = None) -> None:
        """Has outcomes recorded soon, those of a connection's messages or of some that were given to none."""
        if not outcomes:
            return
        if not self._n:
            self._since = time.monotonic()
        self._n += len(outcomes)
        self._gathered[batch] += outcomes
        if lane is not None:
            self._lanes[lane] += len(outcomes)

    def go_on(self, front: Batch | None, enough: int) -> None:
        """Records what there is, where that is ``enough`` or has waited.

        If the last word on ``front``'s leases is old, the database is asked whether they are still ours.
        """
        if self._aside.busy:
            return
        stale = None if front is None or front.fresh else front
        late = self._n and time.monotonic() - self._since >= GATHER_S
        if not (stale or late or (self._n and self._n >= enough)):
            return
        if stale:
            self._gathered[stale] += ()
        groups = [
            Group(batch, outcomes, batch.ask() if batch is stale else [])
            for batch, outcomes in self._gathered.items()
        ]
        self._on_its_way, self._lanes = self._lanes, Counter()
        self._gathered, self._n = defaultdict(list), 0
        self._aside.ask(partial(self._settle, groups))

    def take_in(self) -> list[Batch]:
        """Takes note of what has been recorded; returns the batches of which everything is.

        Raises what the database raised where it stayed away: the leases run out then.
        """
        try:
            recorded = self._aside.result()
        except Exception:
            self._gathered, self._n = defaultdict(list), 0
            raise
        if recorded is None:
            return []
        self.at_risk -= self._on_its_way
        for group, settled in recorded:
            group.batch.open -= len(group.outcomes)
            if group.asked:
                group.batch.hear(settled.ours)
            self.lost |= settled.n < len(group.outcomes)
        return [group.batch for group, _ in recorded if not group.batch.open]

    def _settle(self, groups: list[Group]) -> Recorded:
        return [(group, self._settle_group(group)) for group in groups]

    def _settle_group(self, group: Group) -> settling.Settled:
        """Tries on while the database is away. A commit whose answer was lost does no harm: the rows are recorded then."""
        while True:
            try:
                settled = self._record.settle(group.batch.owner, group.outcomes, group.asked)
            except Exception as error:
                roll_back()
                if not is_away(error):
                    return self._settle_one_by_one(group)
                if not self._tries_on():
                    raise
                turns.sleep(0.3)
            else:
                self._give_up_at = None
                return settled

    def _tries_on(self) -> bool:
        now = time.monotonic()
        patience_s = STOPPING_S if stopping.requested() else RECORD_FOR_S
        self._give_up_at = min(self._give_up_at or now + patience_s, now + patience_s)
        return now < self._give_up_at

    def _settle_one_by_one(self, group: Group) -> settling.Settled:
        """One whose outcome nobody can record must not have the others sent again."""
        owner, n = group.batch.owner, 0
        for one in group.outcomes:
            try:
                n += self._record.settle(owner, [one]).n
            except Exception as error:
                roll_back()
                if is_away(error):
                    raise
                log.exception("what became of message %d cannot be recorded", one.row.id)
                if one.state in ("sent", "uncertain"):
                    # Its lease runs out: then it is one that may have arrived, and goes no more often than those.
                    leases.mark_in_flight(owner, one.row.id)
        return settling.Settled(n, self._record.settle(owner, [], group.asked).ours)


def outcome(envelope: Envelope, fate: Fate, patience: Patience, now: datetime) -> Outcome:
    """What follows for a message from what is known of its fate."""
    row = envelope.row
    if isinstance(fate, GiveBack):
        return Outcome(row, "queued")
    if isinstance(fate, Unknown):
        verdict = answers.judge_unknown(patience, row.doubts + 1, now)
        broke = Answer(None, None, answers.BROKE, fate.server)
        reason = settling.DOUBT if verdict.state == "held" else None
        return Outcome(row, *verdict, answer=broke, hold_reason=reason)
    verdict = answers.judge(fate, patience, row.attempts, row.first_attempt_at or now, now)
    inbox = capture.columns(envelope) if fate.captured else None
    return Outcome(row, *verdict, answer=fate, captured=inbox)
