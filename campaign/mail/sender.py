"""Claim, render, send, record: how a stream's messages leave.

A sender is one thread with one database connection and one connection to the mail server. It takes a
batch at a time, and sends and records it in groups: whatever happens, and at whatever instant, no more than
the group in flight is in doubt.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import (
    answers,
    capture,
    compose,
    leases,
    orders,
    settings,
    signing,
    transport,
    verp,
)
from campaign.mail.answers import Answer, GiveBack, Unknown
from campaign.mail.compose import Envelope, Frame, NotAnAddress, Rendered, Skip
from campaign.mail.leases import Outcome
from campaign.mail.states import Row
from campaign.mail.streams import Stream

log = logging.getLogger(__name__)

RECORD_FOR_S = 20
"""How long a sender tries to record what it has sent while the database is away."""
ORDERS_EVERY_S = 0.5
"""How often it looks, within a batch, for orders to stop."""

Session = transport.Session | capture.CaptureSession


class Sessions:
    """The kept connections of one process: one for each stream's each thread."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Session] = {}

    def get(self, stream: str, slot: int) -> Session:
        """A connection that works. Raises ServerAway."""
        key = (stream, slot)
        kept = self._kept.pop(key, None)
        if settings.delivery_mode() == "capture":
            wanted: Session = capture.CaptureSession()
            if kept:
                kept.close()
        else:
            server = transport.configured()
            if isinstance(kept, transport.Session) and kept.server == server and kept.usable():
                wanted = kept
            else:
                if kept:
                    kept.close()
                wanted = transport.Session(server)
        self._kept[key] = wanted
        return wanted

    def close(self) -> None:
        """Ends them all."""
        while self._kept:
            self._kept.popitem()[1].close()


sessions = Sessions()


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


def send_due(stream: Stream, slot: int, until: float) -> bool:
    """Sends batch after batch until nothing is due or the time (monotonic) is up; returns whether more may be due.

    Raises ServerAway where no connection could be had: nothing was claimed then.
    """
    while not stopping.requested():
        # First a connection, then a claim: a server that is away costs the rows nothing.
        session = sessions.get(stream.name, slot)
        db.session.commit()
        owner, rows = leases.claim(stream)
        batch = _Batch(stream, owner, session)
        if rows:
            with held_leases.held(owner):
                batch.run(rows)
            if isinstance(session, transport.Session) and session.broken and not session.carried:
                raise transport.ServerAway("The mail server breaks every connection.")
        if len(rows) < stream.claim and not batch.gave_back:
            return False
        if time.monotonic() > until:
            return True
    return True


class _Batch:
    """One claimed batch on its way through a connection."""

    def __init__(self, stream: Stream, owner: str, session: Session) -> None:
        self.stream = stream
        self.owner = owner
        self.session = session
        self.gave_back = False
        """Whether some of the batch went back untried."""
        self._orders_at = time.monotonic()

    def run(self, rows: list[Row]) -> None:
        """Renders, sends and records; whatever could not be sent is given back."""
        envelopes, outcomes = render(rows)
        size = self.stream.group
        groups = [envelopes[i : i + size] for i in range(0, len(envelopes), size)]
        mine = self._record(outcomes, groups[0] if groups else [])
        for i, group in enumerate(groups):
            group = [envelope for envelope in group if envelope.row.id in mine]
            if self._must_stop(groups[i:]):
                self._give_back(groups[i:])
                return
            fates = self.session.send(group, self._mark if self.stream.marks else None)
            mine = self._record(
                [self._judge(e, f) for e, f in zip(group, fates, strict=True)],
                groups[i + 1] if i + 1 < len(groups) else [],
            )

    def _must_stop(self, groups: Sequence[Sequence[Envelope]]) -> bool:
        """Whether the rest of the batch should go back: the connection or the worker ends, or someone said so."""
        if self.session.broken or not self.session.room() or stopping.requested():
            return True
        if time.monotonic() - self._orders_at < ORDERS_EVERY_S:
            return False
        self._orders_at = time.monotonic()
        standing = orders.standing()
        about = {(e.row.origin, e.row.origin_id) for group in groups for e in group}
        stop = bool(about & standing.keys()) or orders.stream_paused(self.stream.name)
        db.session.commit()
        return stop

    def _mark(self, envelope: Envelope) -> bool:
        return leases.mark_in_flight(self.owner, envelope.row.id)

    def _judge(self, envelope: Envelope, fate: transport.Fate) -> Outcome:
        row, now, patience = envelope.row, utcnow(), self.stream.patience
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

    def _give_back(self, groups: Sequence[Sequence[Envelope]]) -> None:
        self.gave_back = True
        self._record([Outcome(e.row, "queued") for group in groups for e in group], [])

    def _record(self, outcomes: Sequence[Outcome], following: Sequence[Envelope]) -> set[int]:
        """Records outcomes, trying on while the database is away; returns which of ``following`` are still ours.

        A commit whose answer was lost does no harm: the second try finds the rows recorded.
        """
        if not outcomes and not following:
            return set()
        give_up_at = time.monotonic() + RECORD_FOR_S
        while True:
            try:
                return leases.settle(self.owner, outcomes, [e.row.id for e in following])
            except DBAPIError as error:
                db.session.rollback()
                if not error.connection_invalidated or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.3)


def render(rows: list[Row]) -> tuple[list[Envelope], list[Outcome]]:
    """The messages ready to leave, and the outcomes of the rows that don't."""
    by_origin: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_origin[row.origin].append(row)
    envelopes: list[Envelope] = []
    outcomes: list[Outcome] = []
    now = utcnow()
    frame = Frame(
        settings.sender(), now, verp.envelope_sender, verp.unsubscribe_address, signing.signer()
    )
    for origin, some in by_origin.items():
        for row, rendered in zip(some, _render_origin(origin, some), strict=True):
            if isinstance(rendered, Rendered):
                made = _build(row, rendered, frame)
            elif isinstance(rendered, Skip):
                made = Outcome(
                    row, "cancelled", answer=Answer(None, None, rendered.reason[:300], None)
                )
            else:
                made = Outcome(row, "held", hold_reason="render")
            envelopes.append(made) if isinstance(made, Envelope) else outcomes.append(made)
    return envelopes, outcomes


def _render_origin(origin: str, rows: list[Row]) -> Sequence[Rendered | Skip | None]:
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


def _rendered(render_batch: compose.RenderBatch, rows: list[Row]) -> Sequence[Rendered | Skip]:
    rendered = render_batch(rows)
    if len(rendered) != len(rows):
        raise ValueError("a renderer answered for more or fewer rows than it was given")
    return rendered


def _build(row: Row, rendered: Rendered, frame: Frame) -> Envelope | Outcome:
    try:
        return compose.build(row, rendered, frame)
    except NotAnAddress as error:
        return Outcome(row, "failed", answer=Answer(None, "5.1.3", str(error), None))
    except ValueError as error:
        log.error("message %d of origin %s cannot be built: %s", row.id, row.origin, error)
        return Outcome(row, "held", hold_reason="render")
