"""Writing to the journal: what changes a number calls one of these in its own transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert

from campaign.clock import utcnow
from campaign.counts.models import WHOLE_SITE, JournalEntry
from campaign.extensions import db

INSERT = "INSERT INTO journal (at, campaign_id, name, part, delta)"
"""How a larger statement begins what it writes to the journal: one SELECT of these columns follows."""


@dataclass(frozen=True)
class Change:
    """``delta`` more (or fewer) of ``name``, in one campaign, in one ``part`` of it (a target, a petition …)."""

    name: str
    delta: int = 1
    campaign_id: int = WHOLE_SITE
    part: str = ""


def record(changes: Iterable[Change], at: datetime | None = None) -> None:
    """Writes the changes in one statement; those that come to nothing are left out."""
    moment = at or utcnow()
    rows = [
        {
            "at": moment,
            "campaign_id": change.campaign_id,
            "name": change.name,
            "part": change.part,
            "delta": change.delta,
        }
        for change in changes
        if change.delta
    ]
    if rows:
        # Core, not the ORM's bulk insert: every batch of the mail engine comes through here.
        db.session.execute(insert(JournalEntry.__table__), rows)


def moved(
    thing: str,
    old: str | None,
    new: str | None,
    *,
    n: int = 1,
    campaign_id: int = WHOLE_SITE,
    part: str = "",
) -> list[Change]:
    """The changes that say ``n`` of ``thing`` went from state ``old`` to ``new`` (None: from or to nowhere)."""
    changes = []
    if old is not None:
        changes.append(Change(f"{thing}.{old}", -n, campaign_id, part))
    if new is not None:
        changes.append(Change(f"{thing}.{new}", n, campaign_id, part))
    return changes
