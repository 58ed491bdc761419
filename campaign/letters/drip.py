"""The drip: every few seconds each office with waiting letters is given those of the next minute, and no more.

A sweep's cost depends on how many letters leave in that minute, not on how many wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import text, update

from campaign.clock import utcnow
from campaign.engines.away import apart
from campaign.extensions import db
from campaign.letters import again, deliveries, queue, stopping
from campaign.mail import ledger, orders, wake
from campaign.mail.retrying import Retry
from campaign.offices import plan
from campaign.offices.hours import office_of
from campaign.offices.models import Target

AHEAD = timedelta(seconds=60)
"""How far ahead slots are given out: so many letters cannot be re-ordered any more."""

AT_ONCE = 200
"""Letters given out for one office in one sweep at most."""

_WITH_LETTERS = text(
    """
    SELECT t.id FROM target t WHERE NOT t.paused AND t.channel = 'email' AND EXISTS (
        SELECT 1 FROM delivery d WHERE d.target_id = t.id AND d.state = 'waiting')
    ORDER BY t.id
    """
)
# NO KEY: each letter that is being confirmed holds its offices' keys for a moment, and must not stop the drip.
_TARGET = text("SELECT id FROM target WHERE id = :id AND NOT paused FOR NO KEY UPDATE SKIP LOCKED")

_QUEUE = text(
    """
    UPDATE delivery d SET state = 'queued', due_at = u.due, finished_at = NULL
    FROM unnest(CAST(:id AS bigint[]), CAST(:due AS timestamptz[])) AS u (id, due) WHERE d.id = u.id
    """
)


def sweep() -> list[datetime]:
    """Gives out the slots of the next minute, office by office, each in its own transaction; returns the slots."""
    stopping.carry_on()
    retries = again.without_slot(utcnow() + AHEAD)
    targets = sorted({*db.session.scalars(_WITH_LETTERS), *retries})
    db.session.commit()
    given: list[datetime] = []
    for target_id in targets:
        theirs = partial(give_out, target_id, retries.get(target_id, ()))
        given += apart(f"letters to office {target_id}", theirs) or ()
    if given:
        wake.wake("letters")
    return given


def give_out(target_id: int, retries: Sequence[Retry] = ()) -> list[datetime]:
    """One office's share of a sweep, the slots of ``retries`` left out; empty where another sweep is at it."""
    now = utcnow()
    if db.session.execute(_TARGET, {"id": target_id}).first() is None:
        db.session.commit()
        return []
    target = db.session.get_one(Target, target_id, populate_existing=True)
    until = target.released_until or now
    # Farther ahead than a sweep gives out, the clock has been set back since: the office must not wait for it.
    after = max(now, until) if until <= now + AHEAD else now
    office = office_of(target)
    free = plan.slots(office, after, now + AHEAD, AT_ONCE) if after < now + AHEAD else []
    taken = 0
    if retries and target.per_hour is not None and plan.is_open(office, now):
        taken = again.give_slots(free, retries, now + AHEAD)
    chosen = _choose(target_id, free[taken:]) if target.channel == "email" else []
    if chosen:
        _queue(target, chosen)
    if taken + len(chosen) and target.per_hour is not None:
        # The slots behind the last one used stay free for letters that come meanwhile.
        last = free[taken + len(chosen) - 1].at
        db.session.execute(update(Target).where(Target.id == target_id).values(released_until=last))
    db.session.commit()
    return [slot.at for slot, _ in chosen]


def _choose(target_id: int, free: list[plan.Slot]) -> list[tuple[plan.Slot, queue.Next]]:
    """The next letters, urgent ones first and then as they came, with their slots; each fair slot goes to the others."""
    if not free:
        return []
    stopped = list(orders.stopped_campaigns())
    first = queue.first(target_id, len(free), stopped)
    fair = sum(slot.fair for slot in free)
    last: list[queue.Next] = []
    if fair and first and first[0].urgent:
        last = queue.first(target_id, fair, stopped, ordinary=True)
    return plan.assign(free, first, last)


def _queue(target: Target, chosen: list[tuple[plan.Slot, queue.Next]]) -> None:
    drafts = []
    for slot, one in chosen:
        drafts.append(
            ledger.Draft(
                origin=deliveries.ORIGIN,
                origin_id=one.round,
                unit_id=one.id,
                to_address=target.email,
                language=one.language,
                campaign_id=one.campaign_id,
                due=slot.at,
            )
        )
    ledger.enqueue("letters", drafts)
    # Who has it already is to know it again, a mail program too.
    ledger.repeat(deliveries.ORIGIN, {one.id: one.round for _, one in chosen if one.doubted})
    due: list[datetime] = [slot.at for slot, _ in chosen]
    db.session.execute(_QUEUE, {"id": [one.id for _, one in chosen], "due": due})
    deliveries.count((one.campaign_id, target.id, "waiting", "queued") for _, one in chosen)
