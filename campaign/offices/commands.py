"""What changes offices: their data, their holders, whether letters to them are paused.

The functions whose names end in ``_in_transaction`` do not commit.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, or_, select, update

from campaign.clock import utcnow
from campaign.coalition.commands import Stale, mark
from campaign.columns import among
from campaign.extensions import db
from campaign.mail import suppressions, wake
from campaign.offices.holders import holds
from campaign.offices.hours import write_days, write_time
from campaign.offices.models import Holder, Target, TargetChange

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


class Change(NamedTuple):
    """What happens to an office's entry, as its history tells it."""

    what: str
    old: Any = ""
    new: Any = ""


def note_in_transaction(target_id: int, by: str, *changes: Change) -> None:
    """Writes changes into an office's history."""
    now = utcnow()
    for what, old, new in changes:
        change = TargetChange(
            target_id=target_id, at=now, by=by, what=what, old=_shown(old)[:500], new=_shown(new)[:500]
        )  # fmt: skip
        db.session.add(change)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return write_days(value)
    if isinstance(value, time):
        return write_time(value)
    return "" if value is None else str(value)


def made(fields: Mapping[str, Any]) -> Target:
    """A new office, in no table yet."""
    return Target(**{name: fields[name] for name in FIELDS if name in fields}, created_at=utcnow())


def make_in_transaction(fields: Mapping[str, Any], by: str = IMPORT) -> Target:
    """A new office."""
    target = made(fields)
    db.session.add(target)
    db.session.flush()
    note_in_transaction(target.id, by, Change("made"))
    return target


def changed(target: Target, fields: Mapping[str, Any]) -> list[Change]:
    """Brings an office up to date; returns what is new. Letters that wait follow by themselves."""
    found = []
    for name in FIELDS:
        old = getattr(target, name)
        if name in fields and old != fields[name]:
            setattr(target, name, fields[name])
            found.append(Change(name, old, fields[name]))
    return found


def lock_holders(target_ids: Iterable[int]) -> list[Holder]:
    """Who has held the offices, oldest first, kept from others until the caller's commit."""
    query = select(Holder).where(among(Holder.target_id, target_ids))
    return list(db.session.scalars(query.order_by(Holder.since, Holder.id).with_for_update()))


def taken_over(holders: list[Holder], name: str, since: date | None, today: date) -> Change | None:
    """Someone holds an office from a day on, and whoever held it until then ends there; returns what is new.

    ``holders``: who has held it, oldest first; somebody new is put among them, and is in no table yet. An empty name
    leaves everything as it is: a file that names nobody does not say that the office is vacant. Where nobody says since
    when, whoever holds it today goes on, and somebody new takes it over today.
    """
    if not name:
        return None
    if since is None and holders:
        if any(one.name == name and holds(one.since, one.until, today) for one in holders):
            return None
        since = today
    since = since or UNKNOWN_START
    for one in holders:
        if one.since == since:
            old, one.name = one.name, name
            return Change("holder", old, name) if old != name else None
    later = next((one.since for one in holders if one.since > since), None)
    for one in holders:
        if one.since < since and (one.until is None or one.until > since):
            one.until = since
    earlier = [one for one in holders if one.since < since]
    holders.insert(len(earlier), Holder(name=name, since=since, until=later))
    told = name if since == UNKNOWN_START else f"{name}, {since.isoformat()}"
    return Change("holder", earlier[-1].name if earlier else "", told)


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
        note_in_transaction(target.id, by, *changed(target, fields))
    db.session.commit()
    wake.wake("letters")
    return target.id


def set_holder(target_id: int, name: str, since: date, by: str = IMPORT) -> None:
    """Someone takes the office over."""
    holders = lock_holders([target_id])
    new = taken_over(holders, name, since, since)
    for one in holders:
        one.target_id = target_id
    db.session.add_all(holders)
    if new is not None:
        note_in_transaction(target_id, by, new)
    db.session.commit()


def end_holder(holder_id: int, until: date, by: str) -> None:
    """Whoever holds the office leaves it on a day: it is vacant from then on."""
    holder = db.session.get_one(Holder, holder_id, with_for_update=True)
    holder.until = until
    note_in_transaction(holder.target_id, by, Change("holder", holder.name, ""))
    db.session.commit()


def remove_holder(holder_id: int, by: str) -> None:
    """Takes an entry that was a mistake out of the list of holders; whoever it had ended holds the office again."""
    holder = db.session.get_one(Holder, holder_id, with_for_update=True)
    before = update(Holder).where(
        Holder.target_id == holder.target_id, Holder.until == holder.since, Holder.id != holder_id
    )
    db.session.execute(before.values(until=holder.until))
    note_in_transaction(holder.target_id, by, Change("holder removed", holder.name, ""))
    db.session.delete(holder)
    db.session.commit()


def mark_checked(target_id: int, by: str, on: date) -> None:
    """A person has looked whether the entry is still right."""
    db.session.execute(
        update(Target).where(Target.id == target_id).values(checked_on=on, checked_by=by)
    )
    note_in_transaction(target_id, by, Change("checked"))
    db.session.commit()


def pause(target_id: int, reason: str, by: str) -> None:
    """Stops letters to an office; those that wait go on waiting."""
    text = f"{reason} ({by})" if reason else by
    db.session.execute(
        update(Target).where(Target.id == target_id).values(paused=True, paused_reason=text[:500])
    )
    note_in_transaction(target_id, by, Change("paused", "", reason))
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
        note_in_transaction(target_id, "", Change("paused", "", reason))


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
    note_in_transaction(target_id, by, Change("resumed"))
    db.session.commit()
    return True


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
