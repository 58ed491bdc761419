"""Reading letters, their suggestions and their deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import current_app
from sqlalchemy import select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.counts import queries as counts
from campaign.extensions import db
from campaign.letters import deliveries, queue, stating, together
from campaign.letters.models import Delivery, Letter, LetterTemplate
from campaign.letters.together import Together
from campaign.mail import orders, undecided
from campaign.offices import digest_plan, plan
from campaign.offices import queries as offices
from campaign.offices.holders import holder_name, holders_on
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.petitions import docketing
from campaign.petitions import queries as petitions
from campaign.statements import Statement


@dataclass(frozen=True)
class Answers:
    """What an office has answered to a campaign's letters; ``hours`` is the median of the time to the first answer to a letter."""

    target: Target
    sent: int
    answered: int
    received: int
    hours: int | None


def answers(campaign_id: int) -> list[Answers]:
    """Which of the campaign's offices answered through us, and how soon, as of the last fold."""
    told = {
        name: counts.totals(name, campaign_id=campaign_id)
        for name in ("deliveries.sent", "replies.answered", "replies.received")
    }
    waited = _waited(campaign_id)
    found = []
    for one in offices.of_campaign(campaign_id):
        n = {name: max(0, parts.get(str(one.target.id), 0)) for name, parts in told.items()}
        found.append(
            Answers(
                one.target, n["deliveries.sent"], n["replies.answered"], n["replies.received"],
                median(waited.get(one.target.id, {})),
            )
        )  # fmt: skip
    return found


def _waited(campaign_id: int) -> dict[int, dict[int, int]]:
    """By office, how many first answers took how many hours (``replies.after``)."""
    found: dict[int, dict[int, int]] = {}
    for part, n in counts.totals("replies.after", campaign_id=campaign_id).items():
        target, _, hours = part.partition(":")
        if n > 0:
            found.setdefault(int(target), {})[int(hours)] = n
    return found


def median(times: Mapping[int, int]) -> int | None:
    """The median of values of which each occurs so many times; None where there are none."""
    n = sum(times.values())
    middle = []
    seen = 0
    for value in sorted(times):
        middle += [value for place in {(n - 1) // 2, n // 2} if seen <= place < seen + times[value]]
        seen += times[value]
    return round(sum(middle) / len(middle)) if middle else None


def templates(campaign_id: int) -> list[LetterTemplate]:
    """The campaign's suggestions, agency by agency, in their order."""
    query = select(LetterTemplate).where(LetterTemplate.campaign_id == campaign_id)
    return list(db.session.scalars(query.order_by(LetterTemplate.position, LetterTemplate.id)))


_DOORS = """
    SELECT c.id, c.slug, c.languages, c.opens_at, c.closes_at, o.name AS lead,
        EXISTS (SELECT 1 FROM campaign_target t WHERE t.campaign_id = c.id) AS offices,
        ARRAY(SELECT DISTINCT body.value FROM letter_template t, jsonb_each_text(t.body) body
            WHERE t.campaign_id = c.id AND body.value <> '' ORDER BY body.value) AS suggested
    FROM campaign c JOIN organization o ON o.id = c.lead_organization_id WHERE c.published"""
_SEALED = "SELECT door.*, md5(CAST(door AS text)) AS seal FROM ({}) AS door"
_DOOR = Statement(_SEALED.format(f"{_DOORS} AND c.slug = :slug"))

STILL_OPEN = f"""
    door AS ({_SEALED.format(f"{_DOORS} AND c.id IN (SELECT campaign_id FROM asked_for WHERE seal <> '')")}),
    still_open AS (
        SELECT n FROM asked_for WHERE seal = ''
        UNION ALL SELECT asked_for.n FROM asked_for JOIN door ON door.id = asked_for.campaign_id AND door.seal = asked_for.seal
    )"""  # noqa: S608  # our own text
"""Part of a larger statement: the ``n`` of those rows of ``asked_for`` (n, campaign_id, seal) whose door is as it was."""

_DOORS_READ = "campaign.letters.doors"
_MOST_DOORS = 1000


def door(slug: str, language: str, again: bool = False) -> Any:
    """In one look, what taking a letter in this language needs (id, lead, suggested, seal); None where none is taken now.

    A process keeps what it has read, and reads it ``again`` where the statement that writes says that the seal has changed.
    """
    doors: dict[str, Any] = current_app.extensions.setdefault(_DOORS_READ, {})
    found = doors.get(slug)
    if found is not None and not again and _takes(found, language):
        return found
    found = _DOOR.first({"slug": slug})
    if found is None:
        doors.pop(slug, None)
        return None
    if len(doors) >= _MOST_DOORS:
        doors.clear()
    doors[slug] = found
    return found if _takes(found, language) else None


def _takes(found: Any, language: str) -> bool:
    if not found.offices or language not in found.languages:
        return False
    now = utcnow()
    closed = found.closes_at is not None and found.closes_at <= now
    return bool(found.opens_at <= now and not closed)


def dockets(campaign_id: int) -> list[str]:
    """The documents on which agencies take comments, or soon will, in the campaign's petitions."""
    today = utcnow().astimezone(docketing.WASHINGTON).date()
    return [
        one.document_id
        for one in petitions.all_of_campaign(campaign_id)
        if one.document_id and one.comment_closes and one.comment_closes >= today
    ]


def suggested(found: Sequence[LetterTemplate]) -> list[str]:
    """All bodies of some templates, in every language: what a writer did not write."""
    return sorted({text for one in found for text in one.body.values() if text})


@dataclass(frozen=True)
class Receipt:
    """What an office has of a letter, or will have."""

    delivery: Delivery
    target: Target
    holder: str
    expected: date | None
    """When it leaves, as things stand; None where that is not known, as while its campaign is paused."""
    bundle: Together | None
    """What it is in, where it reaches the office with others."""
    waits_for_person: bool
    """Whether nobody knows if it arrived, and it goes no more before a person has looked into it."""

    @property
    def holder_name(self) -> str:
        """The holder as pages show them."""
        return holder_name(self.holder)

    @property
    def found_out(self) -> bool:
        """Whether a person says that it arrived, and not the office's mail server."""
        return bool(stating.found_out(self.delivery.answer))

    @property
    def server_said(self) -> str:
        """The last answer of the office's mail server, as its writer may read it: nobody of the staff is named."""
        return "" if self.found_out else self.delivery.answer


def receipts(letter_id: int) -> list[Receipt]:
    """Office by office, what became of a letter."""
    rows = db.session.execute(
        select(Delivery, Target, Letter.confirmed_at)
        .join(Target, Target.id == Delivery.target_id)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(Delivery.letter_id == letter_id)
        .order_by(Delivery.id)
        .execution_options(populate_existing=True)
    ).all()
    now, stopped = utcnow(), orders.stopped_campaigns()
    holders = holders_on({row[1].id: plan.local_day(office_of(row[1]), now) for row in rows})
    bundles = together.of({row[0].bundle_id for row in rows if row[0].bundle_id})
    doubtful = {row[0].id: row[0].round for row in rows if row[0].state == "uncertain"}
    waits = undecided.wait_for_person(deliveries.ORIGIN, doubtful)
    return [
        Receipt(
            delivery, target, holders.get(target.id, ""),
            None if delivery.campaign_id in stopped else _expected(delivery, target, confirmed_at, now),
            bundles.get(delivery.bundle_id or 0),
            delivery.id in waits,
        )
        for delivery, target, confirmed_at in rows
    ]  # fmt: skip


def _expected(
    delivery: Delivery, target: Target, confirmed_at: datetime | None, now: datetime
) -> date | None:
    office = office_of(target)
    if delivery.state == "queued" and delivery.due_at:
        return plan.local_day(office, delivery.due_at)
    if delivery.state != "waiting" or target.paused or target.channel == "packet":
        return None
    if target.channel == "digest":
        full = (queue.place_of(delivery) - 1) // digest_plan.MOST
        at = digest_plan.leaves(office, confirmed_at or now, target.digested_until, now, full)
        return plan.local_day(office, at) if at else None
    return plan.expected_day(office, queue.place_of(delivery), now)


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
