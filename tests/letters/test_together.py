"""Letters that come at the same moment are kept together, and each is answered for itself."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from tests.letters.conftest import Writer, form_token


@contextmanager
def _in_threads(calls: Sequence[Callable[[], Any]]) -> Iterator[list[Any]]:
    """Begins the calls at once; their results are there at the end."""
    found: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int) -> None:
        start.wait()
        found[place] = calls[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    yield found
    for thread in threads:
        thread.join()


def _sending(app: Flask, token: str, email: str, **changes: Any) -> Callable[[], int]:
    writer = Writer(app.test_client())
    return lambda: int(writer.send(email, token=token, **changes).status_code)


def test_letters_of_one_moment_are_each_kept_and_counted(
    app: Flask, writer: Writer, sql: Any
) -> None:
    token = form_token(writer.open())
    emails = [f"w{n}@people.example" for n in range(8)]
    calls = [_sending(app, token, one, given_name=one[:2].title()) for one in emails]
    with _in_threads(
        [*calls, _sending(app, token, "W0@People.example", given_name="Other")]
    ) as found:
        pass
    assert found == [303] * 9
    rows = sql(
        "SELECT lower(s.email), l.given_name FROM letter l JOIN supporter s ON s.id = l.supporter_id ORDER BY l.given_name"
    )
    assert rows == [("w0@people.example", "Other"), *((one, one[:2].title()) for one in emails)]
    assert sql("SELECT to_address FROM message ORDER BY lower(to_address)") != []
    assert sql("SELECT count(DISTINCT lower(to_address)), count(*) FROM message") == [(8, 8)]
    assert sql("SELECT name, sum(delta) FROM journal GROUP BY name ORDER BY name") == [
        ("letters.unconfirmed", 9),
        ("messages.queued", 8),
    ]


def test_a_letter_that_waits_for_a_lock_keeps_no_other_waiting(
    app: Flask, writer: Writer, sql: Any
) -> None:
    writer.send("slow@people.example")
    token = form_token(writer.open())
    from campaign.extensions import db

    with app.app_context(), db.engine.connect() as other:
        other.exec_driver_sql("SELECT 1 FROM supporter FOR UPDATE")
        with _in_threads([_sending(app, token, "slow@people.example")]) as slow:
            others = [_sending(app, token, f"w{n}@people.example") for n in range(3)]
            with _in_threads(others) as found:
                pass
            assert found == [303] * 3
            assert slow == [None]
            other.rollback()
    assert slow == [303]
    assert sql("SELECT count(*) FROM letter") == [(5,)]


def test_letters_that_come_the_long_way_leave_a_connection_to_whoever_writes_them(
    app: Flask, writer: Writer, sql: Any
) -> None:
    token = form_token(writer.open())
    # A key that is none: the page reads the campaign first. There are more of them than the process has connections.
    calls = [_sending(app, token, f"w{n}@people.example", k="none") for n in range(20)]
    with _in_threads(calls) as found:
        pass
    assert found == [303] * 20
    assert sql("SELECT count(*) FROM letter") == [(20,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE campaign SET closes_at = now()",
        "UPDATE campaign SET published = false",
        "UPDATE campaign SET languages = '{es}'",
        "DELETE FROM campaign_target",
    ],
)
def test_what_a_process_knows_of_a_campaign_is_looked_at_again(
    writer: Writer, sql: Any, change: str
) -> None:
    token = form_token(writer.open())
    assert writer.send("first@people.example", token=token).status_code == 303
    sql(change)
    assert writer.send("late@people.example", token=token).status_code != 303
    assert sql("SELECT count(*) FROM letter") == [(1,)]


def test_new_suggestions_count_for_the_next_letter(writer: Writer, sql: Any) -> None:
    token = form_token(writer.open())
    writer.send("first@people.example", token=token)
    [(campaign_id, body)] = sql("SELECT campaign_id, body FROM letter")
    sql(
        "INSERT INTO letter_template (campaign_id, agency, subject, body, request, prompts)"
        " VALUES (%s, 'DOT', '{}', jsonb_build_object('en', CAST(%s AS text)), '{}', '{}')",
        campaign_id,
        body,
    )
    writer.send("second@people.example", token=token)
    assert sql("SELECT own_share FROM letter ORDER BY id") == [(1.0,), (0.0,)]


def test_a_letter_refused_at_the_gate_is_not_kept(
    app: Flask, writer: Writer, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "PUBLIC_POSTS", "8 per hour")
    token = form_token(writer.open())
    calls = [_sending(app, token, f"w{n}@people.example") for n in range(6)]
    with _in_threads(calls) as found:
        pass
    assert sorted(found) == [303] * 4 + [429] * 2
    assert sql("SELECT count(*) FROM letter") == [(4,)]


def test_what_is_wrong_with_one_letter_is_no_others_error(
    app: Flask, writer: Writer, sql: Any
) -> None:
    token = form_token(writer.open())
    calls = [_sending(app, token, f"w{n}@people.example") for n in range(6)]
    bad = _sending(app, token, "bad@people.example", given_name="Bad")
    sql("ALTER TABLE letter ADD CONSTRAINT not_bad CHECK (given_name <> 'Bad')")
    try:
        with _in_threads([*calls, bad]) as found:
            pass
    finally:
        sql("ALTER TABLE letter DROP CONSTRAINT not_bad")
    assert found == [303] * 6 + [500]
    assert sql("SELECT count(*) FROM letter") == [(6,)]
    assert sql("SELECT count(*) FROM message") == [(6,)]
