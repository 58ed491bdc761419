"""Who holds an office on a day, and what pages and letters call them."""

import re
from datetime import date

from sqlalchemy import select

from campaign.extensions import db
from campaign.names import eastern, full_name
from campaign.offices.models import Holder


def holds(since: date, until: date | None, day: date) -> bool:
    """Whether someone who holds an office from ``since`` until (not including) ``until`` holds it on a day."""
    return since <= day and (until is None or day < until)


def holders_on(days: dict[int, date]) -> dict[int, str]:
    """Who holds each office ({target: day}) on its day; a vacant one is left out."""
    if not days:
        return {}
    rows = db.session.execute(
        select(Holder.target_id, Holder.name, Holder.since, Holder.until)
        .where(Holder.target_id.in_(days))
        .order_by(Holder.since)
    )
    found: dict[int, str] = {}
    for target_id, name, since, until in rows:
        if holds(since, until, days[target_id]):
            found[target_id] = name
    return found


_SUFFIX = re.compile(
    r"(?:,\s*|\s+)(?:Jr|Sr|II|III|IV|Esq|M\.?D|Ph\.?D|J\.?D)\.?\s*$", re.IGNORECASE
)
"""What follows a name and is neither given nor family name."""


def _parts(holder: str) -> tuple[str, str, str]:
    """Given names, family name and what follows them; ``Del Toro, Carlos`` names the family first."""
    name, after = holder.strip(), ""
    while found := _SUFFIX.search(name):
        name, after = name[: found.start()], found[0].rstrip() + after
    family, comma, given = name.partition(",")
    if comma:
        suffix = _SUFFIX.search(family)
        if suffix:
            family, after = family[: suffix.start()], suffix[0].rstrip() + after
        return given.strip(), family.strip(), after
    first, _, last = name.rpartition(" ")
    first = first.strip()
    return (last, first, after) if eastern(first) and eastern(last) else (first, last, after)


def holder_name(holder: str) -> str:
    """The holder's full name as it is shown: ``Del Toro, Carlos`` is Carlos Del Toro, ``歐陽, 明月`` 歐陽明月."""
    given, family, after = _parts(holder)
    return full_name(given, family) + after


def surname(holder: str) -> str:
    """What stands before the comma, else the last word (of 山田 太郎 the first); of Robert Kennedy Jr. it is Kennedy."""
    return _parts(holder)[1]
