"""The drip on the real engines: pace, hours, pauses, refusals, changes of an office, and what it costs."""

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import time_machine
from sqlalchemy import text

from tests.letters.conftest import text_of
from tests.working import a_campaign, post

MONDAY_NOON = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
"""12:00 in New York."""
WEEKDAYS = {"opens": time(9), "closes": time(17), "days": [1, 2, 3, 4, 5]}


def sweep(app: Any) -> int:
    from campaign.letters import drip

    with app.app_context():
        return len(drip.sweep())


def test_letters_leave_at_the_offices_pace_and_in_order(
    app: Any, office: Any, letters: Any, sql: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**WEEKDAYS, per_hour=60)
        letters(12)
        for _ in range(100):
            sweep(app)
            clock.shift(7)
    rows = sql("SELECT id, due_at FROM delivery WHERE due_at IS NOT NULL ORDER BY due_at")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "first come, first served"
    assert 11 <= len(rows) <= 12
    gaps = [b[1] - a[1] for a, b in pairwise(rows)]
    assert min(gaps) > timedelta(seconds=10) and max(gaps) < timedelta(seconds=110)


def test_an_office_whose_time_zone_this_machine_does_not_know_keeps_no_other_waiting(
    app: Any, office: Any, letters: Any, sql: Any
) -> None:
    office()
    office("Undersecretary of Tests")
    letters(2)
    sql("UPDATE target SET timezone = 'America/Nowhere' WHERE id = 1")
    assert sweep(app) == 2
    assert sql("SELECT DISTINCT target_id FROM delivery WHERE state = 'queued'") == [(2,)]


def test_what_a_night_or_an_outage_missed_is_not_made_up_for(
    app: Any, office: Any, letters: Any, sql: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**WEEKDAYS, per_hour=60)
        letters(30)
        sweep(app)
        clock.shift(3 * 3600)  # nothing ran
        sweep(app)
        assert sql("SELECT count(*) FROM delivery WHERE state = 'queued'")[0][0] <= 3
        clock.shift(6 * 3600)
        before = sql("SELECT count(*) FROM delivery WHERE state = 'queued'")
        assert sweep(app) == 0, "closed"
        assert sql("SELECT count(*) FROM delivery WHERE state = 'queued'") == before


def test_an_office_that_closes_at_two_takes_letters_until_the_clock_goes_forward(
    office: Any, letters: Any, deliver: Any, smtp: Any
) -> None:
    """8 March 2026 in New York: at 2:00, 7:00 UTC, it is 3:00."""
    with time_machine.travel(datetime(2026, 3, 8, 6, 30, tzinfo=UTC), tick=False) as clock:
        office(closes=time(2))
        letters(1)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 1, "half past one"
        clock.shift(30 * 60)
        letters(1, first=2)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 1, "three o’clock"


def test_without_a_pace_all_leave_at_once_in_hours_only(
    app: Any, office: Any, letters: Any, deliver: Any, smtp: Any
) -> None:
    with time_machine.travel(MONDAY_NOON - timedelta(hours=5), tick=False) as clock:
        office(**WEEKDAYS)
        letters(5)
        deliver()
        assert not smtp.to("secretary@dot.example"), "7:00 in New York"
        clock.shift(2 * 3600 + 60)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 5


def test_a_paused_office_keeps_its_letters_and_others_go_on(
    app: Any, office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    paused = office()
    office("Director of Tests")
    sql("UPDATE target SET paused = true WHERE id = %s", paused)
    letters(3)
    deliver()
    assert not smtp.to("secretary@dot.example")
    assert len(smtp.to("director@dot.example")) == 3
    sql("UPDATE target SET paused = false")
    deliver()
    assert len(smtp.to("secretary@dot.example")) == 3


def test_an_office_that_refuses_is_paused_by_itself(
    app: Any, office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    office()
    office("Director of Tests")
    smtp.answer = lambda address: (
        "550 5.1.1 No such user" if address.startswith("secretary") else "250 OK"
    )
    letters(4)
    deliver()
    states = dict(sql("SELECT state, count(*) FROM delivery WHERE target_id = 1 GROUP BY 1"))
    assert states.get("failed", 0) >= 1 and states.get("failed", 0) + states.get("waiting", 0) == 4
    (paused, reason) = sql("SELECT paused, paused_reason FROM target WHERE id = 1")[0]
    assert paused and "5.1.1" in reason
    assert "5.1.1" in sql("SELECT answer FROM delivery WHERE state = 'failed' LIMIT 1")[0][0]
    assert len(smtp.to("director@dot.example")) == 4

    from campaign.offices import commands as offices

    smtp.answer = lambda address: "250 OK"
    with app.app_context():
        offices.save(1, {"email": "mail@dot.example"})
        offices.resume(1, by="an organizer")
    deliver()
    assert len(smtp.to("mail@dot.example")) == states.get("waiting", 0)


def test_letters_given_out_follow_a_change_of_address_and_holder(
    app: Any, office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    from campaign.offices import commands as offices

    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        target = office(**WEEKDAYS, per_hour=60)
        with app.app_context():
            offices.set_holder(target, "Ada Old", date(2020, 1, 1))
        letters(2)
        sweep(app)
        assert sql("SELECT state FROM delivery WHERE id = 1") == [("queued",)]
        with app.app_context():
            offices.save(target, {"email": "new@dot.example"})
            offices.set_holder(target, "Ben New", date(2026, 5, 4))
        for _ in range(10):
            clock.shift(30)
            deliver()
    assert not smtp.to("secretary@dot.example")
    mails = smtp.to("new@dot.example")
    assert len(mails) == 2
    assert all(text_of(mail).startswith("Dear Secretary New:") for mail in mails)
    assert sql("SELECT min(round), state FROM delivery GROUP BY 2") == [(0, "sent")]
    assert sql("SELECT max(round) FROM delivery") == [(1,)]


def test_a_temporary_refusal_is_tried_again(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    smtp.answer = lambda address: "451 4.7.1 Come back later"
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office()
        letters(1)
        deliver()
        assert sql("SELECT state FROM delivery") == [("deferred",)]
        smtp.answer = lambda address: "250 OK"
        clock.shift(3600)
        deliver()
    assert sql("SELECT state FROM delivery") == [("sent",)]
    assert len(smtp.to("secretary@dot.example")) == 1


def _given_out(sql: Any) -> list[int]:
    query = "SELECT letter_id FROM delivery WHERE due_at IS NOT NULL ORDER BY due_at"
    return [row[0] for row in sql(query)]


def test_a_campaign_that_turns_urgent_puts_the_letters_first_that_wait_already(
    app: Any, office: Any, letters: Any, sql: Any, staff: Any
) -> None:
    with app.app_context():
        a_campaign("other")
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        desk = staff("organizer")
        office(**WEEKDAYS, per_hour=300)
        letters(4)
        post(desk, "/desk/campaigns/other/targets", targets=["1"])
        letters(12, first=5, slug="other")
        before = sql("SELECT ctid, xmin FROM delivery ORDER BY id")
        post(desk, "/desk/campaigns/other/targets", targets=["1"], urgent="y")
        assert sql("SELECT ctid, xmin FROM delivery ORDER BY id") == before, "no row is rewritten"
        page = desk.get("/desk/letters/16").get_data(as_text=True)
        assert "expected" in page.lower()
        assert _place(app, 1) == 13 and _place(app, 5) == 1
        sweep(app)
        order = _given_out(sql)
        urgent, others = [n for n in order if n > 4], [n for n in order if n <= 4]
        assert order[0] == 5 and urgent == list(range(5, 5 + len(urgent))) and len(urgent) >= 3
        assert others == [1], "each fifth slot is the others'"
        post(desk, "/desk/campaigns/other/targets", targets=["1"])
        clock.shift(60)
        sweep(app)
    assert _given_out(sql)[len(order) :][:3] == [2, 3, 4], "and back, as they came"


def _place(app: Any, delivery_id: int) -> int:
    from campaign.extensions import db
    from campaign.letters import queue
    from campaign.letters.models import Delivery

    with app.app_context():
        return queue.place_of(db.session.get_one(Delivery, delivery_id))


def test_what_a_paused_campaign_has_in_front_is_neither_read_past_nor_waited_for(
    app: Any, office: Any, letters: Any, sql: Any, staff: Any
) -> None:
    from campaign.letters import queue

    with app.app_context():
        a_campaign("other")
    with time_machine.travel(MONDAY_NOON, tick=False):
        desk = staff("organizer")
        office(**WEEKDAYS, per_hour=60)
        letters(1)
        post(desk, "/desk/campaigns/other/targets", targets=["1"])
        letters(1, first=2, slug="other")
        sql(
            "INSERT INTO supporter (email, created_at) SELECT 'm' || n || '@people.example', now() FROM generate_series(1, 20000) n"
        )
        sql(
            "INSERT INTO letter (id, campaign_id, supporter_id, submission, state, language, given_name, family_name,"
            " postal_code, subject, body, created_at, confirmed_at) SELECT -id, 1, id, id::text, 'confirmed', 'en', 'A',"
            " 'B', '60604', 'S', 'B', now(), now() FROM supporter WHERE email ~ '^m'"
        )
        sql(
            "INSERT INTO delivery (id, letter_id, target_id, campaign_id, state)"
            " SELECT id, id, 1, 1, 'waiting' FROM letter WHERE id < 0"
        )
        sql("ANALYZE delivery")
        assert _place(app, 2) == 501, "counted no further"
        post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/1/pause")
        assert _place(app, 2) == 1
        with app.app_context():
            from campaign.extensions import db

            values = {"target_id": 1, "limit": 5, "stopped": [1], "ordinary": False}
            explained = db.session.execute(
                text(f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS) {queue.NEXT}"), values
            )
            lines = [row[0] for row in explained]
        touched = re.findall(r"Buffers: shared hit=(\d+)", lines[1])
        assert touched and int(touched[0]) < 200, "\n".join(lines)
        sweep(app)
    assert _given_out(sql) == [2]


def test_sweeps_at_the_same_time_never_give_a_slot_twice(
    app: Any, office: Any, letters: Any, sql: Any
) -> None:
    import threading

    with time_machine.travel(MONDAY_NOON, tick=False):
        office(**WEEKDAYS, per_hour=1200)
        letters(40)
        threads = [threading.Thread(target=sweep, args=(app,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sql("SELECT count(*), count(DISTINCT due_at) FROM delivery WHERE state = 'queued'") == [
        (20, 20)
    ]
    assert sql("SELECT count(*) FROM message WHERE origin = 'delivery'") == [(20,)]


def test_a_place_in_the_queue_and_the_day_it_comes(app: Any, office: Any, letters: Any) -> None:
    from campaign.extensions import db
    from campaign.letters import queries, queue
    from campaign.letters.models import Delivery

    with time_machine.travel(MONDAY_NOON, tick=False):
        office(**WEEKDAYS, per_hour=1)
        letters(8)
        with app.app_context():
            last = db.session.get_one(Delivery, 8)
            assert queue.place_of(last) == 8
            (receipt,) = queries.receipts(8)
            # Five slots are left on Monday (12:00 to 16:59), so the eighth letter leaves on Tuesday.
            assert receipt.expected == date(2026, 5, 5)


def test_letters_that_are_being_confirmed_do_not_stop_the_drip(
    app: Any, office: Any, letters: Any, urls: Any
) -> None:
    """A delivery that is being inserted holds its office FOR KEY SHARE, and in a busy hour one always is."""
    office()
    letters(2)
    with psycopg.connect(urls.libpq()) as connection:
        connection.execute("SELECT id FROM target FOR KEY SHARE")
        assert sweep(app) == 2
