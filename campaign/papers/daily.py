"""The day's digests are begun: each at its office's hour (campaign.offices.digest_plan), or when an organizer says so.

An office's own row is the lock: whoever holds it takes all letters of the digest, and what was seen to, in one transaction.
"""

from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

from sqlalchemy import select, text

from campaign.clock import utcnow
from campaign.engines.away import apart
from campaign.extensions import db
from campaign.letters import queue
from campaign.mail import orders
from campaign.offices import commands as offices
from campaign.offices import digest_plan, plan, waiting
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers import commands, queries
from campaign.papers.models import Bundle

IN_A_DIGEST = 500
"""Letters in one PDF at most, some 4 MB as mail; what comes on a day with more is sent in parts."""
PARTS = digest_plan.MOST // IN_A_DIGEST

# NO KEY: each letter that is being confirmed holds its offices' keys for a moment.
_LOCK = text("SELECT id FROM target WHERE id = :id FOR NO KEY UPDATE")
_SKIP = text(
    "SELECT id FROM target WHERE id = :id AND NOT paused AND channel = 'digest' FOR NO KEY UPDATE SKIP LOCKED"
)

_FIRST = """
    WITH {here} SELECT here.campaign_id FROM here CROSS JOIN LATERAL (
        SELECT d.id FROM delivery d JOIN letter l ON l.id = d.letter_id
        WHERE {its} AND l.confirmed_at <= :until ORDER BY {in_order} LIMIT 1) AS first
    WHERE {campaigns} ORDER BY here.urgent DESC, first.id LIMIT 1
"""
_QUEUE = {"here": queue.HERE, "its": queue.ITS, "in_order": queue.IN_ORDER}
_FIRST_OF_OTHERS = text(_FIRST.format(**_QUEUE, campaigns="true"))
_FIRST_OF_THESE = text(_FIRST.format(**_QUEUE, campaigns="here.campaign_id = ANY (:campaigns)"))

COUNTED = 500
"""Up to so many letters that wait are counted; how many more there are is told by the counters."""
_FEW = text(
    f"""
    WITH {queue.HERE} SELECT count(*) FROM (
        SELECT 1 FROM here CROSS JOIN LATERAL (
            SELECT 1 FROM delivery d
            WHERE d.target_id = :target_id AND d.campaign_id = here.campaign_id AND d.state = 'waiting' LIMIT :limit) AS first
        LIMIT :limit) AS few
    """  # noqa: S608  # our own text
)


def begin_due() -> int:
    """Begins the digest of every office whose hour has come and whom nobody has seen to since; how many PDFs that makes."""
    now = utcnow()
    query = select(Target).where(Target.channel == "digest", Target.paused.is_(False))
    found = db.session.scalars(query.order_by(Target.id)).all()
    due = [
        one.id for one in found if apart(f"the digest of office {one.id}", partial(_due, one, now))
    ]
    db.session.commit()
    return sum(apart(f"the digest of office {n}", partial(_begin, n)) or 0 for n in due)


def _due(target: Target, now: datetime) -> datetime | None:
    return digest_plan.due(office_of(target), target.digested_until, now)


def _begin(target_id: int) -> int:
    """One office's digest, if it is still due; commits. Does nothing where another worker is at it."""
    sizes: list[int] = []
    if db.session.execute(_SKIP, {"id": target_id}).first() is not None:
        target = db.session.get_one(Target, target_id, populate_existing=True)
        at = _due(target, utcnow())
        if at is not None:
            sizes = _take(target, at, "")
            if not _is_kept_back(target, at):
                _see_to(target, sizes, at)
    db.session.commit()
    return len(sizes)


def _take(target: Target, until: datetime, by: str) -> list[int]:
    """The letters confirmed until then go into digests of that day, one a campaign, in as many parts as it needs; the parts' sizes."""
    now = utcnow()
    day = plan.local_day(office_of(target), until)
    tried, sizes = list(orders.stopped_campaigns()), []
    values = {"target_id": target.id, "until": until, "stopped": tried}
    while (campaign_id := db.session.scalar(_FIRST_OF_OTHERS, values)) is not None:
        tried.append(campaign_id)
        first = queries.last_part(target.id, campaign_id, day) + 1
        for part in range(first, first + PARTS):
            bundle = Bundle(
                kind="digest", target_id=target.id, campaign_id=campaign_id, day=day, piece=part, state="making",
                created_at=now, created_by=by,
            )  # fmt: skip
            taken = commands.begin_in_transaction(bundle, IN_A_DIGEST, until=until)
            sizes += [taken] if taken else []
            if taken < IN_A_DIGEST:
                break
    return sizes


def _is_kept_back(target: Target, until: datetime) -> bool:
    """Whether letters of a paused campaign would be in it: they leave the same day, if the campaign goes on while it is open."""
    paused = [n for n, action in orders.stopped_campaigns().items() if action == "pause"]
    values = {"target_id": target.id, "until": until, "campaigns": paused, "stopped": []}
    return bool(paused) and db.session.scalar(_FIRST_OF_THESE, values) is not None


def _see_to(target: Target, sizes: list[int], at: datetime) -> None:
    """What has left is that day's only digest; where nothing waited, a later hour of the same day may still come."""
    until = digest_plan.end_of_day(office_of(target), at) if sizes else at
    offices.digested_in_transaction(target.id, until)


WhyNot = Literal["", "channel", "paused", "closed", "campaigns", "leaving", "none"]


class Sent(NamedTuple):
    """What became of the wish to send a digest now: so many letters are on their way, or why none is."""

    letters: int
    why_not: WhyNot


def send_now(target_id: int, by: str) -> Sent:
    """Begins a digest of all that waits, in the office's hours, and commits. It is the day's: the next leaves another day."""
    db.session.execute(_LOCK, {"id": target_id})
    target = db.session.get_one(Target, target_id, populate_existing=True)
    now = utcnow()
    why_not = _why_not(target, now)
    sizes = [] if why_not else _take(target, now, by)
    if sizes:
        _see_to(target, sizes, now)
    elif not why_not:
        why_not = _why_nothing(target, now)
    db.session.commit()
    return Sent(sum(sizes), why_not)


def _why_not(target: Target, now: datetime) -> WhyNot:
    if target.channel != "digest":
        return "channel"
    if target.paused:
        return "paused"
    return "" if plan.is_open(office_of(target), now) else "closed"


def _why_nothing(target: Target, now: datetime) -> WhyNot:
    if _is_kept_back(target, now):
        return "campaigns"
    return "leaving" if queries.digest_leaving(target.id) else "none"


class NextDigest(NamedTuple):
    """What the desk says of an office's next digest, as things stand."""

    at: datetime | None
    """None where it is more than ten years away."""
    due: bool
    """Its hour has come: it leaves in a moment."""
    left_today: bool
    letters: int
    """Those that wait and will be in it, many as of the last fold; at most digest_plan.MOST of each campaign leave at once."""


def next_digest(target: Target) -> NextDigest | None:
    """The next digest of an office; None where it gets none."""
    if target.channel != "digest":
        return None
    office, seen, now = office_of(target), target.digested_until, utcnow()
    stopped = list(orders.stopped_campaigns())
    values = {"target_id": target.id, "until": now, "stopped": stopped}
    at = None if target.paused else _due(target, now)
    due = bool(at) and db.session.scalar(_FIRST_OF_OTHERS, values | {"until": at}) is not None
    if not due:
        at = digest_plan.leaves(office, now, seen, now)
    left_today = seen is not None and seen >= digest_plan.end_of_day(office, now)
    return NextDigest(at, due, left_today, _waiting(target, stopped))


def _waiting(target: Target, stopped: list[int]) -> int:
    """How many letters wait but for those of stopped campaigns: counted where they are few, so that what has just left is not told."""
    few = db.session.scalar(_FEW, {"target_id": target.id, "stopped": stopped, "limit": COUNTED})
    if few is not None and few < COUNTED:
        return int(few)
    return waiting.at_office(target).moving
