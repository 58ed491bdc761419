"""What the mail engine says of a delivery's message, brought back to the delivery and its office."""

from typing import NamedTuple

from sqlalchemy import select, text

from campaign.extensions import db
from campaign.letters import deliveries, telling
from campaign.mail.ledger import Result
from campaign.mail.models import Message
from campaign.mail.settling import DOUBT
from campaign.offices import commands as offices

STATES = {
    "queued": "queued",
    "leased": "queued",
    "sent": "sent",
    "deferred": "deferred",
    "failed": "failed",
    "uncertain": "uncertain",
    "held": "held",
    # Nobody cancels a message for good but through the delivery: this one goes back to wait for another slot.
    "cancelled": "waiting",
}

_RECORD = text(
    """
    WITH u AS (
        SELECT * FROM unnest(CAST(:id AS bigint[]), CAST(:round AS smallint[]), CAST(:state AS text[]),
            CAST(:answer AS text[]), CAST(:captured AS boolean[]), CAST(:at AS timestamptz[]))
            AS u (id, round, state, answer, captured, at)
    ), picked AS MATERIALIZED (
        SELECT d.id, d.state AS old, u.answer, u.captured, u.at,
            CASE WHEN u.state <> 'waiting' THEN u.state
                WHEN l.taken_back_at IS NULL AND l.state IN ('confirmed', 'held') THEN u.state
                WHEN d.doubted THEN 'uncertain'
                ELSE 'cancelled' END AS state
        FROM delivery d JOIN u ON u.id = d.id AND u.round = d.round JOIN letter l ON l.id = d.letter_id
        WHERE d.state <> 'cancelled' AND d.bundle_id IS NULL
        ORDER BY d.id FOR UPDATE OF d
    )
    UPDATE delivery d SET
        state = p.state,
        answer = CASE WHEN p.answer = '' THEN d.answer ELSE p.answer END,
        captured = p.captured,
        doubted = CASE p.state WHEN 'uncertain' THEN true WHEN 'sent' THEN false ELSE d.doubted END,
        finished_at = CASE WHEN p.state IN ('sent', 'failed', 'cancelled') THEN p.at END,
        round = d.round + CASE WHEN p.state = 'waiting' THEN 1 ELSE 0 END,
        due_at = CASE WHEN p.state = 'waiting' THEN NULL ELSE d.due_at END
    FROM picked p WHERE d.id = p.id
    RETURNING d.id, d.target_id, d.campaign_id, p.old, p.state, p.answer
    """
)


class _Changed(NamedTuple):
    id: int
    target_id: int
    campaign_id: int
    old: str
    state: str
    answer: str


def on_result(results: list[Result]) -> None:
    """The listener for the origin ``delivery``: runs in the mail engine's own transaction."""
    newest = {result.unit_id: result for result in results}
    doubtful = _in_doubt([r.message_id for r in newest.values() if r.state == "held"])
    values = {
        "id": list(newest),
        "round": [r.origin_id for r in newest.values()],
        "state": [
            "uncertain" if r.message_id in doubtful else STATES[r.state] for r in newest.values()
        ],
        "answer": [answer_of(r) for r in newest.values()],
        "captured": [r.captured for r in newest.values()],
        "at": [r.at for r in newest.values()],
    }
    changed = [_Changed(*row) for row in db.session.execute(_RECORD, values)]
    deliveries.count(
        (c.campaign_id, c.target_id, c.old, c.state) for c in changed if c.old != c.state
    )
    telling.look_in_transaction([c.id for c in changed if c.state == "sent" and c.old != "sent"])
    refused = {c.target_id: c for c in changed if c.state == "failed" and c.old != "failed"}
    for target_id, change in sorted(refused.items()):
        what = (
            "A letter came back"
            if change.old == "sent"
            else "The mail server refused a letter for good"
        )
        offices.pause_by_itself_in_transaction(target_id, f"{what}: {change.answer}")
    offices.pause_suppressed_in_transaction(
        {c.target_id for c in changed if c.state == "waiting"} - refused.keys()
    )


def answer_of(result: Result) -> str:
    """The server's answer as people read it: code, enhanced code, text; or what we say ourselves."""
    parts = (str(result.code or ""), result.enhanced, result.text)
    return " ".join(part for part in parts if part)


def _in_doubt(message_ids: list[int]) -> set[int]:
    """Those of the held messages whose fate stayed unknown too often: a person decides what became of them."""
    if not message_ids:
        return set()
    query = select(Message.id).where(Message.id.in_(message_ids), Message.hold_reason == DOUBT)
    return set(db.session.scalars(query))
