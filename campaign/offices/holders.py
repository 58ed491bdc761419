"""Who holds an office on a day, and what pages and letters call them."""

from datetime import date

from sqlalchemy import select

from campaign.extensions import db
from campaign.offices.models import Holder


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
        if since <= days[target_id] and (until is None or days[target_id] < until):
            found[target_id] = name
    return found


def holder_name(holder: str) -> str:
    """The holder's full name as it is shown: ``Del Toro, Carlos`` is Carlos Del Toro."""
    family, comma, given = holder.partition(",")
    return f"{given.strip()} {family.strip()}".strip() if comma else holder.strip()


def surname(holder: str) -> str:
    """What stands before the comma, else the last word."""
    family, comma, _ = holder.partition(",")
    if comma:
        return family.strip()
    return holder.split()[-1] if holder.split() else ""
