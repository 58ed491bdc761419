"""Rows of a file, checked by campaign.offices.importing, into the directory: a few statements a batch, however many rows.

What the batch's rows are about is read at once, changed here, and written at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext
from sqlalchemy import select, text, tuple_

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.offices import choosing, commands, plan
from campaign.offices.commands import Change
from campaign.offices.hours import office_of
from campaign.offices.models import Holder, Target

_TURN = text("SELECT pg_advisory_xact_lock(hashtext('campaign.offices.import'))")


def take_turns() -> None:
    """Has files be taken in one after the other, until the transaction ends: sent twice, the second finds all there."""
    db.session.execute(_TURN)


Name = tuple[str, str]
"""An office's agency and role."""


@dataclass(frozen=True)
class Line:
    """One row, checked."""

    fields: dict[str, Any]
    holder: str
    holder_since: date | None


@dataclass
class _Taken:
    """A row that has been taken: its office and what it changes there."""

    target: Target
    campaign_id: int | None
    new: bool
    changes: list[Change]


class Batch:
    """Some of a file's rows, taken one by one; nothing is in the tables before ``write_in_transaction``."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        names = {name_of(row) for row in rows}
        query = select(Target).where(tuple_(Target.agency, Target.role).in_(names))
        # NO KEY: letters that are being confirmed meanwhile hold their offices' keys, and must not wait for a whole file.
        query = query.order_by(Target.id).with_for_update(key_share=True)
        self._known = {(one.agency, one.role): one for one in db.session.scalars(query)}
        self._holders: dict[Name, list[Holder]] = {}
        by_id = {one.id: name for name, one in self._known.items()}
        for holder in commands.lock_holders(by_id):
            self._holders.setdefault(by_id[holder.target_id], []).append(holder)
        self._taken: list[_Taken] = []

    def known(self, row: Mapping[str, str]) -> Target | None:
        """The office that a row is about, as the rows before it leave it."""
        return self._known.get(name_of(row))

    def take(self, line: Line, campaign_id: int | None) -> None:
        """Takes a row in. Raises ValueError with a sentence where its office must not change."""
        name = (line.fields["agency"], line.fields["role"])
        target, new = self._known.get(name), False
        if target is not None and target.retired_at is not None:
            raise ValueError(gettext("this office is retired: bring it back at the desk first"))
        if target is None:
            target, new = commands.made(line.fields), True
            self._known[name] = target
            changes = [Change("made")]
        else:
            changes = commands.changed(target, line.fields)
        today = plan.local_day(office_of(target), utcnow())
        holders = self._holders.setdefault(name, [])
        held = commands.taken_over(holders, line.holder, line.holder_since, today)
        self._taken.append(
            _Taken(target, campaign_id, new, changes + ([held] if held is not None else []))
        )

    def write_in_transaction(self) -> tuple[int, int, int]:
        """Writes what was taken; returns how many rows made an office, changed one, and found it as it was."""
        db.session.add_all(one.target for one in self._taken)
        db.session.flush()  # the new ones have their numbers now
        for name, holders in self._holders.items():
            for holder in holders:
                holder.target_id = self._known[name].id
            db.session.add_all(holders)
        for one in self._taken:
            commands.note_in_transaction(one.target.id, commands.IMPORT, *one.changes)
        joined = self._join_in_transaction()
        db.session.flush()
        made = sum(one.new for one in self._taken)
        changed = sum(
            not one.new and bool(one.changes or number in joined)
            for number, one in enumerate(self._taken)
        )
        return made, changed, len(self._taken) - made - changed

    def _join_in_transaction(self) -> set[int]:
        """Offices into the campaigns that their rows name; returns the places of the rows of which that was news."""
        asked: dict[int, dict[int, int]] = {}
        for number, one in enumerate(self._taken):
            if one.campaign_id is not None:
                asked.setdefault(one.campaign_id, {}).setdefault(one.target.id, number)
        return {
            of[target_id]
            for campaign_id, of in asked.items()
            for target_id in choosing.join_in_transaction(campaign_id, list(of))
        }


def name_of(row: Mapping[str, str]) -> Name:
    """Which office a row is about."""
    return row.get("agency", ""), row.get("role", "")
