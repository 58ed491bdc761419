"""Digests: a day's letters in one message with a PDF, at the office's hour."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from tests.letters.conftest import text_of
from tests.papers.conftest import pdf_text
from tests.working import post

MONDAY_NOON = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
FOUR = 4 * 3600
"""From noon to the hour at which an office leaves its day to us: one before it closes."""
HOURS = {"opens": time(9), "closes": time(17), "days": [1, 2, 3, 4, 5], "channel": "digest"}
OFFICE = "secretary@dot.example"


def subjects(smtp: Any) -> list[str]:
    return sorted(str(mail.message["Subject"]).partition(":")[0] for mail in smtp.to(OFFICE))


def expected(app: Any, letter_id: int) -> str:
    from campaign.letters import queries

    with app.app_context():
        (receipt,) = queries.receipts(letter_id)
        return str(receipt.expected)


def test_all_letters_of_the_day_leave_in_one_message_at_the_hour(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, app: Any, tmp_path: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(3)
        deliver()
        assert not smtp.to(OFFICE), "not with the day's first letter"
        assert expected(app, 1) == "2026-05-04"
        clock.shift(3600)
        letters(2, first=4)
        deliver()
        clock.shift(3 * 3600)
        deliver()
        (mail,) = smtp.to(OFFICE)
        assert mail.message["Subject"].startswith("5 letters to your office")
        assert mail.message["From"].addresses[0].display_name == "Test Coalition"
        (part,) = mail.message.iter_attachments()
        assert part.get_content_type() == "application/pdf"
        assert "5 people have written" in text_of(mail)
        assert "The letters are in the attached file, letters-2026-05-04.pdf." in text_of(mail)
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 5)]
        words = pdf_text(part.get_content(), tmp_path)
        assert [n for n in range(1, 7) if f"my words, number {n}." in " ".join(words.split())] == [
            1, 2, 3, 4, 5
        ]  # fmt: skip
        tried = sql("SELECT last_value FROM bundle_id_seq")
        letters(2, first=6)
        deliver()
        assert len(smtp.to(OFFICE)) == 1, "once a day"
        assert sql("SELECT last_value FROM bundle_id_seq") == tried, "and nobody tries in vain"
        assert expected(app, 6) == "2026-05-05"
        clock.shift(timedelta(days=1).total_seconds() - 3600)
        deliver()
        assert len(smtp.to(OFFICE)) == 1, "not before the hour"
        clock.shift(3600)
        deliver()
    assert subjects(smtp) == ["2 letters to your office", "5 letters to your office"]
    assert sql("SELECT state, letters FROM bundle ORDER BY id") == [("sent", 5), ("sent", 2)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'deliveries.sent'") == [(7,)]


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ([], ""),
        (["Mi hija no duerme porque la cárcel está lejos y no hay quien la lleve."],
         "One of them is in Spanish. It is given as it is, with a note that says so."),
        (["Mi hija no duerme porque la cárcel está lejos y no hay quien la lleve."] * 2 + ["我的邻居等了两年才见到法官"],
         "Letters in Spanish and Chinese are given as they are, each with a note that says which language it is in."),
    ],
)  # fmt: skip
def test_a_digest_names_the_languages_of_its_letters_and_no_others(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, bodies: list[str], said: str
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(4)
        for number, body in enumerate(bodies, start=2):
            sql("UPDATE letter SET body = %s WHERE id = %s", body, number)
        clock.shift(FOUR)
        deliver()
    (mail,) = smtp.to(OFFICE)
    text = text_of(mail)
    assert said in text and ("given as" in text) == bool(said), "the campaign speaks Spanish too"


def test_what_comes_after_the_hour_of_a_day_without_letters_waits_for_the_next(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, app: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(1)
        sql("UPDATE letter SET state = 'held'")
        sql("UPDATE delivery SET state = 'held'")
        clock.shift(FOUR)
        deliver()
        sql("UPDATE letter SET state = 'confirmed'")
        sql("UPDATE delivery SET state = 'waiting'")
        clock.shift(60)
        letters(2, first=2)
        deliver()
        assert not smtp.to(OFFICE), "a launch at five past four is no digest of one letter"
        assert {expected(app, n) for n in (1, 2, 3)} == {"2026-05-05"}
        clock.shift(86400)
        deliver()
    assert subjects(smtp) == ["3 letters to your office"]


def test_a_worker_that_was_down_at_the_hour_sends_it_when_it_is_back(
    office: Any, letters: Any, deliver: Any, smtp: Any, app: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(2)
        clock.shift(FOUR + 900)
        letters(1, first=3)
        assert (expected(app, 1), expected(app, 3)) == ("2026-05-04", "2026-05-05")
        clock.shift(900)
        deliver()
        assert subjects(smtp) == ["2 letters to your office"], "with the letters of its hour"
        clock.shift(86400)
        letters(1, first=4)
        clock.shift(3600)
        deliver()
        assert len(smtp.to(OFFICE)) == 1, "not when the office is closed"
        assert expected(app, 3) == "2026-05-06"
        clock.shift(86400 - 5400)
        deliver()
    assert subjects(smtp) == ["2 letters to your office"] * 2


def test_a_worker_that_is_back_after_midnight_sends_what_an_office_that_never_closes_should_have(
    office: Any, letters: Any, deliver: Any, smtp: Any, app: Any, staff: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**{**HOURS, "opens": time(0), "closes": time(0)})
        letters(2)
        clock.shift(13 * 3600)  # 1 am; it leaves at 11 pm
        letters(1, first=3)
        assert (expected(app, 1), expected(app, 3)) == ("2026-05-04", "2026-05-05")
        page = staff("organizer").get("/desk/targets/1").get_data(as_text=True)
        assert "The next one is due now" in page
        deliver()
        assert subjects(smtp) == ["2 letters to your office"]
        clock.shift(22 * 3600)
        deliver()
    assert subjects(smtp) == ["1 letter to your office", "2 letters to your office"]


def test_another_hour_counts_at_once(
    office: Any, letters: Any, deliver: Any, smtp: Any, app: Any, staff: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(2)
        clock.shift(1800)
        desk = staff("organizer")
        entry = {
            "agency": "DOT", "role": "Secretary of Tests", "email": OFFICE, "salutation": "", "channel": "digest",
            "timezone": "America/New_York", "opens": "09:00", "closes": "17:00", "days": ["1", "2", "3", "4", "5"],
            "per_hour": "",
        }  # fmt: skip
        page = post(desk, "/desk/targets/1/edit", **entry, digest_at="08:59")
        assert page.status_code == 422
        said = page.get_data(as_text=True)
        assert "from 09:00 to 16:55" in said and 'id="digest_at-error"' in said
        assert post(desk, "/desk/targets/1/edit", **entry, digest_at="12:15").status_code == 303
        page = desk.get("/desk/targets/1").get_data(as_text=True)
        assert "The next one is due now" in page and "12:15" in page
        assert "Digest leaves at" in page.partition("What was changed")[2]
        deliver()
        assert subjects(smtp) == ["2 letters to your office"]
        post(desk, "/desk/targets/1/edit", **entry, digest_at="16:30")
        letters(1, first=3)
        clock.shift(FOUR)
        deliver()
        assert len(smtp.to(OFFICE)) == 1, "one has left that day"
        assert expected(app, 3) == "2026-05-05"
        post(desk, "/desk/targets/1/edit", **(entry | {"channel": "email"}), digest_at="nonsense")
        assert expected(app, 3) == "2026-05-04", "by itself it leaves today"


def test_a_day_with_many_letters_has_a_digest_in_parts(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.papers import daily

    monkeypatch.setattr(daily, "IN_A_DIGEST", 2)
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(5)
        clock.shift(FOUR)
        deliver()
        letters(1, first=6)
        deliver()
    assert subjects(smtp) == [
        "1 letter to your office, part 3",
        "2 letters to your office",
        "2 letters to your office, part 2",
    ]
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
        ("sent", 5),
        ("waiting", 1),
    ]


def test_more_than_a_days_parts_hold_follow_the_next_day(
    office: Any, letters: Any, deliver: Any, smtp: Any, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.offices import digest_plan
    from campaign.papers import daily

    monkeypatch.setattr(daily, "IN_A_DIGEST", 1)
    monkeypatch.setattr(daily, "PARTS", 2)
    monkeypatch.setattr(digest_plan, "MOST", 2)
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(3)
        assert [expected(app, n) for n in (1, 2, 3)] == ["2026-05-04", "2026-05-04", "2026-05-05"]
        clock.shift(FOUR)
        deliver()
        assert len(smtp.to(OFFICE)) == 2
        clock.shift(86400)
        deliver()
    assert len(smtp.to(OFFICE)) == 3


def test_a_paused_campaigns_letters_leave_the_same_day_once_it_goes_on(
    office: Any, letters: Any, deliver: Any, smtp: Any, app: Any
) -> None:
    from campaign.letters import stopping

    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(2)
        with app.app_context():
            stopping.pause(1, "an organizer")
        clock.shift(FOUR)
        deliver()
        assert not smtp.to(OFFICE)
        with app.app_context():
            stopping.resume(1)
        clock.shift(900)
        deliver()
    assert subjects(smtp) == ["2 letters to your office"]


def test_a_letter_rejected_while_the_pdf_is_made_keeps_no_other_waiting(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, app: Any, staff: Any
) -> None:
    from campaign.papers import daily

    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(3)
        clock.shift(FOUR)
        with app.app_context():
            assert daily.begin_due() == 1
            assert daily.begin_due() == 0
        post(staff("organizer"), "/desk/letters/2", "/desk/letters/2/reject", reason="A threat")
        deliver()
    assert subjects(smtp) == ["2 letters to your office"]
    assert sql("SELECT state FROM delivery ORDER BY id") == [("sent",), ("cancelled",), ("sent",)]


def test_an_office_whose_address_is_suppressed_is_paused_instead_of_tried_for_ever(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, app: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        letters(1)
        with app.app_context():
            from campaign.extensions import db
            from campaign.mail import suppressions

            suppressions.suppress(OFFICE, "letters", "person")
            db.session.commit()
        clock.shift(FOUR)
        deliver()
        assert sql("SELECT paused FROM target") == [(True,)]
        assert sql("SELECT state FROM delivery") == [("waiting",)]
        assert sql("SELECT count(*) FROM bundle") == [(1,)]
    assert not smtp.to(OFFICE)


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
        office(**HOURS)
        letters(2)
        deliver()
        assert sql("SELECT count(*) FROM bundle") == [(0,)]
        clock.shift(6 * 3600 + FOUR)
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


def press(desk: Any, target_id: int = 1) -> str:
    """The button on the office's page; what the page then says."""
    page = f"/desk/targets/{target_id}"
    answer = post(desk, page, f"{page}/bundles/digest")
    assert answer.status_code == 303
    return " ".join(desk.get(answer.headers["Location"]).get_data(as_text=True).split())


def test_an_organizer_sends_the_digest_now(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, app: Any, staff: Any
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS)
        desk = staff("organizer")
        assert "No letter waits for it yet." in desk.get("/desk/targets/1").get_data(as_text=True)
        assert "No letter waits for this office" in press(desk)
        letters(2)
        deliver()
        page = " ".join(desk.get("/desk/targets/1").get_data(as_text=True).split())
        assert "As things stand it will hold 2 letters." in page
        assert "Monday, May 4, 4:00" in page and "(office time)" in page
        said = press(desk)
        assert "2 letters are on their way in one digest." in said
        assert "from now on leaves on Tuesday, May 5, 4:00" in said
        assert "The digest is on its way already" in press(desk), "a double click"
        deliver()
        assert "No letter waits for this office" in press(desk)
        assert subjects(smtp) == ["2 letters to your office"]
        letters(1, first=3)
        clock.shift(FOUR)
        deliver()
        assert len(smtp.to(OFFICE)) == 1, "one has left that day"
        assert "One has left today" in desk.get("/desk/targets/1").get_data(as_text=True)
        assert "1 letter is on its way." in press(desk)
        deliver()
        assert subjects(smtp) == ["1 letter to your office, part 2", "2 letters to your office"]
        letters(1, first=4)
        post(desk, "/desk/targets/1", "/desk/targets/1/pause", reason="Moving house")
        assert "are paused: let them go on first" in press(desk)
        post(desk, "/desk/targets/1", "/desk/targets/1/resume")
        with app.app_context():
            from campaign.letters import stopping

            stopping.pause(1, "an organizer")
        assert "of campaigns whose letters are paused" in press(desk)
        clock.shift(3600)
        said = press(desk)
        assert "The office is closed now" in said and "Tuesday, May 5, 4:00" in said
        deliver()
    assert len(smtp.to(OFFICE)) == 2
    assert sql("SELECT created_by, letters FROM bundle ORDER BY id") == [
        ("organizer@staff.example", 2), ("organizer@staff.example", 1),
    ]  # fmt: skip


def test_the_button_is_the_organizers_and_for_digests(
    office: Any, campaign_id: int, staff: Any, sql: Any
) -> None:
    from tests.working import csrf_token

    office()
    desk = staff("administrator")
    assert "Send the digest now" not in desk.get("/desk/targets/1").get_data(as_text=True)
    assert "do not go by digest" in press(desk)
    lead = staff("lead")
    token = csrf_token(lead.get("/desk/").get_data(as_text=True))
    answer = lead.post("/desk/targets/1/bundles/digest", data={"csrf_token": token})
    assert answer.status_code == 403


def test_a_letter_bears_the_offices_day(
    office: Any, letters: Any, deliver: Any, smtp: Any, tmp_path: Any
) -> None:
    late = datetime(2026, 5, 5, 1, 0, tzinfo=UTC)
    with time_machine.travel(late, tick=False) as clock:
        office(**(HOURS | {"timezone": "Pacific/Honolulu"}))
        letters(1)
        clock.shift(3600)
        deliver()
    (mail,) = smtp.to(OFFICE)
    (part,) = mail.message.iter_attachments()
    words = pdf_text(part.get_content(), tmp_path)
    assert "May 4, 2026" in words and "May 5" not in words
