"""Questions whose answers become the letter, and merge fields: nothing is written for anybody."""

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup

from campaign.letters import merging, tongue
from tests.letters.conftest import BODY, Writer, text_of
from tests.working import post

SUGGESTED = "These are the words that the campaign suggests to whoever does not know how to begin."
REQUEST = "I live in {state}. {holder}, please act for {agency}."


@pytest.fixture
def suggesting(writer: Writer, app: Any) -> Writer:
    from campaign.coalition.queries import campaign_by_slug
    from campaign.letters import suggesting as commands

    with app.app_context():
        campaign = campaign_by_slug("test")
        assert campaign
        texts = {
            "subject": {"en": "A request from {given_name}"}, "body": {"en": SUGGESTED},
            "request": {"en": REQUEST}, "salutation": {},
            "prompts": {"en": "Why does this matter to you?\nWhat have you seen?"},
        }  # fmt: skip
        commands.save(campaign.id, "DOT", texts)
    return writer


def body_of(answer: Any) -> str:
    return (
        BeautifulSoup(answer.get_data(as_text=True), "html.parser").select_one("#body").text.strip()
    )  # type: ignore[union-attr]  # it is there


def test_answers_become_the_letter(suggesting: Writer, sql: Any) -> None:
    page = suggesting.open()
    assert "Why does this matter to you?" in page and 'name="answer-2"' in page
    answers = {"answer-1": "My sister waits there.", "answer-2": "I saw the hall in March."}
    both = "My sister waits there.\n\nI saw the hall in March."
    made = suggesting.send(action="answers", body=SUGGESTED, **answers)
    assert made.status_code == 200
    assert body_of(made) == both, "the suggested words make room"
    assert 'value="Ana"' in made.get_data(as_text=True), "nothing typed is lost"
    assert body_of(suggesting.send(action="answers", body=BODY, **answers)) == f"{both}\n\n{BODY}"
    # Sent at once, the letter is shown first; looked at, it is looked at with the answers.
    unread = suggesting.send(body=SUGGESTED, **answers)
    assert body_of(unread) == both
    said = "Your answers are your letter now"
    assert said in unread.get_data(as_text=True) and said not in made.get_data(as_text=True)
    assert sql("SELECT count(*) FROM letter") == [(0,)]
    looked = suggesting.send(action="preview", body=SUGGESTED, **answers).get_data(as_text=True)
    assert "I saw the hall in March." in looked and SUGGESTED not in looked
    # The button that Enter presses, with nothing answered, is a look at the letter.
    assert "Your letter, as it arrives" in suggesting.send(action="answers").get_data(as_text=True)


def test_fields_are_put_in_before_the_writer_looks(
    suggesting: Writer, confirm: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    subject, body = (
        "A request from {given_name}",
        f"{BODY} I am {{given_name}} of {{state}}, {{7*7}}.",
    )
    looked = suggesting.send(action="preview", subject=subject, body=body).get_data(as_text=True)
    assert "A request from Ana" in looked and "I am Ana of IL, {7*7}." in looked
    assert "I live in IL. Carlos Del Toro, please act for DOT." in looked
    suggesting.send(subject=subject, body=body)
    confirm()
    deliver()
    mail = smtp.to("secretary@dot.example")[-1]
    assert "I am Ana of IL, {7*7}." in text_of(mail)
    assert "I live in IL. Carlos Del Toro, please act for DOT." in text_of(mail)
    assert sql("SELECT subject FROM letter") == [("A request from Ana",)]


def test_a_name_in_a_field_is_no_word_of_ones_own(suggesting: Writer, app: Any, sql: Any) -> None:
    from campaign.letters import suggesting as commands

    words = "Hello from {given_name} {family_name} of {state} {postal_code}. We ask you to let people wait in freedom."
    with app.app_context():
        texts: Any = {"subject": {"en": "A request"}, "body": {"en": words}}
        commands.save(1, "DOT", texts | {"request": {}, "salutation": {}, "prompts": {}})
    typed = {"body": words, "given_name": "Ana Lucia", "family_name": "Ruiz de la Torre"}
    looked = suggesting.send(action="preview", **typed).get_data(as_text=True)
    assert "0 percent of the words are your own" in looked
    filled = "Hello from Ana Lucia Ruiz de la Torre of IL 60604."
    again = BeautifulSoup(
        suggesting.send(action="edit", **typed | {"body": filled}).get_data(as_text=True),
        "html.parser",
    ).select_one("#letter-suggested")
    assert again and filled in again.text, "what the page counts by knows the name as well"
    suggesting.send(**typed)
    assert sql("SELECT own_share FROM letter") == [(0.0,)]


def test_unknown_fields_are_refused_at_the_desk(suggesting: Writer, staff: Any) -> None:

    path = "/desk/campaigns/test/templates/DOT"
    typed = {
        "subject_en": "A request from {given_name}", "body_en": SUGGESTED + " {holder}",
        "request_en": "Dear {nobody}, please act.", "prompts_en": "Why?", "salutation_en": "Dear {Surname}",
    }  # fmt: skip
    page = post(staff("organizer"), path, **typed)
    assert page.status_code == 422
    text = page.get_data(as_text=True)
    assert "There is no field {holder}" in text and "There is no field {nobody}" in text
    assert "There is no field {Surname}. These can be used here: {holder}, {surname}." in text
    for slip in ("{given_name.__class__}", "{given_name!r}", "{ given_name }", "{given name}"):
        page = post(staff("organizer"), path, **typed | {"body_en": f"{SUGGESTED} {slip}"})
        assert f"There is no field {slip}" in page.get_data(as_text=True)
    for slip in ("{given_name", "given_name}", "{given_name\nand more}"):
        page = post(staff("organizer"), path, **typed | {"body_en": f"{SUGGESTED} {slip}"})
        assert "A brace stands alone here" in page.get_data(as_text=True), slip


def test_merging_is_a_closed_list() -> None:
    values = {"given_name": "{state}", "state": ""}
    assert merging.merged("Hi {given_name} of {state}, {x} {given_name.__class__}", values) == (
        "Hi {state} of, {x} {given_name.__class__}"
    ), "what is put in is not read again, and there is no language to escape from"


NOUNS = (
    "Freedom. Dignity. Due process. Fair hearings. Legal counsel. Family unity. Medical care. Safe housing. Community "
    "support. Human rights. American values. Constitutional protections. Moral leadership. Common sense. Basic decency."
)


@pytest.mark.parametrize(
    ("words", "page", "says"),
    [
        (BODY, "en", ""),
        (BODY, "es", "Parts of this letter are written in Spanish."),
        (
            "Mi abuela esperó dos años detrás de una puerta cerrada. Les pido que dejen esperar en libertad.",
            "en",
            "This letter is written in Spanish.",
        ),
        # Short ones too, whose small words French has as well.
        (
            "Mi abuela esperó dos años detrás de una puerta cerrada antes de que la oyera un juez. Les pido que dejen "
            "esperar en libertad.",
            "en",
            "This letter is written in Spanish.",
        ),
        (
            "Me llamo Rosa. Llegué de Honduras a los quince años. Un juez me escuchó tres años después. Ese tiempo nadie "
            "me lo devuelve.",
            "en",
            "This letter is written in Spanish.",
        ),
        (
            "Mia nonna ha aspettato due anni dietro una porta chiusa prima che un giudice la ascoltasse. Vi chiedo di "
            "lasciare che la gente aspetti in libertà.",
            "en",
            "This letter is written in Italian.",
        ),
        (
            "Sunt asistentă. În fiecare săptămână văd mame care nu știu unde sunt copiii lor. Vă rog să schimbați această "
            "regulă cât mai curând.",
            "en",
            "This letter is written in a language other than English.",
        ),
        (
            "Grann mwen te tann dezan dèyè yon pòt fèmen. Tanpri kite moun yo tann nan libète.",
            "en",
            "This letter is written in Haitian Creole.",
        ),
        (
            "我的祖母在一扇锁着的门后等了两年。请让人们在自由中等待。",
            "en",
            "This letter is written in Chinese.",
        ),
        (
            "என் பாட்டி ஒரு நீதிபதி அவரைக் கேட்பதற்கு முன்பு இரண்டு ஆண்டுகள் காத்திருந்தார்.",
            "en",
            "This letter is written in Tamil.",
        ),
        (
            "Waxaan u qorayaa sababtoo ah ayeeyaday waxay laba sano ku sugaysay albaab xiran gadaashiis ka hor inta "
            "uusan garsooruhu dhegaysan. Qofna waa inuusan kiiskiisa ka diyaarin qol xabsi ah. Fadlan dadka u ogolaada.",
            "en",
            "This letter is written in a language other than English.",
        ),
        (
            "Ninaandika kwa sababu bibi yangu alisubiri miaka miwili nyuma ya mlango uliofungwa kabla ya hakimu "
            "kumsikiliza. Hakuna mtu anayepaswa kuandaa kesi yake akiwa gerezani. Tafadhali waruhusuni watu wasubiri.",
            "en",
            "This letter is written in a language other than English.",
        ),
        (
            "Ich schreibe Ihnen, weil meine Großmutter zwei Jahre hinter einer verschlossenen Tür gewartet hat, bevor "
            "ein Richter sie anhörte. Niemand sollte seinen Fall aus einer Gefängniszelle vorbereiten müssen.",
            "en",
            "This letter is written in a language other than English.",
        ),
        # Sure only: English without a small word is English.
        (NOUNS, "en", ""),
        (NOUNS, "es", "Parts of this letter are written in Spanish."),
        (
            "Cold floors, bright lights, no windows, no clocks, no calls home, no lawyers, no doctors, no sleep, no sun, "
            "no hope, no dates, no answers, just walls, locks, guards, forms, lines, waiting, waiting, waiting.",
            "en",
            "",
        ),
        (
            "Libertad. Dignidad. Debido proceso. Audiencias justas. Abogados. Unidad familiar. Atención médica. Vivienda "
            "segura. Apoyo comunitario. Derechos humanos. Valores. Protecciones. Liderazgo moral. Sentido común. Decencia básica. Madres. Padres. Hijos. Abuelas.",
            "en",
            "This letter is written in a language other than English.",
        ),
        ("Ojalá pronto.", "es", "This letter is written in Spanish."),
        ("Zut alors: xyzzy plugh.", "en", ""),
    ],
)
def test_the_note_names_the_language_of_the_words(words: str, page: str, says: str) -> None:
    assert tongue.note(words, page) == says


def test_a_letter_in_another_language_than_the_pages_carries_the_note(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any
) -> None:
    assert "with a note in English that says which it is" in writer.open()
    own = "Mi abuela esperó dos años detrás de una puerta cerrada. Les pido que dejen esperar en libertad."
    shown = writer.send(action="preview", body=own).get_data(as_text=True)
    assert "This letter is written in Spanish." in shown
    shown = writer.send(action="preview", body=NOUNS).get_data(as_text=True)
    assert "language other than English" not in shown and "Freedom." in shown
    writer.send(body=own)
    confirm()
    deliver()
    assert "This letter is written in Spanish." in text_of(smtp.to("secretary@dot.example")[-1])


def test_names_in_fields_do_not_make_a_letter_longer_than_letters_are(
    suggesting: Writer, sql: Any
) -> None:
    body = "We ask you all to let people wait in freedom now. " + "{given_name} " * 300
    for action in ("send", "preview"):
        answer = suggesting.send(given_name="A" * 80, body=body, action=action)
        assert answer.status_code == 422
        assert "too long" in answer.get_data(as_text=True)
        assert "{given_name} {given_name}" in answer.get_data(as_text=True)
    assert sql("SELECT count(*) FROM letter") == [(0,)]


@pytest.mark.parametrize(
    "program", ["{{ ''.__class__ }}", "{% for i in range(9**9) %}x{% endfor %}", "{{given_name}}"]
)
def test_a_template_holds_no_program(suggesting: Writer, staff: Any, program: str) -> None:
    typed = {
        "subject_en": "A request",
        "body_en": f"{SUGGESTED} {program}",
        "request_en": "Please act.",
    }
    page = post(staff("organizer"), "/desk/campaigns/test/templates/DOT", **typed)
    assert page.status_code == 422
    assert "single braces" in page.get_data(as_text=True)
    assert program not in suggesting.open()


def test_a_chinese_name_has_the_family_first_where_it_is_shown_and_where_it_arrives(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any, sql: Any, staff: Any
) -> None:
    sql("UPDATE holder SET name = '歐陽, 明月'")
    typed = {"given_name": "小明", "family_name": "王"}
    assert "王小明 via" in writer.send(action="preview", **typed).get_data(as_text=True)
    writer.send(**typed)
    confirm()
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert "王小明 via" in str(mail.message["From"])
    assert "\n\n王小明\n" in text_of(mail)
    desk = staff("organizer")
    assert "王小明" in desk.get("/desk/letters/1").get_data(as_text=True)
    assert "歐陽明月" in writer.open()


def test_a_letter_from_right_to_left_reads_so_where_it_is_written_and_where_it_arrives(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any
) -> None:
    assert re.search(r'<textarea[^>]*dir="auto"[^>]*name="body"', writer.open())
    own = "أكتب إليكم لأن جدتي انتظرت عامين خلف باب مغلق قبل أن يسمعها قاض. أرجو أن تدعوا الناس ينتظرون في حرية."
    shown = writer.send(action="preview", subject="دعوا الناس ينتظرون", body=own)
    assert f'<p dir="auto">{own}</p>' in shown.get_data(as_text=True)
    writer.send(subject="دعوا الناس ينتظرون", body=own)
    confirm()
    deliver()
    (letter,) = smtp.to("secretary@dot.example")
    assert f'<p dir="auto">{own}</p>' in letter.html()
    assert "This letter is written in the Arabic script." in text_of(letter)
