"""Reading the counters: a few rows by key, whatever the size of what they count."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from campaign.counts.models import ALL_DAYS, WHOLE_SITE, Counter, JournalEntry
from campaign.extensions import db

Key = TypeVar("Key")


def total(name: str, campaign_id: int = WHOLE_SITE, part: str = "") -> int:
    """One counter's total."""
    key = (campaign_id, name, part, ALL_DAYS)
    counter = db.session.get(Counter, key)
    return counter.value if counter else 0


def totals(name: str, campaign_id: int | None = WHOLE_SITE) -> dict[str, int]:
    """The totals of ``name`` by part; ``campaign_id`` None adds all campaigns up."""
    return _sums(Counter.part, campaign_id, None, Counter.name == name, Counter.day == ALL_DAYS)


def shares(name: str, parts: Collection[str]) -> dict[str, dict[int, int]]:
    """The totals of ``name`` of some parts, and there by campaign, without those that are none."""
    query = select(Counter.part, Counter.campaign_id, Counter.value).where(
        Counter.name == name,
        Counter.part.in_(parts),
        Counter.day == ALL_DAYS,
        Counter.value > 0,
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for key, campaign_id, value in db.session.execute(query):
        found[key][campaign_id] = value
    return dict(found)


def states(
    thing: str, campaign_id: int | None = WHOLE_SITE, part: str | None = None
) -> dict[str, int]:
    """How many of ``thing`` are in each state: ``{"sent": 12, …}``, states with none left out.

    ``campaign_id`` None adds all campaigns up, ``part`` None all parts.
    """
    prefix = f"{thing}."
    named = Counter.name.startswith(prefix, autoescape=True)
    sums = _sums(Counter.name, campaign_id, part, named, Counter.day == ALL_DAYS)
    return {name.removeprefix(prefix): n for name, n in sums.items() if n}


def by_day(
    name: str, since: date, campaign_id: int | None = None, part: str | None = None
) -> dict[date, int]:
    """The changes of ``name`` on each UTC day from ``since`` on; days without any are left out."""
    return _sums(Counter.day, campaign_id, part, Counter.name == name, Counter.day >= since)


def _sums(
    by: InstrumentedAttribute[Key],
    campaign_id: int | None,
    part: str | None,
    *which: ColumnElement[bool],
) -> dict[Key, int]:
    """The counters of which, added up by one column; of all campaigns or parts where that is None."""
    query = select(by, Counter.value).where(*which)
    if campaign_id is not None:
        query = query.where(Counter.campaign_id == campaign_id)
    if part is not None:
        query = query.where(Counter.part == part)
    sums: dict[Key, int] = defaultdict(int)
    for key, value in db.session.execute(query):
        sums[key] += value
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
