"""The one place where a message changes its state, is counted, and is told about.

Every change is one UPDATE that names the states it may come from; what it really changed goes to
the journal and to the listeners of the message's origin, in the same transaction. The caller commits.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.counts.models import WHOLE_SITE
from campaign.extensions import db
from campaign.mail.answers import NO_ANSWER, Answer

TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"leased", "held", "cancelled"}),
    "deferred": frozenset({"leased", "held", "cancelled"}),
    "leased": frozenset({"sent", "deferred", "failed", "uncertain", "queued", "held", "cancelled"}),
    # A person knows what became of it (of a held one, whether it had arrived), or it goes once more.
    "held": frozenset({"queued", "cancelled", "sent"}),
    "uncertain": frozenset({"queued", "sent", "failed", "cancelled"}),
    "failed": frozenset(),
    # A bounce can come days after the server took a message.
    "sent": frozenset({"failed"}),
    "cancelled": frozenset(),
}
FINAL_STATES = ("sent", "failed", "cancelled")


class IllegalTransition(Exception):
    """A message was to go from a state to one that does not follow it."""


class Row(NamedTuple):
    """A message as renderers see it."""

    id: int
    stream: str
    origin: str
    origin_id: int
    unit_id: int
    campaign_id: int
    to_address: str
    domain: str
    language: str
    attempts: int
    doubts: int
    message_id: str
    first_attempt_at: datetime | None
    data: Any
    old_state: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a listener hears: message (row number) ``message_id`` went from ``old_state`` to ``state``."""

    message_id: int
    origin: str
    origin_id: int
    unit_id: int
    campaign_id: int
    old_state: str
    state: str
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    server: str | None = None
    captured: bool = False
    at: datetime | None = None


UNTRIED = "attempts = m.attempts - 1, first_attempt_at = CASE WHEN m.attempts > 1 THEN m.first_attempt_at END"
"""What a claimed message's move sets besides (see :func:`move`) where it was not tried: the claim leaves no trace, in the
time for which it is tried either."""

Change = tuple[Row, str, Answer | None]
"""A message as it was, its new state, and the server's answer where one brought it about."""

Listener = Callable[[list[Result]], None]
_listeners: dict[str, list[Listener]] = defaultdict(list)

_COLUMNS = ", ".join(f"m.{name}" for name in Row._fields if name != "old_state")


def on_result(origin: str, listener: Listener) -> None:
    """Has ``listener`` called, inside the transaction, with every change of ``origin``'s messages but claims."""
    if listener not in _listeners[origin]:
        _listeners[origin].append(listener)


def sources(new: str) -> tuple[str, ...]:
    """The states from which ``new`` may follow."""
    return tuple(old for old, followers in TRANSITIONS.items() if new in followers)


def check(old: str, new: str) -> None:
    """Raises IllegalTransition unless ``new`` may follow ``old``."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"a message cannot go from {old} to {new}")


def move(
    new: str,
    where: str,
    values: dict[str, Any],
    *,
    set_: str = "",
    old: Sequence[str] | None = None,
    order: str = "m.id",
    limit: int | None = None,
    answer: Answer | None = None,
) -> list[Row]:
    """Moves the messages that ``where`` finds to ``new`` and returns them.

    ``where``, ``set_`` and ``order`` are SQL of this package's own, over alias ``m``; ``old`` narrows
    the states to come from (all that ``new`` may follow by default; another raises
    IllegalTransition). Rows that another transaction has locked are passed over, with ``limit``; waited
    for without. ``answer`` is what listeners are told where a server's late word brought the change about.
    """
    for state in old or ():
        check(state, new)
    # States are words of ours, written out so that the planner sees the partial indexes fit.
    listed = ", ".join(f"'{state}'" for state in old or sources(new))
    statement = text(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT m.id, m.state FROM message m
            WHERE m.state IN ({listed}) AND {where}
            ORDER BY {order} FOR UPDATE {"SKIP LOCKED LIMIT :limit" if limit else ""}
        )
        UPDATE message m SET state = '{new}'{_housekeeping(new)}{", " + set_ if set_ else ""}
        FROM picked p WHERE m.id = p.id
        RETURNING {_COLUMNS}, p.state AS old_state
        """  # noqa: S608  # no part of it comes from outside
    )
    parameters = {"now": utcnow(), "limit": limit, **values}
    rows = [Row(*row) for row in db.session.execute(statement, parameters)]
    tell(((row, new, answer) for row in rows), listeners=new != "leased")
    return rows


def _housekeeping(new: str) -> str:
    """What every move to ``new`` sets besides the state."""
    finished = ", finished_at = :now" if new in FINAL_STATES else ", finished_at = NULL"
    lease = (
        ""
        if new == "leased"
        else ", lease_owner = NULL, lease_expires_at = NULL, in_flight = false"
    )
    hold = "" if new == "held" else ", hold_reason = NULL"
    return finished + lease + hold


def listened(origin: str) -> bool:
    """Whether anyone wants to hear of ``origin``'s messages."""
    return bool(_listeners.get(origin))


def tell(changes: Iterable[Change], listeners: bool = True, count: bool = True) -> None:
    """Journals the changes and calls the listeners with them, unless told otherwise."""
    moves: Counter[tuple[str, str, int, int, str | None, str]] = Counter()
    heard: dict[str, list[Result]] = defaultdict(list)
    now = utcnow()
    for row, new, answer in changes:
        moves[row.stream, row.origin, row.origin_id, row.campaign_id, row.old_state, new] += 1
        if listeners and row.origin in _listeners:
            heard[row.origin].append(_result(row, new, answer, now))
    if count:
        count_moves(moves)
    for origin, results in heard.items():
        for listener in _listeners[origin]:
            listener(results)


def count_moves(moves: Counter[tuple[str, str, int, int, str | None, str]]) -> None:
    """Journals moves {(stream, origin, origin_id, campaign_id, old state or None, new): n}.

    Two kinds of number come of them: ``messages.<state>`` by stream, and ``<origin>.<state>`` by the
    alert, the letter campaign … (``origin_id`` as text), within its campaign.
    """
    deltas: Counter[tuple[str, int, str]] = Counter()
    for (stream, origin, origin_id, campaign_id, old, new), n in moves.items():
        for state, delta in ((old, -n), (new, n)):
            if state is None:
                continue
            deltas[f"messages.{state}", WHOLE_SITE, stream] += delta
            if origin_id:
                deltas[f"{origin}.{state}", campaign_id, str(origin_id)] += delta
    journal.record(
        journal.Change(name, delta, campaign_id, part)
        for (name, campaign_id, part), delta in deltas.items()
    )


COUNT_MOVED = f"""
    INSERT INTO journal (at, campaign_id, name, part, delta)
    SELECT %(now)s::timestamptz, {WHOLE_SITE}, 'messages.' || state, stream, delta
    FROM moved, LATERAL (VALUES (old, -n), (new, n)) AS change (state, delta)
    UNION ALL
    SELECT %(now)s::timestamptz, campaign_id, origin || '.' || state, origin_id::text, delta
    FROM moved, LATERAL (VALUES (old, -n), (new, n)) AS change (state, delta) WHERE origin_id <> 0
"""  # noqa: S608  # no part of it comes from outside
"""What :func:`count_moves` does, in SQL, for ``moved (stream, origin, origin_id, campaign_id, old, new, n)``."""


def _result(row: Row, new: str, answer: Answer | None, now: datetime) -> Result:
    known = answer or NO_ANSWER
    return Result(
        row.id, row.origin, row.origin_id, row.unit_id, row.campaign_id, row.old_state, new,
        known.code, known.enhanced, known.text, known.server, known.captured, now,
    )  # fmt: skip
