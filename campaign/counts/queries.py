"""Reading the counters: a few rows by key, whatever the size of what they count."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select

from campaign.counts.models import ALL_DAYS, WHOLE_SITE, Counter, JournalEntry
from campaign.extensions import db


def total(name: str, campaign_id: int = WHOLE_SITE, part: str = "") -> int:
    """One counter's total."""
    key = (campaign_id, name, part, ALL_DAYS)
    counter = db.session.get(Counter, key)
    return counter.value if counter else 0


def totals(name: str, campaign_id: int | None = WHOLE_SITE) -> dict[str, int]:
    """The totals of ``name`` by part; ``campaign_id`` None adds all campaigns up."""
    query = select(Counter.part, Counter.value).where(Counter.name == name, Counter.day == ALL_DAYS)
    if campaign_id is not None:
        query = query.where(Counter.campaign_id == campaign_id)
    sums: dict[str, int] = defaultdict(int)
    for part, value in db.session.execute(query):
        sums[part] += value
    return dict(sums)


def states(
    thing: str, campaign_id: int | None = WHOLE_SITE, part: str | None = None
) -> dict[str, int]:
    """How many of ``thing`` are in each state: ``{"sent": 12, …}``, states with none left out.

    ``campaign_id`` None adds all campaigns up, ``part`` None all parts.
    """
    prefix = f"{thing}."
    query = select(Counter.name, Counter.value).where(
        Counter.name.startswith(prefix, autoescape=True), Counter.day == ALL_DAYS
    )
    if campaign_id is not None:
        query = query.where(Counter.campaign_id == campaign_id)
    if part is not None:
        query = query.where(Counter.part == part)
    sums: dict[str, int] = defaultdict(int)
    for name, value in db.session.execute(query):
        sums[name.removeprefix(prefix)] += value
    return {state: n for state, n in sums.items() if n}


def by_day(
    name: str, since: date, campaign_id: int | None = None, part: str | None = None
) -> dict[date, int]:
    """The changes of ``name`` on each UTC day from ``since`` on; days without any are left out."""
    query = select(Counter.day, Counter.value).where(Counter.name == name, Counter.day >= since)
    if campaign_id is not None:
        query = query.where(Counter.campaign_id == campaign_id)
    if part is not None:
        query = query.where(Counter.part == part)
    sums: dict[date, int] = defaultdict(int)
    for day, value in db.session.execute(query):
        sums[day] += value
    return dict(sums)


def exact(names: Sequence[str], part: str = "") -> int:
    """The sum of some counters' totals in all campaigns, with what is in the journal and not folded yet."""
    folded = select(func.coalesce(func.sum(Counter.value), 0)).where(
        Counter.name.in_(names), Counter.part == part, Counter.day == ALL_DAYS
    )
    unfolded = select(func.coalesce(func.sum(JournalEntry.delta), 0)).where(
        JournalEntry.folded_at.is_(None), JournalEntry.name.in_(names), JournalEntry.part == part
    )
    # One statement, so that no fold comes in between.
    total = select(folded.scalar_subquery() + unfolded.scalar_subquery())
    return int(db.session.execute(total).scalar_one())


def of_campaigns(campaign_ids: Sequence[int], names: Sequence[str]) -> dict[int, dict[str, int]]:
    """The totals of several counters of several campaigns, all parts added up, in one read."""
    sums: dict[int, dict[str, int]] = {key: dict.fromkeys(names, 0) for key in campaign_ids}
    query = select(Counter.campaign_id, Counter.name, Counter.value).where(
        Counter.campaign_id.in_(campaign_ids), Counter.name.in_(names), Counter.day == ALL_DAYS
    )
    for campaign_id, name, value in db.session.execute(query):
        sums[campaign_id][name] += value
    return sums
