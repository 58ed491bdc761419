"""How senders take messages from the ledger and bring the outcomes back.

A claim is a lease with an owner's name of its own: whoever cannot name it any more has lost the rows,
and its outcomes change nothing. Leases run by the database's clock, the one that all workers share.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import psycopg
from sqlalchemy import text
from sqlalchemy.pool import PoolProxiedConnection

from campaign.clock import utcnow
from campaign.columns import array
from campaign.extensions import db
from campaign.mail import bounces, orders, states, suppressions
from campaign.mail.answers import NO_ANSWER, Answer
from campaign.mail.models import CapturedMessage
from campaign.mail.states import Row
from campaign.mail.streams import STREAMS, Stream

LEASE_S = 60
RENEW_S = 20
"""A sender renews a lease older than this."""


class Outcome(NamedTuple):
    """What became of a claimed message."""

    row: Row
    state: str
    next_attempt_at: datetime | None = None
    answer: Answer | None = None
    hold_reason: str | None = None
    captured: dict[str, object] | None = None
    """Where it went to the capture inbox: the columns of its captured_message row."""


def due(stream: str, at_most: int) -> int:
    """How many messages are due, counted no further than ``at_most``."""
    query = text(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM message WHERE stream = :stream AND state IN ('queued', 'deferred')
            AND next_attempt_at <= :now LIMIT :limit
        ) AS found
        """
    )
    return db.session.execute(
        query, {"stream": stream, "now": utcnow(), "limit": at_most}
    ).scalar_one()


class Claim(NamedTuple):
    """Freshly leased messages."""

    owner: str
    """The lease's name."""
    rows: list[Row]
    """Those that may be sent."""
    taken: int
    """How many were due and taken, with those that may not be sent."""
    standing: dict[tuple[str, int], str]
    """The orders that stood at that moment."""


def claim(stream: Stream, at_most: int | None = None) -> Claim:
    """Leases some due messages and commits.

    Rows that a standing order or a suppression forbids are held or cancelled instead.
    """
    owner = secrets.token_hex(8)
    standing = orders.standing()
    values = {
        "stream": stream.name, "limit": min(at_most or stream.claim, stream.claim), "owner": owner, "now": utcnow(), "lease_s": LEASE_S,
    }  # fmt: skip
    # SQLAlchemy's rows, made into ours, would cost as much as the rest.
    found = db.session.connection().exec_driver_sql(_CLAIM, values).cursor
    leased = list(map(Row._make, found.fetchall())) if found else []
    taken = len(leased)
    if standing:
        leased = orders.obey(leased, standing)
    leased = suppressions.obey(leased)
    db.session.commit()
    return Claim(owner, leased, taken, standing)


_COLUMNS = [name for name in Row._fields if name != "old_state"]
_CLAIM = f"""
    WITH picked AS MATERIALIZED (
        SELECT m.ctid AS place, m.id, m.state AS old FROM message m
        WHERE m.state IN ('queued', 'deferred') AND m.stream = %(stream)s AND m.next_attempt_at <= %(now)s
        AND m.domain <> ALL (ARRAY(SELECT domain FROM deferring_domain WHERE paused_until > %(now)s))
        ORDER BY m.priority, m.next_attempt_at, m.id FOR UPDATE SKIP LOCKED LIMIT %(limit)s
    ), leased AS (
        UPDATE message m SET
            state = 'leased', lease_owner = %(owner)s, attempts = m.attempts + 1, in_flight = false,
            lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
            first_attempt_at = coalesce(m.first_attempt_at, %(now)s), finished_at = NULL, hold_reason = NULL
        -- By their places, which do not change while they are locked: a join would walk along a small table.
        WHERE m.ctid = ANY (ARRAY(SELECT place FROM picked))
        RETURNING {", ".join(f"m.{name}" for name in _COLUMNS)}
    ), moved AS (
        SELECT stream, origin, origin_id, campaign_id, old, 'leased' AS new, count(*) AS n
        FROM leased JOIN picked USING (id) GROUP BY stream, origin, origin_id, campaign_id, old
    ), counted AS ({states.COUNT_MOVED})
    SELECT {", ".join(_COLUMNS)}, 'leased' FROM leased
"""  # noqa: S608  # no part of it comes from outside


class Settled(NamedTuple):
    """What came of recording outcomes."""

    n: int
    """How many were recorded: the others' rows were no longer leased to their owner."""
    ours: set[int]
    """Which of the rows asked about still are."""


class Record:
    """Where one sender records outcomes: on a database connection of its own, a group in one statement.

    The statement is its own transaction, so a group costs one round trip. Use it in a ``with`` block, in one thread.
    """

    def __init__(self) -> None:
        self._connection: PoolProxiedConnection | None = None

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._driver(self._connection).autocommit = False
            self._connection.close()
            self._connection = None

    def settle(self, owner: str, outcomes: Sequence[Outcome], asked: Sequence[int] = ()) -> Settled:
        """Like :func:`settle`. Raises DBAPIError or psycopg.OperationalError where the database is away."""
        # What others have to hear of is told in the transaction that records it, on the session's connection.
        told = [o for o in outcomes if _concerns_others(o)]
        n = 0
        if told:
            n = settle(owner, told).n
            outcomes = [o for o in outcomes if not _concerns_others(o)]
        if self._connection is None:
            self._connection = db.engine.raw_connection()
            self._driver(self._connection).autocommit = True
        try:
            found = self._driver(self._connection).execute(
                _SETTLE, _values(owner, outcomes, asked), prepare=True, binary=True
            )
            settled = _settled(found.fetchall())
            return Settled(n + settled.n, settled.ours)
        except psycopg.OperationalError:
            self._connection.invalidate()
            self._connection = None
            raise

    @staticmethod
    def _driver(connection: PoolProxiedConnection) -> psycopg.Connection[tuple[int, bool]]:
        return cast("psycopg.Connection[tuple[int, bool]]", connection.driver_connection)


def _concerns_others(outcome: Outcome) -> bool:
    return bool(
        outcome.captured or outcome.state == "failed" or states.listened(outcome.row.origin)
    )


def settle(owner: str, outcomes: Sequence[Outcome], asked: Sequence[int] = ()) -> Settled:
    """Records outcomes in one transaction and commits; says which of the ``asked`` are still the owner's.

    Rows that are no longer leased to ``owner`` are left as they are.
    """
    values = _values(owner, outcomes, asked)
    found = db.session.connection().exec_driver_sql(_SETTLE, values).all()
    mine = {row_id for row_id, settled in found if settled}
    states.tell(((o.row, o.state, o.answer) for o in outcomes if o.row.id in mine), count=False)
    bounces.settled(o for o in outcomes if o.row.id in mine)
    captured = [o.captured for o in outcomes if o.captured and o.row.id in mine]
    if captured:
        db.session.execute(CapturedMessage.__table__.insert(), captured)
    db.session.commit()
    return Settled(len(mine), {row_id for row_id, settled in found if not settled})


_SETTLE = f"""
    WITH outcome AS (
        SELECT one.id::bigint AS id, one.answer, alike.* FROM json_to_recordset(%(outcomes)s::json) AS alike (
            ids json, answers json, state text, due timestamptz, hold_reason text, code smallint, enhanced text,
            server text, captured boolean, doubt boolean
        ), ROWS FROM (json_array_elements_text(ids), json_array_elements_text(answers)) AS one (id, answer)
    ), settled AS (
        UPDATE message m SET
            state = u.state, next_attempt_at = coalesce(u.due, m.next_attempt_at),
            finished_at = CASE WHEN u.state IN ('sent', 'failed', 'cancelled') THEN %(now)s::timestamptz END,
            hold_reason = u.hold_reason,
            smtp_code = coalesce(u.code, m.smtp_code), smtp_enhanced = coalesce(u.enhanced, m.smtp_enhanced),
            smtp_text = coalesce(u.answer, m.smtp_text), smtp_server = coalesce(u.server, m.smtp_server),
            captured = coalesce(u.captured, false),
            -- Going back untried leaves no trace; not knowing does.
            attempts = m.attempts - CASE WHEN u.state = 'queued' THEN 1 ELSE 0 END,
            doubts = m.doubts + CASE WHEN u.doubt THEN 1 ELSE 0 END,
            lease_owner = NULL, lease_expires_at = NULL, in_flight = false
        -- "IS TRUE" keeps the index of leases out of it, where each group would walk past the whole batch.
        FROM outcome u WHERE m.id = u.id AND (m.lease_owner = %(owner)s AND m.state = 'leased') IS TRUE
        RETURNING m.id, m.stream, m.origin, m.origin_id, m.campaign_id, m.state
    ), moved AS (
        SELECT stream, origin, origin_id, campaign_id, 'leased' AS old, state AS new, count(*) AS n
        FROM settled GROUP BY stream, origin, origin_id, campaign_id, state
    ), counted AS ({states.COUNT_MOVED})
    SELECT id, true FROM settled
    UNION ALL
    SELECT id, false FROM message
    WHERE id = ANY(%(asked)s::bigint[]) AND (lease_owner = %(owner)s AND state = 'leased') IS TRUE
"""  # noqa: S608  # no part of it comes from outside


def _settled(found: Sequence[tuple[int, bool]]) -> Settled:
    ours = {row_id for row_id, settled in found if not settled}
    return Settled(len(found) - len(ours), ours)


def _values(owner: str, outcomes: Sequence[Outcome], asked: Sequence[int]) -> dict[str, object]:
    return {
        "owner": owner,
        "now": utcnow(),
        "outcomes": json.dumps(_alike(outcomes)),
        "asked": array(asked),
    }


_Alike = tuple[str, datetime | None, str | None, int | None, str | None, str | None, bool]
"""State, next attempt, hold reason, code, enhanced code, server, captured."""


def _alike(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """The outcomes as :data:`_SETTLE` reads them: nearly all differ in their row and the answer's text alone."""
    found: dict[_Alike, tuple[list[int], list[str | None]]] = {}
    for row, state, due, answer, hold_reason, _ in outcomes:
        code, enhanced, words, server, captured = answer or NO_ANSWER
        key = (state, due, hold_reason, code, enhanced, server, captured)
        if (lists := found.get(key)) is None:
            states.check("leased", state)
            lists = found[key] = ([], [])
        lists[0].append(row.id)
        lists[1].append(words)
    return [
        {
            "ids": ids, "answers": answers, "state": state, "due": due and due.isoformat(),
            "hold_reason": hold_reason, "code": code, "enhanced": enhanced, "server": server, "captured": captured,
            "doubt": state == "uncertain" or hold_reason == DOUBT,
        }
        for (state, due, hold_reason, code, enhanced, server, captured), (ids, answers) in found.items()
    ]  # fmt: skip


DOUBT = "uncertain"
"""The hold reason of a message whose fate stayed unknown too often: a person decides."""

_RENEW = text(
    """
    UPDATE message SET lease_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE state = 'leased' AND lease_owner = ANY(:owners)
    """
)
_MARK = text(
    """
    UPDATE message SET in_flight = true
    WHERE id = :id AND lease_owner = :owner AND state = 'leased' RETURNING id
    """
)


def renew(owners: Sequence[str]) -> None:
    """Gives leases that are still being worked on another term, and commits."""
    db.session.execute(_RENEW, {"owners": list(owners), "lease_s": LEASE_S})
    db.session.commit()


def mark_in_flight(owner: str, row_id: int) -> bool:
    """Notes that a message's last byte is about to leave, and commits; False: the lease is lost, don't send."""
    marked = db.session.scalar(_MARK, {"id": row_id, "owner": owner}) is not None
    db.session.commit()
    return marked


def expire() -> int:
    """Takes back what dead senders had leased, commits, and returns how many messages that were.

    A message that was marked as in flight is uncertain; every other goes again. A lease from the future is one that a clock
    gave out before it was set back.
    """
    expired = (
        "(m.lease_expires_at < clock_timestamp() OR "
        f"m.lease_expires_at > clock_timestamp() + make_interval(secs => {5 * LEASE_S}))"
    )
    n = len(
        states.move(
            "queued", f"{expired} AND NOT m.in_flight", {}, old=("leased",), limit=1000,
            set_="attempts = m.attempts - 1",
        )
    )  # fmt: skip
    for stream in STREAMS.values():
        which = f"{expired} AND m.in_flight AND m.stream = :stream"
        patience = stream.patience()
        due = utcnow() + patience.doubt
        values = {
            "stream": stream.name,
            "due": due,
            "doubts": patience.doubts,
            "reason": DOUBT,
        }
        n += len(
            states.move(
                "held", f"{which} AND m.doubts + 1 >= :doubts", values, old=("leased",), limit=1000,
                set_="doubts = m.doubts + 1, hold_reason = :reason",
            )
        )  # fmt: skip
        n += len(
            states.move(
                "uncertain", which, values, old=("leased",), limit=1000,
                set_="doubts = m.doubts + 1, next_attempt_at = :due",
            )
        )  # fmt: skip
    db.session.commit()
    return n


def mend_clocks() -> int:
    """Brings back what a clock that was ahead has put too far into the future, commits, and returns how many messages.

    Nothing deferred waits longer than the longest wait, and nothing that was just queued was queued tomorrow.
    """
    n = 0
    for stream in STREAMS.values():
        patience = stream.patience()
        now = utcnow()
        values = {
            "stream": stream.name, "now": now, "soon": now + AHEAD,
            "latest": now + patience.longest * 1.2 + AHEAD, "doubtful": now + patience.doubt + AHEAD,
        }  # fmt: skip
        n += len(db.session.execute(_MEND, values).all())
    db.session.commit()
    return n


AHEAD = timedelta(minutes=5)
"""By how much machines' clocks may differ."""
_MEND = text(
    """
    UPDATE message SET next_attempt_at =
        CASE WHEN state = 'queued' THEN CAST(:now AS timestamptz) + (next_attempt_at - created_at) ELSE :now END,
        first_attempt_at = least(first_attempt_at, :now), created_at = least(created_at, :now)
    WHERE stream = :stream AND (
        (state = 'deferred' AND next_attempt_at > :latest) OR (state = 'uncertain' AND next_attempt_at > :doubtful)
        OR (state = 'queued' AND next_attempt_at > :soon AND created_at > :soon))
    RETURNING id
    """
)


def retry_uncertain() -> int:
    """Queues uncertain messages whose time to go again has come, commits, and returns how many."""
    n = len(states.move("queued", "m.next_attempt_at <= :now", {}, old=("uncertain",), limit=1000))
    db.session.commit()
    return n
