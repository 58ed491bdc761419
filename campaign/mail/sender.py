"""Claim, render, send, record: how a stream's messages leave.

A sender talks to the mail server on several connections at once and gives each a group of messages whenever it is free.
Beside its talking, and in the same thread, it claims and renders what comes next, records what has been answered, and looks
for orders to stop: each of them goes on when the database has answered it. While there is nothing to do it builds messages
ahead. Whatever happens, and at whatever instant, no more than a few messages a connection are in doubt
(``Stream.at_risk``).
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, cast

from flask import Flask, current_app

from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.engines.away import roll_back
from campaign.extensions import db
from campaign.mail import (
    batches,
    gate,
    leases,
    limits,
    orders,
    renewing,
    settling,
    transport,
)
from campaign.mail.answers import GiveBack
from campaign.mail.aside import Aside
from campaign.mail.batches import Batch
from campaign.mail.compose import Envelope
from campaign.mail.connections import Lane
from campaign.mail.lanes import Lanes
from campaign.mail.recording import GATHER_S, Recorded, Recording, outcome
from campaign.mail.settling import Outcome
from campaign.mail.states import Row
from campaign.mail.streams import Stream
from campaign.mail.talks import SLICE_S, Talks

ORDERS_EVERY_S = 0.1
"""How often it looks for new orders to stop."""
DOMAINS_EVERY_S = 0.5
"""How often it looks for domains that are left alone."""
LINGER_S = 5
"""How long it goes on, when its time is over, with what it has claimed; then the rest goes back."""
AHEAD = 4
"""So many claims it has in hand at most where domains of the first are in the way of others."""


def send_due(stream: Stream, number: int, lanes: int, over: Callable[[], bool]) -> bool:
    """Sends batch after batch until nothing is due or it is ``over``; returns whether more may be due.

    The stream's ``number``-th sender opens, one by one as they are needed, up to ``lanes`` connections. Raises ServerAway or NoRoom where none
    could be had: what was claimed then went back.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    talks = Talks()
    with (
        settling.Record() as record,
        Aside[Batch](app, talks) as reader,
        Aside[Recorded](app, talks) as recorder,
        Aside[_News](app, talks) as watch,
    ):
        recording = Recording(recorder, record)
        return _Sender(stream, number, lanes, over, talks, reader, recording, watch).run()


class _News(NamedTuple):
    """What has changed in the database meanwhile."""

    paused: bool
    """Whether the stream is."""
    standing: dict[tuple[str, int], str] | None
    """The orders that stand; None: the same as before."""


class _Flight(NamedTuple):
    """A group of messages on a connection, and what is known of their fates."""

    batch: Batch
    envelopes: list[Envelope]
    fates: list[transport.Fate]


class _Sender:
    """The claimed batches, the connections, and what goes between them."""

    def __init__(
        self,
        stream: Stream,
        number: int,
        lanes: int,
        over: Callable[[], bool],
        talks: Talks,
        reader: Aside[Batch],
        recording: Recording,
        watch: Aside[_News],
    ) -> None:
        self.stream = stream
        self.over = over
        self.talks = talks
        self.reader = reader
        self.recording = recording
        self.watch = watch
        self.gate = gate.Gate(bulk=stream.name == "alerts")
        self.patience = stream.patience()
        per_second = limits.rate()
        self.at_most = (
            min(int(per_second * gate.WAIT_S) or 1, stream.claim) if per_second else stream.claim
        )
        self.batches: deque[Batch] = deque()
        self.lanes = Lanes(stream.name, number, lanes)
        self.flights: dict[Lane, _Flight] = {}
        self.narrow: dict[str, Lane] = {}
        """On which connection the domains are now that bear only one of ours."""
        self.more = True
        """Whether more may be due than was claimed."""
        self.gave_back = False
        """Whether messages went back untried: then more is due."""
        self.closing = False
        """Whether it is time to end with what was claimed."""
        self.stopped = False
        """Whether it is time to end with what is on its way."""
        self.failure: Exception | None = None
        self._nothing_fits = False
        """Whether connections are free, but what is in hand is for domains that others are talking about."""
        self._until = time.monotonic() + LINGER_S
        self._orders_at = self._domains_at = time.monotonic()
        self._latest_order: object = None
        self._standing: dict[tuple[str, int], str] = {}

    def run(self) -> bool:
        """Goes on until it is over; returns whether more may be due."""
        try:
            while not self._over():
                for lane in self.talks.go_on(self._patience_s()):
                    self._landed(cast("Lane", lane))
                for error in self.talks.errors:
                    self._stop(error)
            with self._or_stop():
                self.gate.look()
        finally:
            self.talks.break_off()
            self.gate.close()
            for batch in self.batches:
                renewing.held.drop(batch.owner)
        if self.failure:
            raise self.failure
        return self.more or self.gave_back

    def _over(self) -> bool:
        """Brings everything on its way that can be; True: there was nothing."""
        try:
            self._take_in()
            self._look()
        except Exception as error:
            self._fail(error)
        if self.stopped:
            for batch in self.batches:
                self._give_back(batch)
        try:
            self._claim_ahead()
            self._fill()
        except Exception as error:
            self._fail(error)
        busy = self.talks or self.reader.busy or any(self.batches)
        enough = len(self.lanes.open) * self.stream.at_risk // 2 if busy else 0
        front = next(filter(len, self.batches), None)
        self.recording.go_on(front, enough)
        if busy or not self.recording.idle:
            return False
        if self.stopped or self.closing:
            return True
        self.more |= self.gave_back
        self.gave_back = False
        return not self.more

    def _patience_s(self) -> float:
        """How long it may wait for the servers and the database."""
        if self._wants_another() or any(batch.build_ahead() for batch in self.batches):
            return 0
        if self.recording.waiting:
            return GATHER_S
        return self.gate.drop_s if self.gate.dry else SLICE_S

    @contextlib.contextmanager
    def _or_stop(self) -> Iterator[None]:
        """Ends the work where something goes wrong, such as that the database goes away: what is on its way is recorded still."""
        try:
            yield
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        roll_back()
        self._stop(error)

    def _stop(self, failure: Exception | None = None) -> None:
        self.stopped = True
        self.failure = self.failure or failure

    def _take_in(self) -> None:
        """Takes what has been done beside the talking."""
        for done in self.recording.take_in():
            renewing.held.drop(done.owner)
            self.batches.remove(done)
        if self.recording.lost:
            self.recording.lost = False
            for one in self.batches:
                one.doubt()
        if (batch := self.reader.result()) is None:
            return
        self.more = batch.taken >= self.at_most
        for earlier in self.batches:
            self._obey(earlier, batch.standing)
        if batch.open:
            renewing.held.hold(batch.owner)
            self.batches.append(batch)
            # An order may have come since it was claimed, and been looked at already.
            self._obey(batch, self._standing)
        self.gate.turn()

    def _look(self) -> None:
        """Looks whether somebody has asked to stop: everything, the stream, or some of the messages in hand."""
        if stopping.requested() or self.gate.dry > gate.WAIT_S:
            self._stop()
        if news := self.watch.result():
            self._hear(news)
        if self.stopped or self.watch.busy or (now := time.monotonic()) < self._orders_at:
            return
        self._orders_at = now + ORDERS_EVERY_S
        domains_too = now >= self._domains_at
        if domains_too:
            self._domains_at = now + DOMAINS_EVERY_S
            if not self.over():
                self._until = now + LINGER_S
            elif now > self._until:
                self._stop()
        self.watch.ask(partial(self._news, domains_too))

    def _news(self, domains_too: bool) -> _News:
        """Asks the database, and commits."""
        paused, standing = False, None
        if (latest := orders.latest()) != self._latest_order:
            self._latest_order = latest
            paused = orders.stream_paused(self.stream.name)
            standing = orders.standing()
        db.session.commit()
        if domains_too:
            self.gate.look()
        return _News(paused, standing)

    def _hear(self, news: _News) -> None:
        if news.paused:
            self._stop()
        if news.standing is not None:
            self._standing = news.standing
            for batch in self.batches:
                self._obey(batch, self._standing)

    def _obey(self, batch: Batch, standing: dict[tuple[str, int], str]) -> None:
        if standing and any(orders.about(row, standing) for row in batch.rows):
            self._give_back(batch)

    def _give_back(self, batch: Batch) -> None:
        if rows := batch.take_all():
            self.gave_back = True
            self.recording.add(batch, [Outcome(row, "queued") for row in rows])

    def _claim_ahead(self) -> None:
        """Has more claimed before what is in hand runs out, once there are connections to send it on."""
        in_hand = sum(map(len, self.batches))
        enough = self.at_most * AHEAD if self._nothing_fits else self.at_most // 2
        wanted = self.more and in_hand <= enough and not self.reader.busy
        if wanted and self.over():
            self.closing, wanted = True, False
        another = self._wants_another()
        if self.stopped or (self.closing and not in_hand) or not (wanted or another):
            return
        if another:
            self.lanes.get(another)
        if wanted:
            self.reader.ask(self._claim)

    def _claim(self) -> Batch:
        # First a connection, then a claim: a server that is away costs the rows nothing.
        self.lanes.get(another=False)
        return batches.claim(self.stream, self.at_most)

    def _wants_another(self) -> bool:
        """Whether there is something to send for which it has no free connection, and another may be had."""
        if not self.lanes.may_grow or self.stopped or self.gate.dry:
            return False
        return any(self.batches) and not any(map(self._free, self.lanes.open))

    def _fill(self) -> None:
        """Gives each free connection its next messages."""
        if self.stopped:
            return
        free = [lane for lane in self.lanes.open if self._free(lane)]
        for batch in self.batches:
            # What cannot leave on one free connection cannot on another; but something of the next batch may.
            while free and len(batch) and self._begin(free[-1], batch):
                if not self._free(free[-1]):
                    free.pop()
            if self.gate.dry or not free:
                break
        self._nothing_fits = bool(free and self.narrow and not self.gate.dry and any(self.batches))

    def _free(self, lane: Lane) -> bool:
        if lane.talking or not lane.usable():
            return False
        return self.recording.at_risk[lane] + self.stream.group <= self.stream.at_risk

    def _begin(self, lane: Lane, batch: Batch) -> bool:
        """Sends a group on its way; False: nothing of the batch may leave on this connection now."""
        wanted = min(self.stream.group, lane.room(), len(batch))
        granted = self.gate.room(wanted) if batch.fresh else 0
        if not granted:
            return False
        messages = batch.take(granted, partial(self._fits, lane) if self.gate.limited else None)
        envelopes, outcomes = self._build(batch, messages)
        self.gate.give_back(granted - len(envelopes))
        self.recording.add(batch, outcomes)
        if not envelopes:
            return bool(messages)
        if self.gate.limited:
            domains = {envelope.row.domain for envelope in envelopes}
            self.narrow |= dict.fromkeys(filter(self.gate.narrow, domains), lane)
        flight = _Flight(batch, envelopes, [GiveBack()] * len(envelopes))
        mark = partial(self._mark, batch.owner) if self.stream.marks else None
        self.flights[lane] = flight
        self.recording.at_risk[lane] += len(envelopes)
        if not self.talks.begin(lane, lane.talk(envelopes, flight.fates, mark)):
            self._landed(lane)
        return True

    def _fits(self, lane: Lane, row: Row) -> bool:
        return self.narrow.get(row.domain, lane) is lane

    def _build(
        self, batch: Batch, messages: Sequence[batches.Message]
    ) -> tuple[list[Envelope], list[Outcome]]:
        """The messages that may leave, and what becomes of the others."""
        going, outcomes = self.gate.part(messages)
        envelopes: list[Envelope] = []
        for row, said in going:
            made = batches.build(row, said, batch.frame)
            if isinstance(made, Envelope):
                envelopes.append(made)
            else:
                outcomes.append(made)
        return envelopes, outcomes

    def _mark(self, owner: str, envelope: Envelope) -> bool:
        with self._or_stop():
            return leases.mark_in_flight(owner, envelope.row.id)
        return False

    def _landed(self, lane: Lane) -> None:
        """A connection is free again, or broken."""
        flight = self.flights.pop(lane)
        now = utcnow()
        outcomes = [
            outcome(envelope, fate, self.patience, now)
            for envelope, fate in zip(flight.envelopes, flight.fates, strict=True)
        ]
        self.gave_back |= any(isinstance(fate, GiveBack) for fate in flight.fates)
        self.recording.add(flight.batch, outcomes, lane)
        if self.narrow:
            self.narrow = {name: at for name, at in self.narrow.items() if at is not lane}
        with self._or_stop():
            self.gate.heard(outcomes)
        if not lane.usable():
            with self._or_stop():
                self.lanes.lost(lane, last=not self.talks)
