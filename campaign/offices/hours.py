"""A target's row as the arithmetic sees it, and days and hours as people write them."""

from collections.abc import Mapping, Sequence
from datetime import time

from flask_babel import get_locale, gettext

from campaign.offices.models import Target
from campaign.offices.plan import Office

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def office_of(target: Target) -> Office:
    """The hours and the pace of a target."""
    return Office(
        target.id,
        target.timezone,
        target.opens,
        target.closes,
        frozenset(target.days),
        target.per_hour,
        target.digest_at,
    )


def read_days(text: str) -> list[int]:
    """``mon-fri``, ``mon,wed,fri`` or ``mon-thu,sat`` as ISO numbers. Raises ValueError with a sentence."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").replace(";", ",").split(","):
        first, _, last = part.partition("-")
        try:
            start, end = DAY_NAMES.index(first[:3]), DAY_NAMES.index((last or first)[:3])
        except ValueError:
            raise ValueError(
                gettext(
                    "days is “%(given)s”: write it like mon-fri or mon,wed,fri", given=text[:60]
                )
            ) from None
        found |= {n % 7 + 1 for n in range(start, end + 1 if end >= start else end + 8)}
    return sorted(found)


def write_days(days: list[int]) -> str:
    """The days as ``read_days`` takes them, in as few words as possible."""
    return ",".join(_runs(days, DAY_NAMES, "-", ","))


def say_days(days: list[int]) -> str:
    """The days as a page says them, in its language."""
    locale = get_locale()
    names = locale.days["format"]["abbreviated"] if locale else dict(enumerate(DAY_NAMES))
    return ", ".join(_runs(days, names, "–", ", "))


def _runs(
    days: list[int], called: Sequence[str] | Mapping[int, str], to: str, between: str
) -> list[str]:
    """Each run of days that follow one another; Monday is ``called[0]``."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = []
    for run in runs:
        names = [called[day - 1] for day in run]
        words.append(f"{names[0]}{to}{names[-1]}" if len(run) > 2 else between.join(names))
    return words


def read_time(text: str) -> time:
    """``09:00``, ``9:00`` or ``24:00`` (the end of the day, kept as 00:00). Raises ValueError with a sentence."""
    hours, _, minutes = text.strip().partition(":")
    if hours == "24" and minutes in ("", "0", "00"):
        return time(0)
    try:
        return time(int(hours), int(minutes or 0))
    except ValueError:
        raise ValueError(
            gettext("“%(given)s” is not a time: write it like 09:00", given=text[:60])
        ) from None


def write_time(at: time) -> str:
    """A time as ``read_time`` takes it."""
    return f"{at:%H:%M}"
