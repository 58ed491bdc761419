"""When letters leave for an office: pure arithmetic over its hours, its time zone and its pace.

An office with a pace of N an hour has N slots in each hour of UTC, spread evenly and each moved a little by a
jitter that is the office's own; those outside its hours are void. The pattern is the same in every hour, so
any 60 minutes hold at most N slots, and how many there are until a moment is a multiplication. Nothing here
depends on how many letters wait.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = time(0)

JITTER = 0.8
"""How far a slot may be moved, as a share of the distance between two."""

LAST_CALL = timedelta(minutes=1)
"""No slot lies closer to closing time, so that what leaves arrives in hours."""

HORIZON_DAYS = 3660
"""How far ahead the end of a plan is looked for: ten years."""

FAIR = 5
"""Each fifth slot goes to the letters that come last by priority, so that urgent ones never starve them."""


@dataclass(frozen=True)
class Office:
    """An office's hours and pace. ``closes`` at 00:00 is the end of the day; ``per_hour`` None is no limit.

    An office that works seven days a week works on federal holidays too; any other is closed on them.
    """

    key: int
    timezone: str
    opens: time
    closes: time
    days: frozenset[int]
    """ISO week days, Monday 1 to Sunday 7."""
    per_hour: int | None
    digest_at: time | None = None
    """When its daily digest leaves; None is the usual hour (campaign.offices.digest_plan)."""


@lru_cache(maxsize=64)
def federal_holidays(year: int) -> frozenset[date]:
    """The federal holidays of a year as observed (5 U.S.C. 6103), from the ``holidays`` library."""
    import holidays  # only here: it knows every country's, and few processes ask for any

    return frozenset(day for day in holidays.US(years=(year, year + 1)) if day.year == year)


def works_on(office: Office, day: date) -> bool:
    """Whether the office works on a day of its own calendar."""
    if day.isoweekday() not in office.days:
        return False
    return len(office.days) == 7 or day not in federal_holidays(day.year)


@lru_cache(maxsize=4096)
def hours(office: Office, day: date) -> tuple[datetime, datetime] | None:
    """From when until when (UTC, the end not included) the office is open on a day of its own calendar.

    Where a clock change makes opening or closing time ambiguous, the shorter reading counts.
    """
    if not works_on(office, day):
        return None
    zone = ZoneInfo(office.timezone)
    end_day = day + DAY if office.closes == MIDNIGHT else day
    opens = max(instants(day, office.opens, zone))
    closes = min(instants(end_day, office.closes, zone))
    return (opens, closes) if opens < closes else None


def instants(day: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both readings (UTC) of a local time: they differ only where a clock change repeats it.

    A time that a clock change skips is the moment of that change.
    """
    local = datetime.combine(day, at, zone)
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:
        first = second = _change(zone, second, first)
    return first, second


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment between two at which the clock of a zone is changed."""
    offset = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def local_day(office: Office, moment: datetime) -> date:
    """The date on the office's own calendar."""
    return moment.astimezone(ZoneInfo(office.timezone)).date()


def is_open(office: Office, moment: datetime) -> bool:
    """Whether the office takes letters at this moment."""
    found = hours(office, local_day(office, moment))
    return found is not None and found[0] <= moment < found[1]


def _window(office: Office, day: date) -> tuple[datetime, datetime] | None:
    """The part of a day in which slots lie: the hours without the last call."""
    found = hours(office, day)
    if found is None or (office.opens == MIDNIGHT and office.closes == MIDNIGHT):
        return found
    opens, closes = found
    if closes - opens > 10 * LAST_CALL:
        closes -= LAST_CALL
    return opens, closes


def _takes(office: Office, moment: datetime) -> bool:
    found = _window(office, local_day(office, moment))
    return found is not None and found[0] <= moment < found[1]


@lru_cache(maxsize=65536)
def _jitter(key: int, index: int) -> float:
    digest = hashlib.blake2b(f"{key}.{index}".encode(), digest_size=4).digest()
    return JITTER * int.from_bytes(digest) / 2**32


def _slot(office: Office, pace: int, number: int) -> datetime:
    """The slot with this number, counted from the epoch; in hours or not."""
    hour, index = divmod(number, pace)
    microseconds = int((index + _jitter(office.key, index)) * 3_600_000_000 / pace)
    return datetime.fromtimestamp(hour * 3600, UTC) + timedelta(microseconds=microseconds)


def _slots_before(office: Office, pace: int, moment: datetime) -> int:
    """How many slots there are from the epoch until this moment (not included), void ones too."""
    since = moment - datetime.fromtimestamp(0, UTC)
    hour, rest = divmod(since, HOUR)
    index = min(int(rest / HOUR * pace), pace - 1)
    number = hour * pace + index
    return number + 1 if _slot(office, pace, number) < moment else number


@dataclass(frozen=True)
class Slot:
    """A moment at which one letter may leave; ``fair``: it goes to the letters that come last by priority."""

    at: datetime
    fair: bool = False


def slots(office: Office, after: datetime, until: datetime, at_most: int) -> list[Slot]:
    """The slots later than ``after`` and not later than ``until``, the first ``at_most`` of them.

    Without a pace there are as many as wanted, at once, while the office is open.
    """
    if office.per_hour is None:
        now = after
        return (
            [Slot(now, n % FAIR == FAIR - 1) for n in range(at_most)] if _takes(office, now) else []
        )
    pace = office.per_hour
    found: list[Slot] = []
    tick = timedelta(microseconds=1)
    for number in range(
        _slots_before(office, pace, after + tick), _slots_before(office, pace, until + tick)
    ):
        at = _slot(office, pace, number)
        if _takes(office, at):
            found.append(Slot(at, number % FAIR == FAIR - 1))
            if len(found) == at_most:
                break
    return found


def expected_day(office: Office, position: int, now: datetime) -> date | None:
    """The office's day on which the ``position``-th waiting letter (1, 2, …) leaves, as things stand.

    None where that is more than ten years away, or never. Costs a step a day, whatever the position.
    """
    day = local_day(office, now)
    left = max(position, 1)
    for _ in range(HORIZON_DAYS):
        window = _window(office, day)
        if window is not None and window[1] > now:
            left -= _capacity(office, max(window[0], now), window[1], left)
            if left <= 0:
                return day
        day += DAY
    return None


def _capacity(office: Office, start: datetime, end: datetime, wanted: int) -> int:
    if office.per_hour is None:
        return wanted
    pace = office.per_hour
    return _slots_before(office, pace, end) - _slots_before(office, pace, start)


T = TypeVar("T")


def assign(free: Sequence[Slot], first: Sequence[T], last: Sequence[T]) -> list[tuple[Slot, T]]:
    """Slots with the letters that get them, in the order of the slots.

    ``first`` are the letters by priority and arrival, ``last`` those of the last class by arrival: fair slots take
    from ``last`` as long as it has any. No letter gets two.
    """
    chosen: list[tuple[Slot, T]] = []
    taken: set[T] = set()
    firsts, lasts = iter(first), iter(last)
    for slot in free:
        letter = next((one for one in lasts if one not in taken), None) if slot.fair else None
        if letter is None:
            letter = next((one for one in firsts if one not in taken), None)
        if letter is None:
            break
        taken.add(letter)
        chosen.append((slot, letter))
    return chosen
