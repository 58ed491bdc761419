"""Claim, render, send, record: how a stream's messages leave.

A sender is one thread with a few connections to the mail server. It takes a batch at a time, and sends and records
it in rounds of one group a connection: whatever happens, and at whatever instant, no more than the groups in flight
are in doubt.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import psycopg
from sqlalchemy.exc import DBAPIError

from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import (
    answers,
    capture,
    compose,
    connections,
    gate,
    leases,
    limits,
    orders,
    settings,
    signing,
    transport,
    verp,
)
from campaign.mail.answers import Answer, GiveBack, Unknown
from campaign.mail.compose import Envelope, Frame, NotAnAddress, Said, Skip
from campaign.mail.inbound.hooks import postmark
from campaign.mail.leases import Outcome
from campaign.mail.server import ServerAway
from campaign.mail.states import Row
from campaign.mail.streams import Stream

Lanes = connections.Lanes | capture.Lanes

log = logging.getLogger(__name__)

RECORD_FOR_S = 20
"""How long a sender tries to record what it has sent while the database is away."""
ORDERS_EVERY_S = 0.5
"""How often it looks, within a batch, for orders to stop."""


class Leases:
    """The leases a process holds, so that it can renew those that last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    @contextlib.contextmanager
    def held(self, owner: str) -> Iterator[None]:
        """Has ``owner`` renewed as long as the block lasts."""
        with self._lock:
            self._since[owner] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._since[owner]

    def renew(self) -> None:
        """Renews what is older than a third of its term."""
        now = time.monotonic()
        with self._lock:
            old = [owner for owner, since in self._since.items() if now - since > leases.RENEW_S]
            self._since |= dict.fromkeys(old, now)
        if old:
            leases.renew(old)


held_leases = Leases()


def send_due(stream: Stream, number: int, lanes: int, over: Callable[[], bool]) -> bool:
    """Sends batch after batch until nothing is due or it is ``over``; returns whether more may be due.

    The stream's ``number``-th sender uses up to ``lanes`` connections. Raises ServerAway or NoRoom where none
    could be had: nothing was claimed then.
    """
    per_second = limits.rate()
    at_most = max(int(per_second * gate.WAIT_S), 1) if per_second else None
    with leases.Record() as record:
        while not stopping.requested():
            # First a connection, then a claim: a server that is away costs the rows nothing.
            open_lanes = connections.kept.get(stream.name, number, lanes)
            claim = leases.claim(stream, at_most)
            batch = _Batch(stream, claim.owner, open_lanes, record)
            if claim.rows:
                with held_leases.held(claim.owner):
                    batch.run(claim.rows)
                if open_lanes.useless:
                    raise ServerAway("The mail server breaks every connection.")
            if claim.taken < min(at_most or stream.claim, stream.claim) and not batch.gave_back:
                return False
            if batch.stream_stopped:
                return False
            if over():
                return True
    return True


class _Batch:
    """One claimed batch on its way through a sender's connections."""

    def __init__(self, stream: Stream, owner: str, lanes: Lanes, record: leases.Record) -> None:
        self.stream = stream
        self.owner = owner
        self.lanes = lanes
        self.round = stream.group * len(lanes)
        self.record = record
        self.gave_back = False
        """Whether some of the batch went back untried."""
        self.gate = gate.Gate(bulk=stream.name == "alerts")
        self.patience = stream.patience()
        self.stream_stopped = False
        """Whether it went back because the whole stream is paused: then there is no use in claiming more."""
        self._orders_at = time.monotonic()

    def run(self, rows: list[Row]) -> None:
        """Renders, sends and records, round by round; whatever could not be sent is given back."""
        said = dict(zip((row.id for row in rows), render(rows), strict=True))
        self.gate.look()
        db.session.commit()
        shared, mine = frame(), {row.id for row in rows}
        waiting: Sequence[Row] = rows
        while waiting:
            wanted = min(len(waiting), self.round)
            size = 0 if self._must_stop(waiting) else self.gate.room(wanted)
            if not size:
                self._give_back(waiting)
                break
            these, waiting = waiting[:size], waiting[size:]
            going, outcomes = self.gate.part([row for row in these if row.id in mine])
            envelopes: list[Envelope] = []
            for row in going:
                made = _build(row, said[row.id], shared)
                if isinstance(made, Envelope):
                    envelopes.append(made)
                else:
                    outcomes.append(made)
            mark = self._mark if self.stream.marks else None
            fates = self.lanes.send(envelopes, self.stream.group, self._alone, mark)
            outcomes += map(self._judge, envelopes, fates)
            mine = self._settle(outcomes, waiting[: self.round])
            self.gate.heard(outcomes)
        self.gate.close()

    def _must_stop(self, rows: Sequence[Row]) -> bool:
        """Whether the rest of the batch should go back: the connection or the worker ends, or someone said so."""
        if self.lanes.broken or not self.lanes.room() or stopping.requested():
            return True
        if time.monotonic() - self._orders_at < ORDERS_EVERY_S:
            return False
        self._orders_at = time.monotonic()
        standing = orders.standing()
        stop = any(orders.about(row, standing) for row in rows) if standing else False
        self.stream_stopped = orders.stream_paused(self.stream.name)
        self.gate.look()
        db.session.commit()
        return stop or self.stream_stopped

    def _alone(self, envelope: Envelope) -> bool:
        return self.gate.narrow(envelope.row.domain)

    def _mark(self, envelope: Envelope) -> bool:
        return leases.mark_in_flight(self.owner, envelope.row.id)

    def _judge(self, envelope: Envelope, fate: transport.Fate) -> Outcome:
        row, now, patience = envelope.row, utcnow(), self.patience
        if isinstance(fate, GiveBack):
            self.gave_back = True
            return Outcome(row, "queued")
        if isinstance(fate, Unknown):
            verdict = answers.judge_unknown(patience, row.doubts + 1, now)
            broke = Answer(
                None, None, "the connection broke before the server answered", fate.server
            )
            reason = leases.DOUBT if verdict.state == "held" else None
            return Outcome(row, *verdict, answer=broke, hold_reason=reason)
        verdict = answers.judge(fate, patience, row.attempts, row.first_attempt_at or now, now)
        inbox = capture.columns(envelope) if fate.captured else None
        return Outcome(row, *verdict, answer=fate, captured=inbox)

    def _give_back(self, rows: Sequence[Row]) -> None:
        self.gave_back = True
        self._settle([Outcome(row, "queued") for row in rows], [])

    def _settle(self, outcomes: Sequence[Outcome], following: Sequence[Row]) -> set[int]:
        """Records outcomes, trying on while the database is away; returns which of ``following`` are still ours.

        A commit whose answer was lost does no harm: the second try finds the rows recorded.
        """
        give_up_at = time.monotonic() + RECORD_FOR_S
        while True:
            try:
                return self.record.settle(self.owner, outcomes, [row.id for row in following])
            except (DBAPIError, psycopg.OperationalError) as error:
                db.session.rollback()
                gone = not isinstance(error, DBAPIError) or error.connection_invalidated
                if not gone or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.3)


def render(rows: list[Row]) -> list[Said | Skip | None]:
    """What the features say in these messages, in the same order; None where one could not say it."""
    by_origin: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_origin[row.origin].append(row)
    said: dict[int, Said | Skip | None] = {}
    for origin, some in by_origin.items():
        said.update(zip((row.id for row in some), _render_origin(origin, some), strict=True))
    return [said[row.id] for row in rows]


def frame() -> Frame:
    """What all messages of a batch share."""
    return Frame(
        settings.sender(), utcnow(), verp.addresses(verp.BOUNCE), verp.addresses(verp.UNSUBSCRIBE),
        signing.signer(), told_back=postmark.header(),
    )  # fmt: skip


def _render_origin(origin: str, rows: list[Row]) -> Sequence[Said | Skip | None]:
    """What the feature says, row by row; None where it could not say it: then a person has to look."""
    render_batch = compose.renderer(origin)
    if render_batch is None:
        log.error("no renderer is registered for the origin %s", origin)
        return [None] * len(rows)
    try:
        return _rendered(render_batch, rows)
    except DBAPIError:
        raise
    except Exception:
        db.session.rollback()
        if len(rows) == 1:
            log.error("rendering message %d of origin %s failed", rows[0].id, origin, exc_info=True)
            return [None]
    return [_render_origin(origin, [row])[0] for row in rows]


def _rendered(render_batch: compose.RenderBatch, rows: list[Row]) -> Sequence[Said | Skip]:
    rendered = render_batch(rows)
    if len(rendered) != len(rows):
        raise ValueError("a renderer answered for more or fewer rows than it was given")
    return rendered


def _build(row: Row, said: Said | Skip | None, frame: Frame) -> Envelope | Outcome:
    """The message ready to leave, or what becomes of a row that has none."""
    if said is None:
        return Outcome(row, "held", hold_reason="render")
    if isinstance(said, Skip):
        return Outcome(row, "cancelled", answer=Answer(None, None, said.reason[:300], None))
    try:
        return said.message(row, frame)
    except NotAnAddress as error:
        return Outcome(row, "failed", answer=Answer(None, "5.1.3", str(error), None))
    except ValueError as error:
        log.error("message %d of origin %s cannot be built: %s", row.id, row.origin, error)
        return Outcome(row, "held", hold_reason="render")
