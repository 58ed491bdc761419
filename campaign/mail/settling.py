"""What became of claimed messages comes back to the ledger: a group of outcomes in one statement.

Whoever cannot name the lease any more has lost the rows, and its outcomes change nothing.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, cast

import psycopg
from sqlalchemy.pool import PoolProxiedConnection

from campaign.clock import utcnow
from campaign.columns import array
from campaign.extensions import db
from campaign.mail import bounces, states
from campaign.mail.answers import NO_ANSWER, Answer
from campaign.mail.models import CapturedMessage
from campaign.mail.states import Row

DOUBT = "uncertain"
"""The hold reason of a message whose fate stayed unknown too often: a person decides."""


class Outcome(NamedTuple):
    """What became of a claimed message."""

    row: Row
    state: str
    next_attempt_at: datetime | None = None
    answer: Answer | None = None
    hold_reason: str | None = None
    captured: dict[str, object] | None = None
    """Where it went to the capture inbox: the columns of its captured_message row."""


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
            first_attempt_at = CASE WHEN u.state <> 'queued' OR m.attempts > 1 THEN m.first_attempt_at END,
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
