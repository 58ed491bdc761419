"""What changes offices: their data, their holders, whether letters to them are paused, which campaigns write to them.

The functions whose names end in ``_in_transaction`` do not commit.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters.models import CampaignTarget, Holder, Target
from campaign.mail import suppressions, wake

FIELDS = (
    "agency", "role", "email", "salutation", "channel", "timezone", "opens", "closes", "days", "per_hour",
)  # fmt: skip

UNKNOWN_START = date(1900, 1, 1)
"""Since when someone holds an office where nobody has said."""

STALE_DAYS = 90
"""After so many days an office's entry asks to be checked again."""


def make_in_transaction(fields: Mapping[str, Any]) -> Target:
    """A new office."""
    target = Target(**{name: fields[name] for name in FIELDS}, created_at=utcnow())
    db.session.add(target)
    db.session.flush()
    return target


def change_in_transaction(target: Target, fields: Mapping[str, Any]) -> bool:
    """Brings an office up to date; returns whether anything changed. Letters that wait follow by themselves."""
    changed = False
    for name in FIELDS:
        if name in fields and getattr(target, name) != fields[name]:
            setattr(target, name, fields[name])
            changed = True
    db.session.flush()
    return changed


def hold_in_transaction(target_id: int, name: str, since: date | None) -> bool:
    """Someone holds the office from a day on, and whoever held it until then ends there; returns whether that is new.

    An empty name leaves everything as it is: a file that names nobody does not say that the office is vacant.
    """
    if not name:
        return False
    since = since or UNKNOWN_START
    holders = list(
        db.session.scalars(
            select(Holder)
            .where(Holder.target_id == target_id)
            .order_by(Holder.since)
            .with_for_update()
        )
    )
    for one in holders:
        if one.since == since:
            changed, one.name = one.name != name, name
            db.session.flush()
            return changed
    later = next((one.since for one in holders if one.since > since), None)
    for one in holders:
        if one.since < since and (one.until is None or one.until > since):
            one.until = since
    db.session.add(Holder(target_id=target_id, name=name, since=since, until=later))
    db.session.flush()
    return True


def save(target_id: int | None, fields: Mapping[str, Any]) -> int:
    """Makes an office or changes one; returns its number. A caller has checked that agency and role are free."""
    if target_id is None:
        target = make_in_transaction(fields)
    else:
        target = _lock(target_id)
        change_in_transaction(target, fields)
    db.session.commit()
    wake.wake("letters")
    return target.id


def set_holder(target_id: int, name: str, since: date) -> None:
    """Someone takes the office over."""
    hold_in_transaction(target_id, name, since)
    db.session.commit()


def end_holder(holder_id: int, until: date) -> None:
    """Whoever holds the office leaves it on a day: it is vacant from then on."""
    db.session.execute(update(Holder).where(Holder.id == holder_id).values(until=until))
    db.session.commit()


def remove_holder(holder_id: int) -> None:
    """Takes an entry that was a mistake out of the history."""
    db.session.execute(delete(Holder).where(Holder.id == holder_id))
    db.session.commit()


def mark_checked(target_id: int, by: str, on: date) -> None:
    """A person has looked whether the entry is still right."""
    db.session.execute(
        update(Target).where(Target.id == target_id).values(checked_on=on, checked_by=by)
    )
    db.session.commit()


def pause(target_id: int, reason: str, by: str) -> None:
    """Stops letters to an office; those that wait go on waiting."""
    text = f"{reason} ({by})" if reason else by
    db.session.execute(
        update(Target).where(Target.id == target_id).values(paused=True, paused_reason=text[:500])
    )
    db.session.commit()


def resume(target_id: int, by: str) -> bool:
    """Letters go on. Whoever resumes has looked at the address, so a suppression of it is lifted.

    False, and nothing changes, where the office has complained: an administrator lifts that first.
    """
    target = _lock(target_id)
    for scope in ("letters", "all"):
        suppressions.lift(target.email, scope, by=by)
    if suppressions.is_suppressed(target.email, "letters"):
        db.session.rollback()
        return False
    target.paused, target.paused_reason = False, ""
    db.session.commit()
    return True


def choose_for_campaign(campaign_id: int, chosen: Sequence[int], urgent: bool) -> None:
    """Which offices a campaign's letters go to, in order; letters written before go where they went."""
    db.session.execute(
        delete(CampaignTarget).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.target_id.not_in(list(chosen))
        )
    )
    for position, target_id in enumerate(chosen, start=1):
        values = {"position": position, "urgent": urgent}
        db.session.execute(
            insert(CampaignTarget)
            .values(campaign_id=campaign_id, target_id=target_id, **values)
            .on_conflict_do_update(
                index_elements=[CampaignTarget.campaign_id, CampaignTarget.target_id], set_=values
            )
        )
    db.session.commit()


def is_stale(target: Target, today: date) -> bool:
    """Whether nobody has checked the entry for STALE_DAYS."""
    checked = target.checked_on or target.created_at.date()
    return today - checked > timedelta(days=STALE_DAYS)


def _lock(target_id: int) -> Target:
    query = select(Target).where(Target.id == target_id).with_for_update()
    return db.session.execute(query, execution_options={"populate_existing": True}).scalar_one()
