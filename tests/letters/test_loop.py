"""The way of a letter: form, confirmation, drip, office, receipt; through HTTP and SMTP alone."""

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup

from campaign import config, create_app
from tests.letters.conftest import BODY, Writer, form_token, own_page, text_of

pytestmark = pytest.mark.main_flow


def test_a_confirmed_letter_reaches_the_office_as_the_writer_saw_it(
    writer: Writer, confirm: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    answer = writer.send()
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/c/test/letter/sent")
    deliver()
    assert not smtp.to("secretary@dot.example"), "nothing leaves before the writer has confirmed"
    page = confirm()
    assert page.status_code == 200
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    message = mail.message
    assert message["From"].addresses[0].display_name == "Ana Ruiz via Test Coalition"
    assert message["From"].addresses[0].addr_spec == "campaign@coalition.example"
    assert message["Reply-To"] == "ana@people.example"
    assert message["Subject"] == "Please let people wait in freedom"
    text = text_of(mail)
    assert text.startswith("Dear Secretary Del Toro:\n\nI am writing because my grandmother")
    assert "Sincerely,\n\nAna Ruiz\nIL 60604" in text
    assert "My grandmother" not in text and "locked door" in mail.html()
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 1)]


def test_a_confirmation_mail_carries_no_word_of_the_form(
    writer: Writer, smtp: Any, deliver: Any
) -> None:
    writer.send()
    deliver()
    (mail,) = smtp.to("ana@people.example")
    whole = mail.text() + mail.html() + str(mail.message)
    for word in ("Ruiz", "grandmother", "freedom"):
        assert word not in whole


def test_two_presses_of_the_button_make_one_letter(
    writer: Writer, confirm: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    token = form_token(writer.open())
    writer.send(token=token)
    writer.send(token=token)
    assert sql("SELECT count(*) FROM letter") == [(1,)]
    confirm()
    confirm()
    assert writer.send(token=token).status_code == 303
    deliver()
    assert len(smtp.to("secretary@dot.example")) == 1
    assert sql("SELECT state FROM letter") == [("confirmed",)]


def test_what_someone_reads_before_confirming_cannot_change_under_their_hand(
    writer: Writer, sql: Any
) -> None:
    """A cached form is the same for many people: whoever has it and an address must not write over a letter."""
    token = form_token(writer.open())
    writer.send(token=token)
    writer.send(token=token, body=BODY + " And something else.")
    assert sql("SELECT body FROM letter ORDER BY id") == [(BODY,), (BODY + " And something else.",)]


def test_counts_say_what_the_rows_say(writer: Writer, confirm: Any, deliver: Any, app: Any) -> None:
    from campaign.counts import queries as counts

    writer.send()
    writer.send("ben@people.example", given_name="Ben")
    confirm("ana@people.example")
    deliver()
    with app.app_context():
        assert counts.states("letters", campaign_id=1) == {"confirmed": 1, "unconfirmed": 1}
        assert counts.states("deliveries", campaign_id=1) == {"sent": 1}
        assert counts.total("supporters.joined", 1) == 1


def test_a_spanish_letter_goes_as_it_is_with_a_note(
    demo: Any, client: Any, confirm: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    sql(
        "UPDATE target SET opens = '00:00', closes = '00:00', days = '{1,2,3,4,5,6,7}', per_hour = NULL"
    )
    writer = Writer(client, "wait-in-freedom")
    page = writer.open(language="/es")
    assert "Le escribo acerca de las personas" in page
    assert "¿Por qué es importante para usted?" in page
    own = "Mi abuela esperó dos años detrás de una puerta cerrada. Les pido que dejen esperar en libertad a todos."
    writer.send(language="/es", body=own, subject="Libertad mientras esperan")
    confirm()
    deliver()
    for address in ("secretary@dhs.example", "director@ice.dhs.example", "attorney.general@doj.example",
                    "director@eoir.doj.example"):  # fmt: skip
        (mail,) = smtp.to(address)
        text = text_of(mail)
        assert text.startswith("De mi mayor consideración:\n\nMi abuela")
        assert "Atentamente,\n\nAna Ruiz" in text
        assert "This letter is written in Spanish." in text
        assert ("Seguridad Nacional" in text) == ("dhs" in address)


def test_preview_shows_each_office_its_letter_and_sends_nothing(
    demo: Any, client: Any, sql: Any
) -> None:
    writer = Writer(client, "wait-in-freedom")
    page = writer.send(action="preview").get_data(as_text=True)
    assert "Dear Secretary Napolitano:" in page
    assert "Dear Attorney General Holder:" in page
    assert "Dear Director:" in page, "EOIR's office is vacant"
    assert page.count("my grandmother waited") >= 4
    assert "I ask the Department of Justice to grant" in page
    assert "I ask the Department of Homeland Security to grant" in page
    assert "Ana Ruiz via National Immigrant Justice Center" in page
    assert "ana@people.example" in page
    assert sql("SELECT count(*) FROM letter") == [(0,)]


def test_preview_then_edit_then_send_loses_nothing(writer: Writer, sql: Any) -> None:
    preview = writer.send(action="preview", consent="y", source="kind-partner").get_data(
        as_text=True
    )
    token = form_token(preview)
    page = writer.send(token=token, action="edit", source="kind-partner").get_data(as_text=True)
    assert "my grandmother waited" in page and 'value="Ruiz"' in page
    writer.send(token=token, consent="y", source="kind-partner")
    assert sql("SELECT consents, source, own_share FROM letter") == [(True, "kind-partner", 1.0)]


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(
    writer: Writer, sql: Any
) -> None:
    answer = writer.send(
        email="not an address", subject="STOP THIS NOW PLEASE", body="See https://a.example https://b.example www.c.example",
        family_name="",
    )  # fmt: skip
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for text in (
        "capitals",
        "2 links at most",
        "should look like name@example.org",
        "Please write your family name",
    ):
        assert text in page
    assert (
        "STOP THIS NOW PLEASE" in page and "https://a.example" in page and "not an address" in page
    )
    assert sql("SELECT count(*) FROM letter") == [(0,)]


def test_text_that_hides_something_is_refused(writer: Writer, sql: Any) -> None:
    hidden = ("\x08", "\u202e", "\u206e", "\ufff9", "\U000e0041\U000e0042")
    for body in (*(BODY + one for one in hidden), "a" * 6000, "short", "word " * 50):
        assert writer.send(body=body).status_code == 422, body[-9:]
    where = writer.send(body=BODY + "\n\nGod bless you\x0ball.").get_data(as_text=True)
    assert "after “God bless you” that we cannot send" in where
    assert writer.send(given_name="Ana\r\nBcc: x@y.example").status_code == 422
    assert sql("SELECT count(*) FROM letter") == [(0,)]


def test_what_scripts_and_emoji_need_stays_in_a_letter(writer: Writer, sql: Any) -> None:
    body = (
        BODY
        + " \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 👩\u200d👧 שלום\u200f (a) می\u200cخواهم"
    )
    assert writer.send(body=body).status_code == 303
    assert sql("SELECT body FROM letter") == [(body,)]


def test_a_separator_of_lines_or_paragraphs_is_a_line_or_a_paragraph(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    body = f"{BODY}\u2028A line of its own.\u2029A paragraph of its own."
    shown = writer.send(action="preview", body=body).get_data(as_text=True)
    assert "\nA line of its own.</p>" in shown and ">A paragraph of its own.</p>" in shown
    writer.send(body=body)
    confirm()
    deliver()
    said = text_of(smtp.to("secretary@dot.example")[-1])
    assert "\nA line of its own.\n\nA paragraph of its own.\n\n" in said.replace("\r\n", "\n")
    assert sql("SELECT body FROM letter") == [
        (f"{BODY}\nA line of its own.\n\nA paragraph of its own.",)
    ]
    # On one line there is no place for one.
    assert writer.send("ben@people.example", subject="A subject\u2028of two").status_code == 422


def test_one_message_for_one_body_that_is_too_short_or_too_long(writer: Writer) -> None:
    for body, said in (("No.", "at least 40"), ("word " * 1100, "499 characters too long: 5,000")):
        page = writer.send(body=body).get_data(as_text=True)
        assert said in page
        assert "a few sentences" not in page


def test_a_language_without_blanks_between_words_is_a_language(writer: Writer) -> None:
    body = "我叫安娜,住在芝加哥。我的表弟在牢房里等了两年,法官才听他的案子。请让人们在自由中等待。谢谢您。"
    assert writer.send(subject="请让人们在自由中等待", body=body).status_code == 303


def test_errors_are_listed_in_the_order_of_the_page(writer: Writer) -> None:
    blank = dict.fromkeys(("subject", "body", "given_name", "family_name", "email"), "")
    page = BeautifulSoup(writer.send(**blank).get_data(as_text=True), "html.parser")
    listed = [link["href"].removeprefix("#") for link in page.select("#errors a")]
    fields = [
        one["name"] for one in page.select("main input, main textarea") if "name" in one.attrs
    ]
    assert len(listed) == len(blank)
    assert listed == [name for name in fields if name in listed]


def test_while_the_database_is_away_a_letter_keeps_its_words(
    writer: Writer, environment: dict[str, str]
) -> None:
    token = form_token(writer.open())
    away = create_app(
        config.load(environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    )
    page = Writer(away.test_client()).send(token=token, given_name="Zoila")
    assert page.status_code == 503
    assert "Zoila" in page.text and "locked door before a judge" in page.text


@pytest.mark.parametrize(
    ("channel", "how"),
    [
        ("email", ""),
        ("digest", "Gets the day’s letters together, in one message"),
        ("packet", "Gets letters on paper, handed over by a person"),
    ],
)
def test_the_writer_sees_how_the_letter_reaches_each_office(
    writer: Writer, sql: Any, channel: str, how: str
) -> None:
    sql("UPDATE target SET channel = %s", channel)
    form, preview = writer.open(), writer.send(action="preview").get_data(as_text=True)
    assert ("as your own message" in form) == (channel == "email")
    assert how in form and how in preview
    assert ("Gets" in form) == ("Gets" in preview) == bool(how)


def test_own_page_names_agencies_and_says_the_day_where_the_campaign_is(
    writer: Writer, confirm: Any, client: Any, sql: Any
) -> None:
    writer.send()
    own = own_page(confirm())
    sql("UPDATE letter SET confirmed_at = '2026-11-26 01:30+00'")
    page = client.get(own).get_data(as_text=True)
    assert "Secretary of Tests, DOT" in page
    assert re.search("Confirmed on <time[^>]*>November 25, 2026<", page), (
        "it is evening in New York"
    )
