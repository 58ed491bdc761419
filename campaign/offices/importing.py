"""Targets from a CSV file: the columns of campaign.importing.COLUMNS["targets"].

An office is known by its agency and role. A second import brings what has changed up to date; a new holder ends the one
before, and the history stays. What a file has no column for stays as it is, and so does what cannot be empty where the
cell is. A row's campaign, if it names one, takes the office among those its letters go to.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext
from sqlalchemy import select

from campaign.clock import is_zone
from campaign.coalition import queries as coalition
from campaign.extensions import db
from campaign.importing import Report, names, usable
from campaign.offices import commands, digest_plan
from campaign.offices.exporting import cells
from campaign.offices.hours import read_days, read_time, write_time
from campaign.offices.models import CHANNELS, LONGEST, SALUTATION, CampaignTarget, Target
from campaign.web.forms import PlainText

MOST_PER_HOUR = 36_000
"""Ten a second: the finest pace that the drip's slots are made for."""

_NEVER_EMPTY = ("channel", "timezone", "opens", "closes", "days")
"""An office always has these, so that an empty cell says nothing about them."""

_UNSEEN = PlainText().unseen


@dataclass(frozen=True)
class Line:
    """One row, checked."""

    campaign: str
    fields: dict[str, Any]
    holder: str
    holder_since: date | None


def import_rows(
    rows: Iterable[Mapping[str, str]], *, campaign: str | None = None, dry_run: bool = False
) -> Report:
    """Adds offices and brings known ones up to date. ``campaign``: whose, where a row names none."""
    report = Report()
    campaigns: dict[str, int | None] = {}
    for line, row in usable(rows, report):
        try:
            known = _known(row)
            read = _read(_whole(row, known), campaign or "")
            campaign_id = _campaign(read.campaign, campaigns)
            point = db.session.begin_nested()
            try:
                outcome = _write(read, campaign_id, known)
            except ValueError:
                point.rollback()
                raise
            point.commit()
        except ValueError as error:
            report.refuse(line, str(error))
            continue
        setattr(report, outcome, getattr(report, outcome) + 1)
    if dry_run:
        db.session.rollback()
    else:
        db.session.commit()
    return report


def _campaign(slug: str, known: dict[str, int | None]) -> int | None:
    if not slug:
        return None
    if slug not in known:
        found = coalition.campaign_by_slug(slug)
        known[slug] = found.id if found else None
    if known[slug] is None:
        raise ValueError(gettext("there is no campaign “%(slug)s”", slug=slug[:60]))
    return known[slug]


def _known(row: Mapping[str, str]) -> Target | None:
    query = select(Target).where(
        Target.agency == row.get("agency", ""), Target.role == row.get("role", "")
    )
    # NO KEY: letters that are being confirmed meanwhile hold their offices' keys, and must not wait for a whole file.
    return db.session.execute(query.with_for_update(key_share=True)).scalar_one_or_none()


def _whole(row: Mapping[str, str], known: Target | None) -> Mapping[str, str]:
    """The row with what it leaves open as the known office has it."""
    if known is None:
        return row
    said = {
        name: value
        for name, value in row.items()
        if names(row, name) and (value or name not in _NEVER_EMPTY)
    }
    return cells(known) | said


def _write(read: Line, campaign_id: int | None, target: Target | None) -> str:
    outcome = "unchanged"
    if target is not None and target.retired_at is not None:
        raise ValueError(gettext("this office is retired: bring it back at the desk first"))
    if target is None:
        target = commands.make_in_transaction(read.fields)
        outcome = "created"
    elif commands.change_in_transaction(target, read.fields):
        outcome = "updated"
    if (
        commands.hold_in_transaction(target.id, read.holder, read.holder_since)
        and outcome != "created"
    ):
        outcome = "updated"
    if campaign_id is not None and _attach(campaign_id, target.id) and outcome != "created":
        outcome = "updated"
    return outcome


def _attach(campaign_id: int, target_id: int) -> bool:
    if db.session.get(CampaignTarget, (campaign_id, target_id)) is not None:
        return False
    taken = db.session.scalars(
        select(CampaignTarget.position).where(CampaignTarget.campaign_id == campaign_id)
    ).all()
    db.session.add(
        CampaignTarget(
            campaign_id=campaign_id, target_id=target_id, position=max(taken, default=0) + 1
        )
    )
    db.session.flush()
    return True


def _read(row: Mapping[str, str], campaign: str) -> Line:
    """A row's values. Raises ValueError with the reason."""
    agency, role = row.get("agency", ""), row.get("role", "")
    if not agency or not role:
        raise ValueError(gettext("agency and role must both be filled in"))
    for name, longest in LONGEST.items():
        _check_text(name, row.get(name, ""), longest)
    opens, closes = _hours(row)
    return Line(
        campaign=row.get("campaign", "") or campaign,
        fields={
            "agency": agency,
            "role": role,
            "email": _email(row),
            "salutation": _salutation(row),
            "channel": _channel(row),
            "timezone": _timezone(row),
            "opens": opens,
            "closes": closes,
            "days": read_days(row.get("days", "") or "mon-fri"),
            "per_hour": _per_hour(row),
            "digest_at": _digest_at(row, opens, closes),
        },
        holder=row.get("holder", ""),
        holder_since=_since(row),
    )


def _salutation(row: Mapping[str, str]) -> str:
    text = row.get("salutation", "").rstrip(":, ")
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name not in SALUTATION:
            raise ValueError(
                gettext(
                    "salutation has the field %(field)s: use {holder} or {surname}",
                    field=f"{{{name[:60]}}}",
                )
            )
    return text


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(
            gettext(
                "%(name)s has %(n)s characters: %(most)s at most",
                name=name,
                n=len(text),
                most=longest,
            )
        )
    if _UNSEEN.search(text):
        raise ValueError(
            gettext("%(name)s holds a line break or a character that cannot be seen", name=name)
        )


def _email(row: Mapping[str, str]) -> str:
    text = row.get("email", "")
    if not text:
        if _channel(row) == "packet":
            return ""
        raise ValueError(gettext("email is empty: only an office that gets packets needs none"))
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError(gettext("email is not an email address")) from None


def _channel(row: Mapping[str, str]) -> str:
    channel = row.get("channel", "").lower() or "email"
    if channel not in CHANNELS:
        raise ValueError(
            gettext(
                "channel is “%(given)s”: use one of %(known)s",
                given=channel[:60],
                known=", ".join(CHANNELS),
            )
        )
    return channel


def _timezone(row: Mapping[str, str]) -> str:
    name = row.get("timezone", "") or "America/New_York"
    if not is_zone(name):
        raise ValueError(
            gettext("timezone is “%(given)s”: write one like America/New_York", given=name[:60])
        )
    return name


def _hours(row: Mapping[str, str]) -> tuple[time, time]:
    opens = read_time(row.get("opens", "") or "09:00")
    closes = read_time(row.get("closes", "") or "17:00")
    if closes != time(0) and closes <= opens:
        raise ValueError(gettext("closes must be later than opens (24:00 is the end of the day)"))
    return opens, closes


def _per_hour(row: Mapping[str, str]) -> int | None:
    text = row.get("per_hour", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_PER_HOUR:
        raise ValueError(
            gettext(
                "per_hour is “%(given)s”: use a whole number from 1 to %(most)s, or leave it empty",
                given=text[:60],
                most=MOST_PER_HOUR,
            )
        )
    return int(text)


def _digest_at(row: Mapping[str, str], opens: time, closes: time) -> time | None:
    text = row.get("digest_at", "")
    if not text:
        return None
    at = read_time(text)
    if _channel(row) == "digest" and (
        text.startswith("24") or not digest_plan.fits(opens, closes, at)
    ):
        raise ValueError(
            gettext(
                "digest_at is “%(given)s”: write an hour from %(first)s to %(last)s, in the office’s hours, or leave it empty",
                given=text[:60],
                first=write_time(opens),
                last=write_time(digest_plan.latest(opens, closes)),
            )
        )
    return at


def _since(row: Mapping[str, str]) -> date | None:
    text = row.get("holder_since", "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            gettext("holder_since is “%(given)s”: write it like 2026-01-31", given=text[:60])
        ) from None
