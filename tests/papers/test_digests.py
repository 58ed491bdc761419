"""Digests: a day's letters in one message with a PDF."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from tests.letters.conftest import text_of

MONDAY_NOON = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
HOURS = {"opens": time(9), "closes": time(17), "days": [1, 2, 3, 4, 5]}


def test_a_digest_leaves_once_a_day_with_all_letters(
    office: Any,
    letters: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS, channel="digest")
        letters(3)
        deliver()
        (mail,) = smtp.to("secretary@dot.example")
        assert mail.message["Subject"].startswith("3 letters to your office")
        assert mail.message["From"].addresses[0].display_name == "Test Coalition"
        (part,) = mail.message.iter_attachments()
        assert part.get_content_type() == "application/pdf" and part.get_content().startswith(
            b"%PDF"
        )
        assert "3 people have written" in text_of(mail)
        assert "The letters are in the attached file, letters-2026-05-04.pdf." in text_of(mail)
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 3)]
        tried = sql("SELECT last_value FROM bundle_id_seq")
        letters(2, first=4)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 1, "once a day"
        assert sql("SELECT last_value FROM bundle_id_seq") == tried, "and nobody tries in vain"
        from campaign.letters import queries

        with app.app_context():
            (receipt,) = queries.receipts(4)
            assert str(receipt.expected) == "2026-05-05"
        clock.shift(timedelta(days=1).total_seconds())
        deliver()
    assert len(smtp.to("secretary@dot.example")) == 2
    assert sql("SELECT state, letters FROM bundle ORDER BY id") == [("sent", 3), ("sent", 2)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'deliveries.sent'") == [(5,)]


def test_a_day_with_many_letters_has_a_digest_in_parts(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.papers import digests

    monkeypatch.setattr(digests, "IN_A_DIGEST", 2)
    with time_machine.travel(MONDAY_NOON, tick=False):
        office(**HOURS, channel="digest")
        letters(5)
        deliver()
        letters(1, first=6)
        deliver()
    said = sorted(
        str(mail.message["Subject"]).partition(":")[0] for mail in smtp.to("secretary@dot.example")
    )
    assert said == [
        "1 letter to your office, part 3",
        "2 letters to your office",
        "2 letters to your office, part 2",
    ]
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
        ("sent", 5),
        ("waiting", 1),
    ]


def test_a_digest_waits_for_office_hours_and_a_refused_one_pauses_the_office(
    office: Any,
    letters: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
) -> None:
    smtp.answer = lambda address: "550 5.1.1 No such user" if "dot.example" in address else "250 OK"
    with time_machine.travel(MONDAY_NOON - timedelta(hours=6), tick=False) as clock:
        office(**HOURS, channel="digest")
        letters(2)
        deliver()
        assert sql("SELECT count(*) FROM bundle") == [(0,)]
        clock.shift(6 * 3600)
        deliver()
        assert sql("SELECT state FROM bundle") == [("failed",)]
        assert sql("SELECT paused FROM target") == [(True,)]
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("failed", 2)]
        smtp.answer = lambda address: "250 OK"
        with app.app_context():
            from campaign.offices import commands as offices
            from campaign.papers import commands

            assert commands.undo(1)
            offices.resume(1, by="an organizer")
        deliver()
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 2)]
