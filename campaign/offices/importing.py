"""Targets from a CSV file: the columns of campaign.importing.COLUMNS["targets"].

An office is known by its agency and role. A second import brings what has changed up to date; a new holder ends the one
before, and the history stays. What a file has no column for stays as it is, and so does what cannot be empty where the
cell is. A row's campaign, if it names one, takes the office among those its letters go to.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext

from campaign.clock import is_zone
from campaign.coalition import queries as coalition
from campaign.extensions import db
from campaign.importing import Report, batches, names, usable
from campaign.offices import digest_plan
from campaign.offices.exporting import cells
from campaign.offices.hours import read_days, read_time, write_time
from campaign.offices.loading import Batch, Line, take_turns
from campaign.offices.models import CHANNELS, LONGEST, SALUTATION, Target
from campaign.web.forms import PlainText

MOST_PER_HOUR = 36_000
"""Ten a second: the finest pace that the drip's slots are made for."""

_NEVER_EMPTY = ("channel", "timezone", "opens", "closes", "days")
"""An office always has these, so that an empty cell says nothing about them."""

_UNSEEN = PlainText().unseen


def import_rows(
    rows: Iterable[Mapping[str, str]], *, campaign: str | None = None, dry_run: bool = False
) -> Report:
    """Adds offices and brings known ones up to date. ``campaign``: whose, where a row names none."""
    report = Report()
    campaigns: dict[str, int | None] = {}
    take_turns()
    for some in batches(usable(rows, report)):
        batch = Batch(row for _, row in some)
        for line, row in some:
            try:
                read = _read(_whole(row, batch.known(row)))
                batch.take(read, _campaign(row.get("campaign", "") or campaign or "", campaigns))
            except ValueError as error:
                report.refuse(line, str(error))
        made, changed, same = batch.write_in_transaction()
        report.add(Report(made, same, changed))
    report.refused.sort()  # those that could not be read at all were found first
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


def _read(row: Mapping[str, str]) -> Line:
    """A row's values. Raises ValueError with the reason."""
    agency, role = row.get("agency", ""), row.get("role", "")
    if not agency or not role:
        raise ValueError(gettext("agency and role must both be filled in"))
    for name, longest in LONGEST.items():
        _check_text(name, row.get(name, ""), longest)
    opens, closes = _hours(row)
    return Line(
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
