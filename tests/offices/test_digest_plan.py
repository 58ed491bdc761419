"""The daily digest's arithmetic, held to its rules over random offices, hours and arrivals."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.offices import digest_plan, plan
from campaign.offices.plan import Office
from tests.offices.test_plan import assert_in_hours, moments, offices, thorough

STEP = timedelta(minutes=7)


@st.composite
def digest_offices(draw: st.DrawFn) -> Office:
    office = draw(offices())
    named = draw(st.one_of(st.none(), st.times().map(lambda t: time(t.hour, t.minute))))
    if named is not None and not digest_plan.fits(office.opens, office.closes, named):
        named = None
    return Office(
        office.key, office.timezone, office.opens, office.closes, office.days, None, named
    )


@given(digest_offices(), st.dates(date(2024, 1, 1), date(2030, 12, 31)))
@thorough
def test_a_digest_leaves_in_hours_at_the_hour_on_each_day_that_the_office_works(
    office: Office, day: date
) -> None:
    at, hours = digest_plan.moment(office, day), plan.hours(office, day)
    assert (at is None) == (hours is None)
    if at is None or hours is None:
        return
    assert hours[0] <= at < hours[1]
    assert_in_hours(office, at)
    zone = ZoneInfo(office.timezone)
    changes = {datetime.combine(day, t, zone).utcoffset() for t in (time(0), time(4), time(23, 59))}
    if len(changes) == 1 and hours[1] - hours[0] >= digest_plan.TAKES:
        assert at.astimezone(zone).time() == digest_plan.hour(office)


@given(
    digest_offices(),
    moments,
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 60)), max_size=4),
    st.lists(st.integers(0, 1400), max_size=60),
)
@thorough
def test_digests_keep_their_rules(
    office: Office, start: datetime, outages: list[tuple[int, int]], coming: list[int]
) -> None:
    """A model of the sweep (campaign.papers.daily) over a week, but for when the site is down."""
    zone = ZoneInfo(office.timezone)
    down = {n for first, long in outages for n in range(first, first + long)}
    seen: datetime | None = None
    waiting: dict[int, datetime] = {}
    promised: dict[int, datetime | None] = {}
    left: dict[int, datetime] = {}
    days: list[date] = []
    arrivals = sorted(coming)
    for n in range(1440):
        now = start + n * STEP
        while arrivals and arrivals[0] <= n:
            number = len(promised)
            waiting[number] = now
            promised[number] = digest_plan.leaves(office, now, seen, now)
            arrivals.pop(0)
        if n in down:
            continue
        at = digest_plan.due(office, seen, now)
        if at is None:
            continue
        assert_in_hours(office, now)
        gone = [number for number, since in waiting.items() if since <= at]
        for number in gone:
            assert waiting.pop(number) <= at
            left[number] = now
        if gone:
            days.append(at.astimezone(zone).date())
        seen = digest_plan.end_of_day(office, at) if gone else at
    assert len(set(days)) == len(days), "one a day"
    assert sorted(left) == list(range(len(left))), "as they came"
    if not down:
        for number, now in left.items():
            first = promised[number]
            assert first is not None and first <= now < first + STEP, "when its writer was told"
        end = start + 1440 * STEP
        for number in waiting:
            late = promised[number]
            assert late is None or late >= end - STEP, "and none is forgotten"


@given(digest_offices(), moments, st.integers(0, 400))
@thorough
def test_what_a_site_that_was_down_at_the_hour_does_when_it_is_back(
    office: Office, start: datetime, minutes: int
) -> None:
    at = digest_plan.leaves(office, start, None, start)
    if at is None:
        return
    back = at + timedelta(minutes=minutes)
    due = digest_plan.due(office, at - timedelta(hours=1), back)
    never_closed = all(plan.is_open(office, at + timedelta(minutes=n)) for n in range(minutes + 1))
    assert due == (at if never_closed else None), "in hours, with the same letters"
    if due is None:
        following = digest_plan.leaves(office, start, None, back)
        assert following is None or following > at


def test_full_digests_before_it_are_days_before_it() -> None:
    office = Office(1, "America/New_York", time(9), time(17), frozenset({1, 2, 3, 4, 5}), 10)
    now = datetime(2026, 11, 24, 15, tzinfo=UTC)
    leaves = [digest_plan.leaves(office, now, None, now, n) for n in range(3)]
    assert leaves == [
        datetime(2026, 11, 24, 21, tzinfo=UTC),
        datetime(2026, 11, 25, 21, tzinfo=UTC),
        # The 26th is Thanksgiving.
        datetime(2026, 11, 27, 21, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("opens", "closes", "usual", "latest"),
    [
        (time(9), time(17), time(16), time(16, 55)),
        (time(9), time(9, 30), time(9), time(9, 25)),
        (time(9), time(9, 2), time(9), time(9)),
        (time(0), time(0), time(23), time(23, 55)),
        (time(23, 30), time(0), time(23, 30), time(23, 55)),
    ],
)
def test_an_office_that_names_no_hour_has_it_an_hour_before_it_closes(
    opens: time, closes: time, usual: time, latest: time
) -> None:
    assert digest_plan.usual(opens, closes) == usual
    assert digest_plan.latest(opens, closes) == latest
    assert digest_plan.fits(opens, closes, opens) and digest_plan.fits(opens, closes, latest)
    assert digest_plan.fits(opens, closes, usual)


def test_an_office_that_never_closes_gets_the_digest_of_the_day_also_after_midnight() -> None:
    office = Office(1, "America/New_York", time(0), time(0), frozenset({1, 2, 3, 4, 5}), None)
    hour = datetime(2026, 5, 5, 3, tzinfo=UTC)  # Monday, 11 pm
    before = hour - timedelta(minutes=5)
    assert digest_plan.due(office, before, hour + timedelta(hours=2)) == hour
    assert digest_plan.leaves(office, before, before, hour + timedelta(hours=2)) == hour
    # The day's own follows at its hour; and on a Friday the office closes with the day.
    seen = digest_plan.end_of_day(office, hour)
    assert digest_plan.due(office, seen, hour + timedelta(hours=2)) is None
    assert digest_plan.due(office, seen, hour + timedelta(days=1)) == hour + timedelta(days=1)
    friday = hour + timedelta(days=4)
    assert digest_plan.due(office, before, friday + timedelta(minutes=59)) == friday
    assert digest_plan.due(office, before, friday + timedelta(hours=2)) is None


def test_an_hour_that_the_clock_skips_is_its_change_and_one_that_it_repeats_the_later() -> None:
    night = Office(
        1, "America/New_York", time(0), time(0), frozenset(range(1, 8)), None, time(2, 30)
    )
    assert digest_plan.moment(night, date(2026, 3, 8)) == datetime(2026, 3, 8, 7, tzinfo=UTC)
    night = Office(
        1, "America/New_York", time(0), time(0), frozenset(range(1, 8)), None, time(1, 30)
    )
    assert digest_plan.moment(night, date(2026, 11, 1)) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_mark_of_a_clock_that_was_wrong_keeps_no_digest_waiting() -> None:
    office = Office(1, "America/New_York", time(9), time(17), frozenset({1, 2, 3, 4, 5}), None)
    now = datetime(2026, 5, 4, 20, 30, tzinfo=UTC)
    assert digest_plan.due(office, now + timedelta(days=400), now) is not None
