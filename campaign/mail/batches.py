"""A claimed batch in a sender's hand: what its messages say, and which of them may leave now."""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence

from campaign.clock import utcnow
from campaign.engines.away import is_away, roll_back
from campaign.extensions import db
from campaign.mail import compose, leases, settings, signing, verp
from campaign.mail.answers import Answer
from campaign.mail.compose import Envelope, Frame, NotAnAddress, Said, Skip
from campaign.mail.inbound.hooks import postmark
from campaign.mail.settling import Outcome
from campaign.mail.states import Row
from campaign.mail.streams import Stream

log = logging.getLogger(__name__)

FRESH_S = 5
"""How long the database's word that a lease is ours is good for, while nothing speaks against it."""
AHEAD_BYTES = 3 << 20
"""How much of a batch is built before there is a connection for it, were all of it as large as the largest."""
_AT_ONCE = 4

Message = tuple[Row, Said | Skip | Envelope | Outcome | None]
"""A row, and what its feature says in it, or what has been built of that."""


class Batch:
    """Claimed messages that have not left. Not for two threads at once."""

    def __init__(
        self,
        claim: leases.Claim,
        said: Iterable[Said | Skip | None],
        frame: Frame,
        claimed_at: float,
    ) -> None:
        self.owner = claim.owner
        self.taken = claim.taken
        self.standing = claim.standing
        self.frame = frame
        self.open = len(claim.rows)
        """How many of its messages have not been recorded."""
        self._ready: deque[Message] = deque(zip(claim.rows, said, strict=True))
        self._built: deque[Message] = deque()
        """Those in front, built already."""
        self._largest = 0
        self._fresh_until = claimed_at + FRESH_S
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return len(self._built) + len(self._ready)

    @property
    def fresh(self) -> bool:
        """Whether the database has said of late that the leases are ours, and nothing has spoken against it."""
        return time.monotonic() < self._fresh_until

    @property
    def rows(self) -> list[Row]:
        """Those that have not left."""
        return [row for row, _ in (*self._built, *self._ready)]

    def build_ahead(self) -> bool:
        """Builds some of the next messages; False: there are none, or enough are built."""
        if not self._ready or len(self._built) * self._largest >= AHEAD_BYTES:
            return False
        for _ in range(min(_AT_ONCE, len(self._ready))):
            row, said = self._ready.popleft()
            made = build(row, said, self.frame)
            self._built.append((row, made))
            if isinstance(made, Envelope) and made.size > self._largest:
                self._largest = made.size
        return True

    def take(self, n: int, fits: Callable[[Row], bool] | None = None) -> list[Message]:
        """Takes out the first ``n`` messages, or the first that fit."""
        taken = _taken(self._built, n, fits)
        if len(taken) < n:
            taken += _taken(self._ready, n - len(taken), fits)
        return taken

    def take_all(self) -> list[Row]:
        """Takes out whatever has not left."""
        rows = self.rows
        self._built.clear()
        self._ready.clear()
        return rows

    def doubt(self) -> None:
        """Something speaks against it that the leases are still ours."""
        self._fresh_until = 0.0

    def ask(self) -> list[int]:
        """The row numbers of which the database is to say whether they are ours."""
        self._asked = {row.id for row in self.rows}
        return list(self._asked)

    def hear(self, ours: set[int]) -> None:
        """Takes in the database's answer to :meth:`ask`: what is not ours any more is dropped."""
        if lost := self._asked - ours:
            gone = self.take(len(self), lambda row: row.id in lost)
            self.open -= len(gone)
        self._fresh_until = time.monotonic() + FRESH_S


def _taken(messages: deque[Message], n: int, fits: Callable[[Row], bool] | None) -> list[Message]:
    if fits is None:
        return [messages.popleft() for _ in range(min(n, len(messages)))]
    taken: list[Message] = []
    left: list[Message] = []
    while messages and len(taken) < n:
        message = messages.popleft()
        (taken if fits(message[0]) else left).append(message)
    messages.extendleft(reversed(left))
    return taken


def claim(stream: Stream, at_most: int | None) -> Batch:
    """Claims a batch, has it rendered, and commits."""
    claimed_at = time.monotonic()
    found = leases.claim(stream, at_most)
    batch = Batch(found, render(found.rows) if found.rows else [], frame(), claimed_at)
    db.session.commit()
    return batch


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
    except Exception as error:
        roll_back()
        if is_away(error):
            raise  # it says nothing about these messages
        if len(rows) == 1:
            log.error("rendering message %d of origin %s failed", rows[0].id, origin, exc_info=True)
            return [None]
    return [_render_origin(origin, [row])[0] for row in rows]


def _rendered(render_batch: compose.RenderBatch, rows: list[Row]) -> Sequence[Said | Skip]:
    rendered = render_batch(rows)
    if len(rendered) != len(rows):
        raise ValueError("a renderer answered for more or fewer rows than it was given")
    return rendered


def build(
    row: Row, said: Said | Skip | Envelope | Outcome | None, frame: Frame
) -> Envelope | Outcome:
    """The message ready to leave, or what becomes of a row that has none. What is built already stays as it is."""
    if isinstance(said, (Envelope, Outcome)):
        return said
    if said is None:
        return Outcome(row, "held", hold_reason="render")
    if isinstance(said, Skip):
        return Outcome(row, "cancelled", answer=Answer(None, None, said.reason[:300], None))
    try:
        return said.message(row, frame)
    except NotAnAddress as error:
        return Outcome(row, "failed", answer=Answer(None, "5.1.3", str(error), None))
    except Exception as error:  # whatever it is, the others are to leave
        log.error("message %d of origin %s cannot be built: %s", row.id, row.origin, error)
        return Outcome(row, "held", hold_reason="render")
