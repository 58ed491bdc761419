"""The journal and its counters: each change counted exactly once, by day and in total."""

import threading
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings

from campaign.counts import commands, journal, queries
from campaign.extensions import db
from tests import servers

pytestmark = pytest.mark.main_flow


def write(*changes: journal.Change) -> None:
    journal.record(changes)
    db.session.commit()


def test_a_change_shows_only_once_it_is_folded(app_context: Flask) -> None:
    write(journal.Change("letters.confirmed", 2, 7), journal.Change("letters.confirmed", 1, 8))
    assert queries.total("letters.confirmed", 7) == 0
    assert commands.fold() == 2
    assert queries.total("letters.confirmed", 7) == 2
    assert queries.totals("letters.confirmed", None) == {"": 3}
    assert commands.fold() == 0


def test_moves_keep_the_sum_and_empty_states_disappear(app_context: Flask) -> None:
    write(*journal.moved("deliveries", None, "waiting", n=4, campaign_id=1, part="9"))
    write(*journal.moved("deliveries", "waiting", "sent", n=4, campaign_id=1, part="9"))
    commands.fold()
    assert queries.states("deliveries", 1) == {"sent": 4}
    assert queries.states("deliveries", None, "9") == {"sent": 4}
    assert queries.states("deliveries", 1, "8") == {}


def test_days_are_utc_days(app_context: Flask) -> None:
    late = datetime(2026, 9, 1, 23, 59, tzinfo=UTC)
    journal.record([journal.Change("letters.confirmed", 3, 1)], at=late)
    db.session.commit()
    commands.fold()
    assert queries.by_day("letters.confirmed", late.date(), 1) == {late.date(): 3}


def test_folds_at_the_same_time_count_each_row_once(app_context: Flask) -> None:
    write(*[journal.Change("letters.confirmed", 1, number % 5) for number in range(3000)])

    def fold() -> None:
        with app_context.app_context():
            commands.fold()

    threads = [threading.Thread(target=fold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commands.fold()
    assert queries.totals("letters.confirmed", None) == {"": 3000}


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["", "x"]), st.integers(-5, 5)
        ),
        max_size=40,
    )
)
def test_counters_are_the_sums_of_the_journal(
    app_context: Flask, emptier: servers.Emptier, changes: list[tuple[int, str, str, int]]
) -> None:
    db.session.remove()
    emptier.empty()
    expected: dict[tuple[int, str, str], int] = {}
    for campaign_id, name, part, delta in changes:
        write(journal.Change(name, delta, campaign_id, part))
        key = (campaign_id, name, part)
        expected[key] = expected.get(key, 0) + delta
        if delta > 2:
            commands.fold()
    commands.fold()
    for (campaign_id, name, part), value in expected.items():
        assert queries.total(name, campaign_id, part) == value
