"""When an office's daily digest leaves: arithmetic over its hours, as the drip's (campaign.offices.plan).

Each day on which the office works has one moment at which all letters confirmed by then leave together; what is confirmed
later leaves on the next such day. Where nothing could be sent at that moment the digest leaves later, as long as the office
has not closed since, with the same letters: that day, or the next where an office is open through midnight.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign.offices import plan
from campaign.offices.plan import DAY, MIDNIGHT, Office

BEFORE_CLOSING = timedelta(hours=1)
"""How long before it closes an office gets its digest where its entry names no hour."""

TAKES = timedelta(minutes=5)
"""So long before closing a digest leaves at the latest, that its PDF can be set and it still arrives in hours."""

MOST = 10_000
"""Letters of a campaign that leave in one day's digest at most; the others follow day by day."""

FAR = timedelta(hours=26)
"""No digest is seen to so long ahead: a mark that says so was set by a clock that was wrong."""


def usual(opens: time, closes: time) -> time:
    """The hour of an office that names none."""
    return _before_closing(opens, closes, BEFORE_CLOSING)


def latest(opens: time, closes: time) -> time:
    """The last hour that an office may name; the first is when it opens."""
    return _before_closing(opens, closes, TAKES)


def _before_closing(opens: time, closes: time, by: timedelta) -> time:
    day = date(2000, 1, 1)
    end = datetime.combine(day + DAY if closes == MIDNIGHT else day, closes)
    return max(datetime.combine(day, opens), end - by).time()


def fits(opens: time, closes: time, at: time) -> bool:
    """Whether an office with these hours may name this hour."""
    return opens <= at <= latest(opens, closes)


def hour(office: Office) -> time:
    """The hour at which the office's digest leaves, on its own clock."""
    return usual(office.opens, office.closes) if office.digest_at is None else office.digest_at


def moment(office: Office, day: date) -> datetime | None:
    """When (UTC) the digest of a day of the office's calendar leaves; None where it does not work that day."""
    found = plan.hours(office, day)
    if found is None:
        return None
    opens, closes = found
    # A clock change may have moved the hour out of the shorter day.
    at = max(plan.instants(day, hour(office), ZoneInfo(office.timezone)))
    return max(opens, min(at, closes - TAKES))


def due(office: Office, seen: datetime | None, now: datetime) -> datetime | None:
    """The last moment that has come, where the office has not closed since and nobody has seen to it yet (``seen``: up to when)."""
    day = plan.local_day(office, now)
    for one in (day, day - DAY):
        at = moment(office, one)
        if at and at <= now:
            return at if _is_open_since(office, one, now) and _open(at, seen, now) else None
    return None


def _is_open_since(office: Office, day: date, now: datetime) -> bool:
    """Whether the office is open and was so all the time since a day, today or yesterday."""
    found, today = plan.hours(office, day), plan.hours(office, plan.local_day(office, now))
    if found is None or today is None or not today[0] <= now < today[1]:
        return False
    return found == today or found[1] == today[0]


def leaves(
    office: Office, since: datetime, seen: datetime | None, now: datetime, ahead: int = 0
) -> datetime | None:
    """The moment whose digest takes a letter confirmed at ``since``, with ``ahead`` full digests before it.

    It has passed where that digest is due now. None where that is more than ten years away, or never.
    """
    for at in _moments(office, now):
        if at >= since and _open(at, seen, now):
            ahead -= 1
            if ahead < 0:
                return at
    return None


def _moments(office: Office, now: datetime) -> Iterator[datetime]:
    """The moments that can still be kept, the earliest first."""
    first = plan.local_day(office, now)
    yesterday = moment(office, first - DAY)
    if yesterday and _is_open_since(office, first - DAY, now):
        yield yesterday
    for n in range(plan.HORIZON_DAYS):
        hours = plan.hours(office, first + n * DAY)
        at = moment(office, first + n * DAY)
        if hours and at and hours[1] > now:
            yield at


def _open(at: datetime, seen: datetime | None, now: datetime) -> bool:
    return seen is None or at > seen or seen > now + FAR


def end_of_day(office: Office, at: datetime) -> datetime:
    """The last instant of a moment's day at the office: the digest of that moment is the only one until then."""
    day = plan.local_day(office, at) + DAY
    return max(plan.instants(day, MIDNIGHT, ZoneInfo(office.timezone))) - timedelta(microseconds=1)
