"""What the desk's home shows. Every number comes from a counter or is counted no further than a page shows it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, func, literal, or_, select

from campaign.accounts.queries import Named
from campaign.alerts.models import Alert
from campaign.clock import utcnow
from campaign.coalition.models import KINDS, Campaign, Organization, SourceCode
from campaign.counts import queries as counts
from campaign.counts.models import ALL_DAYS, Counter, JournalEntry
from campaign.endorsements.models import Endorsement
from campaign.extensions import db
from campaign.letters.models import Letter
from campaign.mail.models import Suppression
from campaign.offices.commands import stale
from campaign.offices.models import CampaignTarget, Target
from campaign.petitions.models import Petition
from campaign.supporters.models import Consent
from campaign.web import languages

MORE_THAN = 99
"""Where counting stops: a page then says "more than 99"."""
DAYS = 30
LISTED = 50


class CampaignNumbers(NamedTuple):
    """A campaign's name and its public numbers."""

    id: int
    slug: str
    title: str
    letters: int
    supporters: int
    cosigners: int


class Happening(NamedTuple):
    """Some of one kind of thing happened in one hour."""

    at: datetime
    name: str
    n: int
    campaign: str


def at_most(query: Select[Any]) -> int:
    """How many rows ``query`` finds, counted no further than MORE_THAN + 1."""
    some = query.limit(MORE_THAN + 1).subquery()
    return int(db.session.execute(select(func.count()).select_from(some)).scalar_one())


def days() -> list[date]:
    """The last DAYS days in UTC, today last."""
    today = utcnow().date()
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def series(name: str, over: Sequence[date]) -> list[int]:
    """The counter's change on each of the days, in all campaigns; a day that took more back than came is 0."""
    found = counts.by_day(name, over[0])
    return [max(0, found.get(day, 0)) for day in over]


def campaigns() -> list[CampaignNumbers]:
    """The newest LISTED campaigns with their numbers."""
    # Co-signers, as the public page counts them: who signed two petitions is one.
    names = {
        "letters.confirmed": 0,
        "supporters.joined": 1,
        **{f"endorsers.{kind}": 2 for kind in KINDS},
    }
    rows = db.session.execute(
        select(Campaign.id, Campaign.slug, Campaign.title)
        .order_by(Campaign.id.desc())
        .limit(LISTED)
    ).all()
    sums: dict[int, list[int]] = {row.id: [0, 0, 0] for row in rows}
    found = select(Counter.campaign_id, Counter.name, func.sum(Counter.value)).where(
        Counter.name.in_(names), Counter.day == ALL_DAYS, Counter.campaign_id.in_(sums)
    )
    for campaign_id, name, value in db.session.execute(
        found.group_by(Counter.campaign_id, Counter.name)
    ):
        sums[campaign_id][names[name]] += int(value)
    return [
        CampaignNumbers(row.id, row.slug, languages.pick(row.title), *sums[row.id]) for row in rows
    ]


_HAPPENINGS = (
    "letters.confirmed", "letters.held", "endorsements.confirmed", "endorsements.approved",
    "endorsements.withdrawn", "supporters.confirmed", "deliveries.sent", "deliveries.failed",
    "alerts.scheduled", "alerts.sending", "alerts.sent", "alerts.overdue",
)  # fmt: skip


def latest(limit: int = 10) -> list[Happening]:
    """What happened last, hour by hour, from the end of the journal."""
    end = (
        select(JournalEntry.at, JournalEntry.name, JournalEntry.campaign_id, JournalEntry.delta)
        .order_by(JournalEntry.id.desc())
        .limit(1000)
        .subquery()
    )
    rows = db.session.execute(select(end).where(end.c.name.in_(_HAPPENINGS), end.c.delta > 0)).all()
    titles = _titles({row.campaign_id for row in rows})
    sums: dict[tuple[Any, ...], tuple[datetime, int]] = {}
    for row in rows:
        key = (row.name, row.campaign_id, row.at.replace(minute=0, second=0, microsecond=0))
        at, n = sums.get(key, (row.at, 0))
        sums[key] = (max(at, row.at), n + row.delta)
    found = [
        Happening(at, name, n, titles.get(campaign_id, ""))
        for (name, campaign_id, _), (at, n) in sums.items()
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)[:limit]


def _titles(ids: set[int]) -> dict[int, str]:
    rows = db.session.execute(select(Campaign.id, Campaign.title).where(Campaign.id.in_(ids)))
    return {row.id: languages.pick(row.title) for row in rows}


def endorsements_to_decide() -> int:
    """Confirmed endorsements that wait for approval."""
    return at_most(select(literal(1)).where(Endorsement.state == "confirmed"))


def letters_held() -> int:
    """Letters that wait for a person."""
    return at_most(select(literal(1)).where(Letter.state == "held"))


def alerts_overdue() -> list[Alert]:
    """Alerts whose time passed while nothing ran."""
    query = select(Alert).where(Alert.state == "overdue").order_by(Alert.id).limit(5)
    return list(db.session.scalars(query))


def targets_paused() -> list[Target]:
    """Offices to which nothing leaves, some of them."""
    query = (
        select(Target)
        .where(Target.paused, Target.retired_at.is_(None))
        .order_by(Target.id)
        .limit(5)
    )
    return list(db.session.scalars(query))


def targets_stale() -> int:
    """Offices of campaigns that nobody has checked for 90 days."""
    used = select(literal(1)).where(CampaignTarget.target_id == Target.id).exists()
    return at_most(select(literal(1)).select_from(Target).where(used, stale(utcnow().date())))


def suppressed() -> int:
    """Addresses that are not mailed."""
    return at_most(select(literal(1)).where(Suppression.lifted_at.is_(None)))


class LeadView(NamedTuple):
    """What a lead sees of their own organization."""

    organization: Organization
    endorsements: list[Any]
    """Rows of (campaign title, petition slug, agency, state, signed on)."""
    sources: list[SourceCode]
    consented: int
    """People who agreed to hear from it; counted no further than MORE_THAN."""
    leads: list[CampaignNumbers]
    """The campaigns that it leads."""


def of_lead(organization_id: int | None) -> LeadView | None:
    """The view of a lead of that organization; None where there is none."""
    organization = db.session.get(Organization, organization_id) if organization_id else None
    if organization is None:
        return None
    endorsed = (
        select(
            Campaign.title, Petition.slug, Petition.agency, Endorsement.state, Endorsement.signed_on
        )
        .join(Petition, Petition.id == Endorsement.petition_id)
        .join(Campaign, Campaign.id == Endorsement.campaign_id)
        .where(Endorsement.organization_id == organization.id)
        .order_by(Endorsement.id.desc())
        .limit(LISTED)
    )
    sources = (
        select(SourceCode)
        .where(SourceCode.organization_id == organization.id)
        .order_by(SourceCode.code)
        .limit(LISTED)
    )
    consents = select(literal(1)).where(
        Consent.organization_id == organization.id, Consent.withdrawn_at.is_(None)
    )
    led = select(Campaign.id).where(Campaign.lead_organization_id == organization.id)
    led_ids = set(db.session.scalars(led))
    return LeadView(
        organization,
        list(db.session.execute(endorsed).all()),
        list(db.session.scalars(sources)),
        at_most(consents),
        [one for one in campaigns() if one.id in led_ids] if led_ids else [],
    )


def endorsement_states(campaign_id: int) -> dict[str, dict[str, int]]:
    """{agency: {state: n}} of one campaign, petition by petition in their order, from the counters."""
    query = select(Counter.name, Counter.part, Counter.value).where(
        Counter.name.startswith("endorsements."),
        Counter.campaign_id == campaign_id,
        Counter.day == ALL_DAYS,
        Counter.value != 0,
    )
    by_slug: dict[str, dict[str, int]] = {}
    for name, part, value in db.session.execute(query):
        by_slug.setdefault(part, {})[name.partition(".")[2]] = int(value)
    petitions = db.session.execute(
        select(Petition.slug, Petition.agency)
        .where(Petition.campaign_id == campaign_id, Petition.slug.in_(by_slug))
        .order_by(Petition.position, Petition.id)
    ).all()
    agencies = [row.agency for row in petitions]
    # Two petitions to one agency are told apart by their short names.
    return {
        row.agency if agencies.count(row.agency) == 1 else f"{row.agency} ({row.slug})": by_slug[
            row.slug
        ]
        for row in petitions
    }


def organizations_like(text: str) -> list[Named]:
    """The organizations that a typed name or short name may mean: one where it is clear, at most five where not."""
    columns = (Organization.id, Organization.slug, Organization.name)
    exact = select(*columns).where(
        or_(Organization.slug == text, func.lower(Organization.name) == text.lower())
    )
    found = [Named(*row) for row in db.session.execute(exact.limit(2))]
    if len(found) == 1:
        return found
    like = (
        select(*columns)
        .where(func.lower(Organization.name).contains(text.lower(), autoescape=True))
        .order_by(Organization.name)
        .limit(5)
    )
    return [Named(*row) for row in db.session.execute(like)]


def organization_names(ids: list[int]) -> dict[int, str]:
    """The names of organizations by number."""
    rows = db.session.execute(
        select(Organization.id, Organization.name).where(Organization.id.in_(ids))
    )
    return {row.id: row.name for row in rows}
