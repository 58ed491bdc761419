"""What changes offices: their data, their holders, whether letters to them are paused, which campaigns write to them.

The functions whose names end in ``_in_transaction`` do not commit.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.coalition.commands import Stale, mark
from campaign.extensions import db
from campaign.mail import suppressions, wake
from campaign.offices import plan
from campaign.offices.holders import holds
from campaign.offices.hours import office_of, write_days, write_time
from campaign.offices.models import CampaignTarget, Holder, Target, TargetChange

FIELDS = (
    "agency", "role", "email", "salutation", "channel", "timezone", "opens", "closes", "days", "per_hour",
    "digest_at",
)  # fmt: skip

UNKNOWN_START = date(1900, 1, 1)
"""Since when someone holds an office where nobody has said."""

STALE_DAYS = 90
"""After so many days an office's entry asks to be checked again."""


IMPORT = "import"
"""Who changed an office in its history, where a file did."""


def note_in_transaction(target_id: int, by: str, what: str, old: Any = "", new: Any = "") -> None:
    """Writes a change into an office's history."""
    change = TargetChange(
        target_id=target_id, at=utcnow(), by=by, what=what, old=_shown(old)[:500], new=_shown(new)[:500]
    )  # fmt: skip
    db.session.add(change)
    db.session.flush()


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return write_days(value)
    if isinstance(value, time):
        return write_time(value)
    return "" if value is None else str(value)


def make_in_transaction(fields: Mapping[str, Any], by: str = IMPORT) -> Target:
    """A new office."""
    target = Target(
        **{name: fields[name] for name in FIELDS if name in fields}, created_at=utcnow()
    )
    db.session.add(target)
    db.session.flush()
    note_in_transaction(target.id, by, "made")
    return target


def change_in_transaction(target: Target, fields: Mapping[str, Any], by: str = IMPORT) -> bool:
    """Brings an office up to date; returns whether anything changed. Letters that wait follow by themselves."""
    changed = False
    for name in FIELDS:
        old = getattr(target, name)
        if name in fields and old != fields[name]:
            setattr(target, name, fields[name])
            note_in_transaction(target.id, by, name, old, fields[name])
            changed = True
    db.session.flush()
    return changed


def hold_in_transaction(target_id: int, name: str, since: date | None, by: str = IMPORT) -> bool:
    """Someone holds the office from a day on, and whoever held it until then ends there; returns whether that is new.

    An empty name leaves everything as it is: a file that names nobody does not say that the office is vacant.
    Where nobody says since when, whoever holds it today goes on, and somebody new takes it over today.
    """
    if not name:
        return False
    holders = list(
        db.session.scalars(
            select(Holder)
            .where(Holder.target_id == target_id)
            .order_by(Holder.since)
            .with_for_update()
        )
    )
    if since is None and holders:
        today = plan.local_day(office_of(db.session.get_one(Target, target_id)), utcnow())
        if any(one.name == name and holds(one.since, one.until, today) for one in holders):
            return False
        since = today
    since = since or UNKNOWN_START
    for one in holders:
        if one.since == since:
            old, one.name = one.name, name
            if old != name:
                note_in_transaction(target_id, by, "holder", old, name)
            return old != name
    later = next((one.since for one in holders if one.since > since), None)
    for one in holders:
        if one.since < since and (one.until is None or one.until > since):
            one.until = since
    before = next((one.name for one in reversed(holders) if one.since < since), "")
    db.session.add(Holder(target_id=target_id, name=name, since=since, until=later))
    told = name if since == UNKNOWN_START else f"{name}, {since.isoformat()}"
    note_in_transaction(target_id, by, "holder", before, told)
    return True


def save(
    target_id: int | None, fields: Mapping[str, Any], by: str = IMPORT, seen: str | None = None
) -> int:
    """Makes an office or changes one; returns its number. A caller has checked that agency and role are free.

    ``seen``: raises Stale unless the entry still says what this marks.
    """
    if target_id is None:
        target = make_in_transaction(fields, by)
    else:
        target = lock(target_id)
        if seen is not None and mark(target, FIELDS) != seen:
            db.session.rollback()
            raise Stale
        change_in_transaction(target, fields, by)
    db.session.commit()
    wake.wake("letters")
    return target.id


def set_holder(target_id: int, name: str, since: date, by: str = IMPORT) -> None:
    """Someone takes the office over."""
    hold_in_transaction(target_id, name, since, by)
    db.session.commit()


def end_holder(holder_id: int, until: date, by: str) -> None:
    """Whoever holds the office leaves it on a day: it is vacant from then on."""
    holder = db.session.get_one(Holder, holder_id, with_for_update=True)
    holder.until = until
    note_in_transaction(holder.target_id, by, "holder", holder.name, "")
    db.session.commit()


def remove_holder(holder_id: int, by: str) -> None:
    """Takes an entry that was a mistake out of the list of holders; whoever it had ended holds the office again."""
    holder = db.session.get_one(Holder, holder_id, with_for_update=True)
    before = update(Holder).where(
        Holder.target_id == holder.target_id, Holder.until == holder.since, Holder.id != holder_id
    )
    db.session.execute(before.values(until=holder.until))
    note_in_transaction(holder.target_id, by, "holder removed", holder.name, "")
    db.session.delete(holder)
    db.session.commit()


def mark_checked(target_id: int, by: str, on: date) -> None:
    """A person has looked whether the entry is still right."""
    db.session.execute(
        update(Target).where(Target.id == target_id).values(checked_on=on, checked_by=by)
    )
    note_in_transaction(target_id, by, "checked")
    db.session.commit()


def pause(target_id: int, reason: str, by: str) -> None:
    """Stops letters to an office; those that wait go on waiting."""
    text = f"{reason} ({by})" if reason else by
    db.session.execute(
        update(Target).where(Target.id == target_id).values(paused=True, paused_reason=text[:500])
    )
    note_in_transaction(target_id, by, "paused", "", reason)
    db.session.commit()


def pause_by_itself_in_transaction(target_id: int, reason: str) -> None:
    """Stops letters to an office until a person has looked; those that wait go on waiting."""
    paused = db.session.execute(
        update(Target)
        .where(Target.id == target_id, Target.paused.is_(False))
        .values(paused=True, paused_reason=reason[:500])
        .returning(Target.id)
    ).first()
    if paused is not None:
        note_in_transaction(target_id, "", "paused", "", reason)


def pause_suppressed_in_transaction(target_ids: set[int]) -> None:
    """Pauses the offices whose address must not be mailed: the engine would cancel every further letter."""
    if not target_ids:
        return
    found = db.session.execute(select(Target.id, Target.email).where(Target.id.in_(target_ids)))
    addresses = {row.id: row.email.lower() for row in found}
    stopped = suppressions.suppressed(list(addresses.values()), "letters")
    for target_id, address in sorted(addresses.items()):
        if address in stopped:
            pause_by_itself_in_transaction(
                target_id, "Mail to this address is stopped: it bounced, or someone suppressed it."
            )


def digested_in_transaction(target_id: int, until: datetime | None) -> None:
    """The office's digests up to a moment are seen to; None where one was taken apart, so that its letters go the same day."""
    db.session.execute(update(Target).where(Target.id == target_id).values(digested_until=until))


def resume(target_id: int, by: str) -> bool:
    """Letters go on. Whoever resumes has looked at the address, so a suppression of it is lifted.

    False, and nothing changes, where the office has complained: an administrator lifts that first. Nor where it is retired.
    """
    target = lock(target_id)
    if target.retired_at is not None:
        db.session.rollback()
        return False
    for scope in ("letters", "all"):
        suppressions.lift(target.email, scope, by=by)
    if suppressions.is_suppressed(target.email, "letters"):
        db.session.rollback()
        return False
    target.paused, target.paused_reason = False, ""
    note_in_transaction(target_id, by, "resumed")
    db.session.commit()
    return True


def choose_for_campaign(
    campaign_id: int,
    chosen: Sequence[int],
    urgent: bool,
    petitions: Mapping[int, int] | None = None,
) -> None:
    """Which offices a campaign's letters go to, in order; letters written before go where they went.

    ``petitions``: the petition on which letters to an office bear, by office; one that is left out has that of its agency.
    """
    about = petitions or {}
    db.session.execute(
        delete(CampaignTarget).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.target_id.not_in(list(chosen))
        )
    )
    for position, target_id in enumerate(chosen, start=1):
        values = {
            "position": position, "urgent": urgent, "petition_id": about.get(target_id)
        }  # fmt: skip
        db.session.execute(
            insert(CampaignTarget)
            .values(campaign_id=campaign_id, target_id=target_id, **values)
            .on_conflict_do_update(
                index_elements=[CampaignTarget.campaign_id, CampaignTarget.target_id], set_=values
            )
        )
    db.session.commit()


def is_stale(target: Target, today: date) -> bool:
    """Whether nobody has checked the entry in the last STALE_DAYS, or ever."""
    return target.checked_on is None or today - target.checked_on > timedelta(days=STALE_DAYS)


def stale(today: date) -> ColumnElement[bool]:
    """``is_stale`` as a condition on offices."""
    return or_(Target.checked_on.is_(None), Target.checked_on < today - timedelta(days=STALE_DAYS))


def lock(target_id: int) -> Target:
    """The office, as it is now, kept from others until the caller's commit."""
    query = select(Target).where(Target.id == target_id).with_for_update()
    return db.session.execute(query, execution_options={"populate_existing": True}).scalar_one()
