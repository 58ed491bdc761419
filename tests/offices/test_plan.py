"""The drip's arithmetic, held to its rules over random offices and arrivals."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.offices import plan
from campaign.offices.plan import MIDNIGHT, Office, Slot

ZONES = (
    "America/New_York", "America/Phoenix", "America/St_Johns", "Pacific/Honolulu", "Europe/Madrid",
    "Asia/Beirut", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "UTC",
)  # fmt: skip
MINUTE = timedelta(minutes=1)

# The machine may be busy: how long an example takes says nothing here.
thorough = settings(max_examples=100, deadline=None)


@st.composite
def offices(draw: st.DrawFn, paced: bool = True) -> Office:
    opens = draw(st.times(max_value=time(23, 0))).replace(second=0, microsecond=0, tzinfo=None)
    if draw(st.booleans()):
        opens, closes = time(0), time(0)
    else:
        span = timedelta(minutes=draw(st.integers(20, 1400)))
        end = datetime.combine(date(2026, 1, 1), opens) + span
        closes = end.time() if end.date() == date(2026, 1, 1) else time(0)
    return Office(
        key=draw(st.integers(1, 10**9)),
        timezone=draw(st.sampled_from(ZONES)),
        opens=opens,
        closes=closes,
        days=frozenset(draw(st.sets(st.integers(1, 7), min_size=1))),
        per_hour=draw(st.one_of(st.integers(1, 60), st.integers(1, 400))) if paced else None,
    )


# Around clock changes and holidays as well as anywhere else.
moments = st.one_of(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(
        [
            datetime(2026, 3, 7, 20, tzinfo=UTC),
            datetime(2026, 10, 31, 20, tzinfo=UTC),
            datetime(2026, 3, 28, 18, tzinfo=UTC),
            datetime(2026, 10, 24, 18, tzinfo=UTC),
            datetime(2026, 11, 25, 20, tzinfo=UTC),
            datetime(2027, 12, 31, 1, tzinfo=UTC),
        ]
    ),
)


def assert_in_hours(office: Office, at: datetime) -> None:
    local = at.astimezone(ZoneInfo(office.timezone))
    assert local.isoweekday() in office.days
    assert local.time() >= office.opens
    assert office.closes == plan.MIDNIGHT or local.time() < office.closes
    assert len(office.days) == 7 or local.date() not in plan.federal_holidays(local.year)


QUARTERS = [time(n // 4, n % 4 * 15) for n in range(96)]
CHANGES = [
    date(2026, 3, 8), date(2026, 3, 28), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25),
    date(2026, 11, 1), date(2026, 5, 4),
]  # fmt: skip
"""Days on which some zone's clock is changed, and one on which none is."""


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.lists(st.sampled_from([*QUARTERS[:18], *QUARTERS]), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=300, deadline=None)
def test_an_office_is_open_when_its_clock_says_so_also_on_a_day_on_which_it_is_changed(
    name: str, day: date, edges: list[time]
) -> None:
    closes, opens = (min(edges), max(edges)) if min(edges) == MIDNIGHT else (max(edges), min(edges))
    zone = ZoneInfo(name)
    office = Office(1, name, opens, closes, frozenset(range(1, 8)), 30)
    start = datetime.combine(day, time(0), UTC) - timedelta(hours=12)
    for n in range(48 * 4):
        at = start + n * timedelta(minutes=15)
        local = at.astimezone(zone)
        if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            continue  # an hour that comes twice
        inside = opens <= local.time() and (closes == MIDNIGHT or local.time() < closes)
        assert plan.is_open(office, at) == inside, local


@given(offices(), moments, st.integers(1, 30))
@thorough
def test_slots_lie_in_hours_and_never_too_many_in_any_hour(
    office: Office, start: datetime, hours: int
) -> None:
    found = [slot.at for slot in plan.slots(office, start, start + timedelta(hours=hours), 20_000)]
    assert found == sorted(set(found))
    assert office.per_hour
    for i, at in enumerate(found):
        assert start < at
        if i % 17 == 0 or i < 40:
            assert_in_hours(office, at)
        # Any 60 minutes that begin with this slot.
        assert (
            bisect_right(found, at + timedelta(hours=1) - timedelta(microseconds=1)) - i
            <= office.per_hour
        )


@given(offices(), moments, st.lists(st.integers(1, 7200), min_size=1, max_size=20))
@thorough
def test_the_slots_are_the_same_however_the_sweeps_fall(
    office: Office, start: datetime, steps: list[int]
) -> None:
    edges = [start]
    for step in steps:
        edges.append(edges[-1] + timedelta(seconds=step))
    pieces = [slot for a, b in pairwise(edges) for slot in plan.slots(office, a, b, 20_000)]
    assert pieces == plan.slots(office, edges[0], edges[-1], 200_000)


@given(offices(), moments)
@thorough
def test_open_hours_have_slots_all_through(office: Office, start: datetime) -> None:
    """Evenly: in each stretch of two distances between slots in open hours there is at least one slot."""
    assert office.per_hour
    step = timedelta(hours=1) / office.per_hour * 2
    for _ in range(5):
        if plan.is_open(office, start) and plan.is_open(office, start + step + plan.LAST_CALL):
            assert plan.slots(office, start, start + step, 10)
        start += timedelta(hours=5)


@given(offices(), moments, st.integers(1, 1500))
@thorough
def test_the_expected_day_is_the_day_on_which_the_letter_leaves(
    office: Office, now: datetime, place: int
) -> None:
    found = plan.expected_day(office, place, now)
    if found is None:
        return
    zone = ZoneInfo(office.timezone)
    end = datetime.combine(found + timedelta(days=1), time(0), zone).astimezone(UTC)
    if end - now > timedelta(days=6):
        return
    tick = timedelta(microseconds=1)
    until_day = plan.slots(office, now - tick, end - timedelta(days=1, hours=1), place + 1)
    through_day = plan.slots(office, now - tick, end + timedelta(hours=1), place + 1)
    before = [s for s in until_day if s.at.astimezone(zone).date() < found]
    through = [s for s in through_day if s.at.astimezone(zone).date() <= found]
    assert len(before) < place <= len(through) or len(through) == place + 1


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[int, int]]:
    """(minute, priority) of letters, as they come."""
    return sorted(
        draw(st.lists(st.tuples(st.integers(0, 290), st.sampled_from([0, 0, 0, -1])), max_size=120))
    )


@given(offices(), moments, arrivals(), st.sets(st.integers(0, 290), max_size=40))
@thorough
def test_the_queue_keeps_its_rules(
    office: Office, start: datetime, coming: list[tuple[int, int]], down: set[int]
) -> None:
    """A model of the sweep (campaign.letters.drip), each minute unless the site is down."""
    waiting: list[tuple[int, int]] = []
    given_out: list[tuple[datetime, int, int]] = []
    released = start
    letters = iter(enumerate(coming))
    following = next(letters, None)
    for minute in range(300):
        now = start + minute * MINUTE
        while following and following[1][0] <= minute:
            waiting.append((following[1][1], following[0]))
            following = next(letters, None)
        if minute in down:
            continue
        after = max(now, released)
        free = plan.slots(office, after, now + MINUTE, 200) if after < now + MINUTE else []
        queue = sorted(waiting)
        last = sorted(one for one in queue if one[0] == max(queue)[0]) if queue else []
        for slot, letter in plan.assign(
            free, queue[: len(free)], last[: sum(s.fair for s in free)]
        ):
            waiting.remove(letter)
            given_out.append((slot.at, *letter))
            released = slot.at
            assert slot.at > now
    times = [at for at, _, _ in given_out]
    assert times == sorted(set(times))
    for i, at in enumerate(times):
        assert_in_hours(office, at)
        assert bisect_right(times, at + timedelta(hours=1) - timedelta(microseconds=1)) - i <= (
            office.per_hour or 0
        )
    for priority in (0, -1):
        order = [number for _, p, number in given_out if p == priority]
        assert order == sorted(order), "first come, first served within a priority"


@given(st.lists(st.booleans(), max_size=40), st.lists(st.integers(-2, 0), max_size=60))
@thorough
def test_slots_go_to_letters_by_their_class_and_then_as_they_came(
    fair: list[bool], priorities: list[int]
) -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    free = [Slot(now + n * MINUTE, one) for n, one in enumerate(fair)]
    waiting = sorted((priority, number) for number, priority in enumerate(priorities))
    last = [one for one in waiting if one[0] == waiting[-1][0]]
    chosen = plan.assign(free, waiting[: len(free)], last[: sum(fair)])
    assert [slot for slot, _ in chosen] == free[: min(len(free), len(waiting))], "no slot is left"
    given_out = [letter for _, letter in chosen]
    assert len(set(given_out)) == len(given_out)
    for priority in set(priorities):
        order = [number for p, number in given_out if p == priority]
        assert order == [n for p, n in waiting if p == priority][: len(order)], "as they came"
    for slot, (priority, _) in chosen:
        if slot.fair and priority != waiting[-1][0]:
            assert set(last) <= set(given_out), "a fair slot is the last class's while it waits"


def test_urgent_letters_never_starve_the_others() -> None:
    office = Office(1, "America/New_York", time(0), time(0), frozenset(range(1, 8)), 100)
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    free = plan.slots(office, now, now + timedelta(hours=1), 500)
    urgent = [(-1, n) for n in range(100)]
    ordinary = [(0, n) for n in range(100)]
    chosen = plan.assign(free, urgent, ordinary)
    assert sum(letter[0] == 0 for _, letter in chosen) == 20


def test_no_letter_gets_two_slots() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    free = [Slot(now + n * MINUTE, n % 2 == 1) for n in range(6)]
    chosen = plan.assign(free, ["a", "b", "c"], ["a", "b"])
    assert [letter for _, letter in chosen] == ["a", "b", "c"]


def test_thanksgiving_is_closed_and_a_round_the_clock_office_is_not() -> None:
    noon = datetime(2026, 11, 26, 17, tzinfo=UTC)
    weekdays = Office(1, "America/New_York", time(9), time(17), frozenset({1, 2, 3, 4, 5}), 10)
    always = Office(1, "America/New_York", time(0), time(0), frozenset(range(1, 8)), 10)
    assert not plan.is_open(weekdays, noon)
    assert plan.is_open(always, noon)


def test_where_the_clock_makes_an_hour_twice_the_shorter_day_counts() -> None:
    """1 November 2026 in New York: 1:30 comes at 5:30 and again at 6:30 UTC."""
    early = Office(1, "America/New_York", time(1, 30), time(5), frozenset(range(1, 8)), 10)
    late = Office(1, "America/New_York", time(0), time(1, 30), frozenset(range(1, 8)), 10)
    day = date(2026, 11, 1)
    opens, closes = plan.hours(early, day) or (None, None)
    assert opens == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    opens, closes = plan.hours(late, day) or (None, None)
    assert closes == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_an_office_that_closes_when_the_clock_goes_forward_is_open_until_then() -> None:
    """8 March 2026 in New York: at 2:00, 7:00 UTC, it is 3:00."""
    day = date(2026, 3, 8)
    for closes in (time(2), time(2, 30)):
        night = Office(1, "America/New_York", time(0), closes, frozenset(range(1, 8)), 10)
        assert plan.hours(night, day) == (
            datetime(2026, 3, 8, 5, tzinfo=UTC),
            datetime(2026, 3, 8, 7, tzinfo=UTC),
        )


def test_the_end_of_a_long_queue_is_found_at_once() -> None:
    office = Office(7, "America/New_York", time(9), time(17), frozenset({1, 2, 3, 4, 5}), 60)
    now = datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert plan.expected_day(office, 100_000, now) == date(2027, 9, 23)
    slow = Office(7, "America/New_York", time(9), time(10), frozenset({1}), 1)
    assert plan.expected_day(slow, 100_000, now) is None
