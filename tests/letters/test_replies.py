"""Offices' answers through an address of ours; and the mail to a writer when every office has the letter."""

import re
from email.message import EmailMessage
from typing import Any

import pytest

from tests.letters.conftest import Writer, text_of
from tests.working import post

DESK = "/desk/campaigns/test/replies"


@pytest.fixture
def answered_here(app: Any, writer: Writer, staff: Any) -> Any:
    """The campaign's offices answer to an address of ours; returns an organizer."""
    app.config["MAIL_INBOUND_DOMAIN"] = "in.coalition.example"
    desk = staff("organizer")
    assert post(desk, DESK, here="1").status_code == 303
    yield desk
    app.config["MAIL_INBOUND_DOMAIN"] = None


def receive(app: Any, to: str, mail: EmailMessage) -> str:
    from campaign.mail.inbound import receiving
    from campaign.mail.inbound.incoming import Incoming

    with app.app_context():
        return receiving.receive(Incoming(mail.as_bytes(), "clerk@dot.example", to, "smtp")).word


def answer(app: Any, to: str, words: str = "We have read it.", **headers: str) -> str:
    mail = EmailMessage()
    mail["From"] = headers.pop("sender", "Clerk <clerk@dot.example>")
    mail["To"] = to
    mail["Subject"] = "Re: Please let people wait"
    mail["Message-ID"] = f"<{abs(hash(words))}@dot.example>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(words)
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="answer.pdf")
    return receive(app, to, mail)


def passed_on(smtp: Any) -> list[Any]:
    return [one for one in smtp.to("ana@people.example") if "Answer" in one.message["Subject"]]


def test_an_answer_reaches_the_writer_once_and_is_counted(
    answered_here: Any, writer: Writer, confirm: Any, deliver: Any, smtp: Any, sql: Any, app: Any
) -> None:
    writer.send()
    confirm()
    deliver()
    (letter,) = smtp.to("secretary@dot.example")
    here = str(letter.message["Reply-To"])
    assert re.search(r"reply\+1-[a-z2-7]{16}@in\.coalition\.example", here)
    assert "ana@people.example" not in letter.message.as_string()
    assert "is passed on to the writer" in text_of(letter)
    to = here.strip("<>")
    for _ in range(2):
        answer(app, to)
    answer(app, to, "I am away.", Auto_Submitted="auto-replied")
    answer(app, to.replace("reply+1", "reply+2"))
    deliver()
    (mail,) = passed_on(smtp)
    assert mail.message["Reply-To"].addresses[0].addr_spec == "clerk@dot.example"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    text = text_of(mail)
    assert "Secretary of Tests, DOT" in text and "We have read it." in text
    (paper,) = mail.message.iter_attachments()
    assert paper.get_filename() == "answer.pdf"
    assert sql("SELECT counted, subject, body, sender, attachments FROM reply") == [
        (True, "", "", "", None)
    ]
    # Someone else to whom the office passed the address is passed on, and no office's answer.
    answer(app, to, "Call me.", sender="a@stranger.example")
    deliver()
    stranger = passed_on(smtp)[1]
    assert "Answer, but not from the office’s address" in str(stranger.message["Subject"])
    assert "no address at dot.example" in text_of(stranger)
    page = answered_here.get(DESK).get_data(as_text=True)
    assert "Secretary of Tests" in page
    assert sql(
        "SELECT name, sum(delta) FROM journal WHERE starts_with(name, 'replies') GROUP BY 1 ORDER BY 1"
    ) == [("replies.after", 1), ("replies.answered", 1), ("replies.received", 1)]


def test_the_report_says_when_half_of_the_answers_were_there_and_recount_agrees(
    answered_here: Any,
    writer: Writer,
    confirm: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
    cli: Any,
) -> None:
    from campaign.counts import commands as counters

    for name, hours in (("ana", 2), ("ben", 4), ("cy", 9), ("dee", 200)):
        writer.send(f"{name}@people.example")
        confirm(f"{name}@people.example")
        deliver()
        sql(f"UPDATE delivery SET finished_at = now() - interval '{hours} hours 1 minute'")
        newest = smtp.to("secretary@dot.example")[-1].message
        for n in range(2):
            answer(app, str(newest["Reply-To"]).strip("<>"), f"Answer {n} to {name}.")
    with app.app_context():
        counters.fold()
    page = answered_here.get(DESK).get_data(as_text=True)
    assert re.search(r"Half of the first answers within.*6 hours", page, re.S)
    assert sql("SELECT after_hours FROM reply ORDER BY id") == [
        (2,), (None,), (4,), (None,), (9,), (None,), (192,), (None,)
    ]  # fmt: skip
    agrees = cli("recount")
    assert agrees.exit_code == 0, agrees.output
    assert "no rows to compare: inbound.reply" in agrees.output
    sql("UPDATE counter SET value = value + 1 WHERE name = 'replies.after'")
    assert "replies.after (campaign 1, 1:4): 1 rows, the counter says 2" in cli("recount").output
    assert cli("recount", "--fix").exit_code == 0
    assert cli("recount").exit_code == 0


def test_answers_of_all_kinds_of_mail_programs_keep_their_words(
    answered_here: Any, writer: Writer, confirm: Any, deliver: Any, smtp: Any, app: Any, sql: Any
) -> None:
    """HTML alone with a text file beside it; a ticket system's mark; a sender who cannot be answered."""
    writer.send()
    confirm()
    deliver()
    to = str(smtp.to("secretary@dot.example")[0].message["Reply-To"]).strip("<>")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Clerk <clerk@dot.example>", to, "Re: your letter"
    mail.set_content("<p>Dear Ana,</p><p>We have<br>read it.</p>", subtype="html")
    mail.add_attachment("what a file says", filename="notice.txt")
    receive(app, to, mail)
    answer(app, to, "By hand.", X_Auto_Response_Suppress="All")
    answer(app, to, "From nowhere.", sender="clerk..x@dot.example")
    answer(app, to, "Case 7.", sender="no-reply@dot.example", Reply_To="case-7@mail.dot.example")
    answer(app, to, "Lured away.", sender="no-reply@dot.example", Reply_To="x@stranger.example")
    deliver()
    sql("UPDATE delivery SET state = 'failed'")
    answer(app, to, "Another reader of the office.")
    deliver()
    # Which of them comes first is no promise: they leave by several connections.
    texts = [text_of(one) for one in passed_on(smtp)]
    assert len(texts) == 6
    for said, whom in (("Case 7.", "case-7@mail.dot"), ("Lured away.", "no-reply@dot")):
        (mail,) = [one for one in passed_on(smtp) if said in text_of(one)]
        assert mail.message["Reply-To"].addresses[0].addr_spec == f"{whom}.example"
    for said in (
        "Dear Ana,\n\nWe have\nread it.\n",
        "By hand.",
        "From nowhere.",
        "Another reader of the office.",
    ):
        assert sum(said in one for one in texts) == 1, said
    assert not any("what a file says" in one for one in texts)


def test_strangers_keep_no_answer_of_the_office_away_and_no_answer_vanishes_unseen(
    answered_here: Any, writer: Writer, confirm: Any, deliver: Any, smtp: Any, app: Any
) -> None:
    writer.send()
    confirm()
    deliver()
    to = str(smtp.to("secretary@dot.example")[0].message["Reply-To"]).strip("<>")
    for n in range(20):
        assert answer(app, to, f"Stranger {n}.", sender="x@stranger.example") == "done"
    assert answer(app, to, "One more.", sender="x@stranger.example") == "full"
    for n in range(20):
        assert answer(app, to, f"Office {n}.") == "done"
    assert answer(app, to, "One more of the office.") == "full"
    assert answer(app, to, "Office 3.", X_Again="yes") == "done"  # known: delivered twice
    deliver()
    texts = [text_of(one) for one in passed_on(smtp)]
    assert len(texts) == 40 and not any("One more" in one for one in texts)
    assert "the first 20 are passed on" in answered_here.get(DESK).text
    (last,) = [one for one in texts if "Office 19." in one]
    assert "this is the last one passed on" in last
    assert sum("this is the last one" in one for one in texts) == 2


def test_an_answer_that_is_only_a_scan_is_passed_on_and_a_long_one_says_that_it_was_cut(
    answered_here: Any, writer: Writer, confirm: Any, deliver: Any, smtp: Any, app: Any
) -> None:
    writer.send(language="/es")
    confirm()
    deliver()
    to = str(smtp.to("secretary@dot.example")[0].message["Reply-To"]).strip("<>")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "clerk@dot.example", to, "<scan@dot.example>"
    mail.add_attachment(
        b"%PDF-1.7", maintype="application", subtype="pdf", filename="../\u202escan.pdf"
    )
    assert receive(app, to, mail) == "done"
    answer(app, to, "Many words. " * 5000)
    deliver()
    scan, long = sorted(
        smtp.to("ana@people.example")[1:], key=lambda one: len(one.message.as_bytes())
    )
    assert [one.get_filename() for one in scan.message.iter_attachments()] == ["scan.pdf"]
    assert "La respuesta era más larga" in text_of(long) and len(text_of(long)) < 51_000


def test_words_are_kept_where_the_writer_agreed_until_they_are_deleted(
    answered_here: Any,
    writer: Writer,
    confirm: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
    client: Any,
) -> None:
    from campaign.supporters import erasing

    writer.send()
    link = re.search(r'href="([^"]*/me/[^"#]+)', confirm().get_data(as_text=True))
    deliver()
    assert link and "may keep what offices answer" in client.get(link[1]).get_data(as_text=True)
    assert client.post(f"{link[1]}/letters/1/wishes", data={"keep": "1"}).status_code == 303
    (letter,) = smtp.to("secretary@dot.example")
    answer(app, str(letter.message["Reply-To"]).strip("<>"))
    deliver()
    assert "We have read it." in answered_here.get(DESK).get_data(as_text=True)
    # Who takes the yes back has what was kept forgotten, and not only hidden; what is under way still arrives.
    answer(app, str(letter.message["Reply-To"]).strip("<>"), "The second answer.")
    assert client.post(f"{link[1]}/letters/1/wishes", data={}).status_code == 303
    words = "SELECT body <> '', sender <> '' FROM reply ORDER BY id"
    assert sql(words) == [(False, False), (True, True)]
    deliver()
    assert any("The second answer." in text_of(one) for one in passed_on(smtp))
    assert sql(words) == [(False, False)] * 2
    assert client.post(f"{link[1]}/letters/1/wishes", data={"keep": "1"}).status_code == 303
    answer(app, str(letter.message["Reply-To"]).strip("<>"), "The third answer.")
    deliver()
    assert sql(words)[2] == (True, True)
    with app.app_context():
        erasing.erase(1)
    assert sql("SELECT DISTINCT body FROM reply") == [("",)]


def test_without_a_way_in_answers_go_straight_to_the_writer(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any, staff: Any
) -> None:
    desk = staff("organizer")
    assert "set MAIL_INBOUND_DOMAIN" in desk.get(DESK).get_data(as_text=True)
    post(desk, "/desk/campaigns/test/targets", DESK, here="1")
    writer.send()
    confirm()
    deliver()
    (letter,) = smtp.to("secretary@dot.example")
    assert letter.message["Reply-To"].addresses[0].addr_spec == "ana@people.example"


def test_the_writer_is_told_once_when_every_office_has_it(
    writer: Writer, office: Any, confirm: Any, deliver: Any, smtp: Any, sql: Any, client: Any
) -> None:
    office(role="Secretary of Paper", channel="packet")
    writer.send(language="/es")
    link = re.search(r'href="([^"]*/me/[^"#]+)', confirm().get_data(as_text=True))
    assert link
    assert client.post(f"{link[1]}/letters/1/wishes", data={"tell": "1"}).status_code == 303
    deliver()
    told = [one for one in smtp.to("ana@people.example") if "entregada" in one.message["Subject"]]
    assert sql("SELECT state FROM delivery ORDER BY id") == [("sent",), ("waiting",)]
    assert told == []
    with client.application.app_context():
        from datetime import date

        from campaign.papers import commands, making

        (number,) = commands.begin_packet(2, 1, "an organizer")
        assert making.make_next()
        assert commands.hand_over(number, date(2026, 11, 24), "an organizer", "")
    client.post(f"{link[1]}/letters/1/wishes", data={"tell": "1"})
    deliver()
    (mail,) = [
        one for one in smtp.to("ana@people.example") if "entregada" in one.message["Subject"]
    ]
    assert "Secretary of Paper" in text_of(mail) and "/es/me/" in text_of(mail)


def test_the_writer_is_told_also_when_the_last_two_offices_have_it_at_the_same_moment(
    app: Any, writer: Writer, office: Any, confirm: Any, sql: Any
) -> None:
    import threading

    from campaign.extensions import db
    from campaign.letters import drip
    from campaign.mail import leases, states
    from campaign.mail.streams import STREAMS

    office(role="Undersecretary of Tests")
    writer.send(tell="y")
    confirm()

    def arrived(message_id: int) -> None:
        states.move("sent", "m.id = :id", {"id": message_id}, old=("leased",))

    def other() -> None:
        with app.app_context():
            arrived(claimed[1].id)
            db.session.commit()

    with app.app_context():
        drip.sweep()
        claimed = leases.claim(STREAMS["letters"]).rows
        arrived(claimed[0].id)
        second = threading.Thread(target=other)
        second.start()
        second.join(0.5)
        db.session.commit()
        second.join(10)
    assert sql("SELECT DISTINCT state FROM delivery") == [("sent",)]
    assert sql("SELECT count(*) FROM message WHERE origin = 'letter_done'") == [(1,)]


def test_what_a_writer_wishes_is_asked_with_the_letter_and_shown_before_it_is_confirmed(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any, sql: Any, client: Any, campaign_id: int
) -> None:
    page = writer.open()
    assert "may become a public record: please leave out whatever could put you" in page
    assert 'name="tell"' in page and 'name="named"' not in page and 'name="keep"' not in page
    assert not re.search(r'name="tell"[^>]*checked', page)
    sql(
        "INSERT INTO petition (campaign_id, slug, agency, document_id, comment_opens, comment_closes) "
        "VALUES (1, 'dot', 'DOT', 'DOT-2026-0001-0002', current_date - 1, current_date + 9)"
    )
    assert "My name may stand in the public docket (DOT-2026-0001-0002)" in writer.open()
    shown = writer.send(tell="y", named="y", action="preview").get_data(as_text=True)
    assert re.search(r'type="hidden" name="tell" value="y"', shown)
    assert re.search(r'type="hidden" name="named" value="y"', shown) and 'name="keep"' not in shown
    assert writer.send(tell="y", named="y").status_code == 303
    assert writer.send("ben@people.example").status_code == 303
    assert sql("SELECT tell_when_done, named_in_public, keep_replies FROM letter ORDER BY id") == [
        (True, True, False),
        (False, False, False),
    ]
    deliver()
    link = next(one for one in smtp.to("ana@people.example")[-1].links() if "/confirm/" in one)
    waits = client.get("/" + link.split("://", 1)[1].partition("/")[2]).get_data(as_text=True)
    assert "You get a message once every office has it." in waits
    assert "Your name may stand in a public docket." in waits
    confirm()
    deliver()
    assert any("Secretary of Tests" in text_of(one) for one in smtp.to("ana@people.example")[1:])
