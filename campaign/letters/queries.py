"""Reading letters, offices and deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select, text

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.counts import queries as counts
from campaign.extensions import db
from campaign.letters import plan
from campaign.letters.message import holder_name
from campaign.letters.models import (
    Bundle,
    CampaignTarget,
    Delivery,
    Holder,
    Letter,
    LetterTemplate,
    Target,
    TargetChange,
)
from campaign.letters.offices import office_of
from campaign.letters.render import holders_on
from campaign.letters.targets import STALE_DAYS
from campaign.petitions import queries as petitions
from campaign.petitions.queries import Current
from campaign.statements import Statement
from campaign.web.pages import Page, page_by_key

COUNTED = 500
"""Up to so many letters ahead are counted; beyond that the place in the queue is reckoned from the counters."""


@dataclass(frozen=True)
class OfficeOf:
    """An office of a campaign, with whoever holds it today (empty while vacant)."""

    target: Target
    holder: str
    urgent: bool = False
    petition: Current | None = None
    """The petition on which letters to it bear."""

    @property
    def holder_name(self) -> str:
        """The holder as pages show them."""
        return holder_name(self.holder)


def offices(campaign_id: int) -> list[OfficeOf]:
    """The offices that a campaign's letters go to, in their order."""
    rows = db.session.execute(
        select(Target, CampaignTarget.urgent, CampaignTarget.petition_id)
        .join(CampaignTarget, CampaignTarget.target_id == Target.id)
        .where(CampaignTarget.campaign_id == campaign_id)
        .order_by(CampaignTarget.position, Target.id)
    ).all()
    now = utcnow()
    holders = holders_on({row[0].id: plan.local_day(office_of(row[0]), now) for row in rows})
    known = petitions.of_campaign(campaign_id)
    return [
        OfficeOf(
            target, holders.get(target.id, ""), urgent, about(known, target.agency, petition_id)
        )
        for target, urgent, petition_id in rows
    ]


def about(known: Sequence[Current], agency: str, petition_id: int | None) -> Current | None:
    """The chosen one of a campaign's petitions, or else the one to the office's agency."""
    for one in known:
        if one.petition.id == petition_id:
            return one
    return next((one for one in known if one.petition.agency == agency), None)


def petition_of(campaign_id: int, target: Target) -> Current | None:
    """The petition on which a campaign's letters to an office bear."""
    chosen = db.session.scalar(
        select(CampaignTarget.petition_id).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.target_id == target.id
        )
    )
    return about(petitions.of_campaign(campaign_id), target.agency, chosen)


@dataclass(frozen=True)
class Answers:
    """What an office has answered to a campaign's letters; ``hours`` is the mean time to the first answer to a letter."""

    target: Target
    sent: int
    answered: int
    received: int
    hours: int | None


def answers(campaign_id: int) -> list[Answers]:
    """Which of the campaign's offices answered through us, and how soon, as of the last fold."""
    told = {
        name: counts.totals(name, campaign_id=campaign_id)
        for name in ("deliveries.sent", "replies.answered", "replies.received", "replies.hours")
    }
    found = []
    for one in offices(campaign_id):
        n = {name: max(0, parts.get(str(one.target.id), 0)) for name, parts in told.items()}
        answered = n["replies.answered"]
        hours = round(n["replies.hours"] / answered) if answered else None
        found.append(
            Answers(one.target, n["deliveries.sent"], answered, n["replies.received"], hours)
        )
    return found


def has_offices(campaign_id: int) -> bool:
    """Whether a campaign's letters go anywhere."""
    query = select(CampaignTarget.target_id).where(CampaignTarget.campaign_id == campaign_id)
    return db.session.execute(query.limit(1)).first() is not None


def templates(campaign_id: int) -> list[LetterTemplate]:
    """The campaign's suggestions, agency by agency, in their order."""
    query = select(LetterTemplate).where(LetterTemplate.campaign_id == campaign_id)
    return list(db.session.scalars(query.order_by(LetterTemplate.position, LetterTemplate.id)))


_DOOR = Statement(
    """
    SELECT c.id, c.languages, c.opens_at, c.closes_at, o.name AS lead,
        EXISTS (SELECT 1 FROM campaign_target t WHERE t.campaign_id = c.id) AS offices,
        ARRAY(SELECT DISTINCT body.value FROM letter_template t, jsonb_each_text(t.body) body
            WHERE t.campaign_id = c.id AND body.value <> '') AS suggested
    FROM campaign c JOIN organization o ON o.id = c.lead_organization_id WHERE c.slug = :slug AND c.published
    """
)


def door(slug: str, language: str) -> Any:
    """In one look, what taking a letter in this language needs (id, lead, suggested); None where none is taken now."""
    found = _DOOR.first({"slug": slug})
    if found is None or not found.offices or language not in found.languages:
        return None
    now = utcnow()
    closed = found.closes_at is not None and found.closes_at <= now
    return None if now < found.opens_at or closed else found


def suggested(found: Sequence[LetterTemplate]) -> list[str]:
    """All bodies of some templates, in every language: what a writer did not write."""
    return sorted({text for one in found for text in one.body.values() if text})


def waiting_at(target_id: int) -> int:
    """How many letters wait for an office, of all campaigns, as of the last fold."""
    return counts.states("deliveries", campaign_id=None, part=str(target_id)).get("waiting", 0)


def ends_on(target: Target) -> date | None:
    """The office's day on which the last of the letters that wait now leaves; None where it takes over ten years."""
    return plan.expected_day(office_of(target), max(waiting_at(target.id), 1), utcnow())


_AHEAD = text(
    """
    SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.target_id = :target_id AND d.state = 'waiting'
    AND (d.priority < :priority OR d.priority = :priority AND d.id < :id) LIMIT :limit) AS ahead
    """
)
_ENDS = text(
    """
    SELECT min(d.id), max(d.id) FROM delivery d
    WHERE d.target_id = :target_id AND d.state = 'waiting' AND d.priority = :priority
    """
)


def place_of(delivery: Delivery) -> int:
    """A waiting delivery's place in its office's queue, 1 and up: exact where few are ahead, else reckoned."""
    values = {
        "target_id": delivery.target_id,
        "priority": delivery.priority,
        "id": delivery.id,
        "limit": COUNTED,
    }
    ahead = db.session.execute(_AHEAD, values).scalar_one()
    if ahead < COUNTED:
        return ahead + 1
    first, last = db.session.execute(_ENDS, values).one()
    share = (delivery.id - first) / max(last - first, 1)
    return max(COUNTED, round(share * waiting_at(delivery.target_id))) + 1


@dataclass(frozen=True)
class Receipt:
    """What an office has of a letter, or will have."""

    delivery: Delivery
    target: Target
    holder: str
    expected: date | None
    bundle: Bundle | None

    @property
    def holder_name(self) -> str:
        """The holder as pages show them."""
        return holder_name(self.holder)


def receipts(letter_id: int) -> list[Receipt]:
    """Office by office, what became of a letter."""
    rows = db.session.execute(
        select(Delivery, Target, Bundle)
        .join(Target, Target.id == Delivery.target_id)
        .outerjoin(Bundle, Bundle.id == Delivery.bundle_id)
        .where(Delivery.letter_id == letter_id)
        .order_by(Delivery.id)
        .execution_options(populate_existing=True)
    ).all()
    now = utcnow()
    holders = holders_on({row[1].id: plan.local_day(office_of(row[1]), now) for row in rows})
    return [
        Receipt(
            delivery, target, holders.get(target.id, ""), _expected(delivery, target, now), bundle
        )
        for delivery, target, bundle in rows
    ]


def _expected(delivery: Delivery, target: Target, now: datetime) -> date | None:
    if delivery.state == "queued" and delivery.due_at:
        return plan.local_day(office_of(target), delivery.due_at)
    if delivery.state != "waiting" or target.paused or target.channel == "packet":
        return None
    office = office_of(target)
    if target.channel == "digest":
        return _next_digest(target, now)
    return plan.expected_day(office, place_of(delivery), now)


def _next_digest(target: Target, now: datetime) -> date | None:
    """The office's day of the next digest: the next on which it works and has had none."""
    office = office_of(target)
    today = plan.local_day(office, now)
    had = select(Bundle.id).where(
        Bundle.target_id == target.id, Bundle.kind == "digest", Bundle.day == today,
        Bundle.state.in_(("making", "queued", "sent", "failed")),
    )  # fmt: skip
    hours = plan.hours(office, today)
    if hours is not None and db.session.execute(had.limit(1)).first() is not None:
        now = max(now, hours[1])
    return plan.expected_day(office, 1, now)


def letters_of(supporter_id: int) -> list[tuple[Letter, Campaign]]:
    """What a supporter has written and confirmed, newest first."""
    rows = db.session.execute(
        select(Letter, Campaign)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .where(Letter.supporter_id == supporter_id, Letter.state != "unconfirmed")
        .order_by(Letter.id.desc())
        .limit(50)
    )
    return [(letter, campaign) for letter, campaign in rows]


def own_letter(letter_id: int, supporter_id: int) -> tuple[Letter, Campaign] | None:
    """A letter of this supporter; None where it is somebody else's."""
    row = db.session.execute(
        select(Letter, Campaign)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .where(Letter.id == letter_id, Letter.supporter_id == supporter_id)
    ).first()
    return (row[0], row[1]) if row else None


def has_written(campaign_id: int, supporter_ids: Sequence[int]) -> set[int]:
    """Those of the supporters whose letter in this campaign is confirmed (or held)."""
    query = select(Letter.supporter_id).where(
        Letter.campaign_id == campaign_id,
        Letter.supporter_id.in_(list(supporter_ids)),
        Letter.state.in_(("confirmed", "held")),
    )
    return set(db.session.scalars(query))


def oldest_waiting(target_id: int) -> datetime | None:
    """Since when the first letter in an office's queue has waited."""
    query = (
        select(Letter.confirmed_at)
        .join(Delivery, Delivery.letter_id == Letter.id)
        .where(Delivery.target_id == target_id, Delivery.state == "waiting")
        .order_by(Delivery.priority, Delivery.id)
        .limit(1)
    )
    return db.session.execute(query).scalar()


def agencies() -> list[str]:
    """The agencies in the directory of offices."""
    return list(
        db.session.scalars(
            select(Target.agency).group_by(Target.agency).order_by(func.lower(Target.agency))
        )
    )


OFFICE_HOURS = (time(9), time(17))
"""What a new office starts from."""


def target(target_id: int) -> Target | None:
    """An office by number."""
    return db.session.get(Target, target_id)


def target_by_name(agency: str, role: str) -> Target | None:
    """The office of an agency with a role."""
    query = select(Target).where(Target.agency == agency, Target.role == role)
    return db.session.execute(query).scalar_one_or_none()


def page_of_targets(agency: str = "", *, unchecked: bool = False) -> Page[Any]:
    """Offices with today's holders, newest first; ``unchecked``: those that nobody has looked at for STALE_DAYS."""
    query = select(Target)
    if unchecked:
        last = func.coalesce(Target.checked_on, func.date(Target.created_at))
        query = query.where(last < utcnow().date() - timedelta(days=STALE_DAYS))
    if agency:
        query = query.where(Target.agency == agency)
    page = page_by_key(query, Target.id)
    now = utcnow()
    found = [row[0] for row in page.rows]
    holders_now = holders_on({one.id: plan.local_day(office_of(one), now) for one in found})
    rows = [OfficeOf(one, holders_now.get(one.id, "")) for one in found]
    return Page(rows, page.next_key, page.previous_key)


def directory() -> list[Target]:
    """All offices by agency and role, for choosing from; a directory of more than a thousand is cut off there."""
    return list(db.session.scalars(select(Target).order_by(Target.agency, Target.role).limit(1000)))


def holders(target_id: int) -> list[Holder]:
    """Who has held an office, newest first."""
    query = select(Holder).where(Holder.target_id == target_id).order_by(Holder.since.desc())
    return list(db.session.scalars(query))


def changes(target_id: int) -> list[TargetChange]:
    """The newest changes of an office's entry."""
    query = select(TargetChange).where(TargetChange.target_id == target_id)
    return list(db.session.scalars(query.order_by(TargetChange.id.desc()).limit(50)))


def campaigns_writing_to(target_id: int) -> list[Campaign]:
    """The campaigns that have chosen an office."""
    return list(
        db.session.scalars(
            select(Campaign)
            .join(CampaignTarget, CampaignTarget.campaign_id == Campaign.id)
            .where(CampaignTarget.target_id == target_id)
            .order_by(Campaign.id.desc())
        )
    )


def bundle(bundle_id: int) -> Bundle | None:
    """A packet or digest by number, its PDF only when asked for."""
    return db.session.get(Bundle, bundle_id)
