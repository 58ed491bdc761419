"""Organizations that come with something else, such as an endorsement: found by name, or made."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.coalition.models import Organization
from campaign.coalition.naming import slug_of
from campaign.extensions import db


@dataclass(frozen=True)
class Named:
    """What is known of an organization that is named somewhere; ``kind`` as in KINDS."""

    name: str
    kind: str
    website: str = ""


def find(names: Sequence[str]) -> dict[str, int]:
    """The numbers of the organizations of these names, also with or without a leading "The"; unknown ones are left out."""
    wanted = {name: _slugs(name) for name in names}
    slugs = {slug for pair in wanted.values() for slug in pair}
    rows: Any = db.session.execute(
        select(Organization.slug, Organization.id).where(Organization.slug.in_(slugs))
    )
    known: dict[str, int] = dict(rows.all())
    found = {}
    for name, pair in wanted.items():
        row_id = next((known[slug] for slug in pair if slug in known), None)
        if row_id is not None:
            found[name] = row_id
    return found


def ensure(organizations: Sequence[Named]) -> dict[str, int]:
    """The numbers of these organizations by name; those that are unknown are made, in the caller's transaction.

    Nothing of an organization that is known already changes.
    """
    found = find([one.name for one in organizations])
    missing = {_slugs(one.name)[0]: one for one in organizations if one.name not in found}
    if missing:
        values = [
            {
                "slug": slug,
                "name": one.name,
                "kind": one.kind,
                "website": one.website,
                "created_at": utcnow(),
            }
            # In one order, so that two of these never wait for each other.
            for slug, one in sorted(missing.items())
        ]
        db.session.execute(
            insert(Organization).on_conflict_do_nothing(index_elements=[Organization.slug]), values
        )
        found = find([one.name for one in organizations])
    return found


def _slugs(name: str) -> tuple[str, str]:
    slug = slug_of(name)
    if not slug:
        # A name without Latin letters: its own mark, the same each time.
        slug = f"organization-{hashlib.sha256(name.encode()).hexdigest()[:10]}"
    other = slug.removeprefix("the-") if slug.startswith("the-") else f"the-{slug}"
    return slug, other
