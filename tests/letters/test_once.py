"""One person writes once in a campaign: replacing, refusing, correcting, also all at once."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup

from campaign.clock import utcnow
from tests.letters.conftest import BODY, Writer, form_token, own_page, text_of, wait_all
from tests.working import post

pytestmark = pytest.mark.main_flow

NEW = BODY + " I have thought about it again."


def test_a_new_letter_takes_an_unsent_ones_place(
    writer: Writer, confirm: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    confirm()
    with time_machine.travel(_later(hours=2)):
        writer.send(body=NEW)
        page = confirm().get_data(as_text=True)
        assert "takes the place" in page
        assert sql("SELECT state FROM letter ORDER BY id") == [("replaced",), ("confirmed",)]
        assert sql("SELECT letter_id, state FROM delivery ORDER BY id") == [
            (1, "cancelled"),
            (2, "waiting"),
        ]
        sql("UPDATE target SET paused = false")
        deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert "thought about it again" in text_of(mail)


def test_a_letter_that_has_left_is_not_replaced(
    writer: Writer, confirm: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    writer.send()
    confirm()
    deliver()
    with time_machine.travel(_later(hours=2)):
        writer.send(body=NEW)
        page = confirm().get_data(as_text=True)
        assert "has left already" in page
        deliver()
    assert len(smtp.to("secretary@dot.example")) == 1
    assert sql("SELECT state FROM letter ORDER BY id") == [("confirmed",), ("rejected",)]


def test_after_the_time_for_second_thoughts_the_first_letter_stays(
    writer: Writer, confirm: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    confirm()
    with time_machine.travel(_later(hours=30)):
        writer.send(body=NEW)
        confirm()
    assert sql("SELECT state FROM letter ORDER BY id") == [("confirmed",), ("rejected",)]
    assert sql("SELECT letter_id, state FROM delivery") == [(1, "waiting")]


def test_of_two_letters_in_the_mail_one_is_chosen(writer: Writer, confirm: Any, sql: Any) -> None:
    writer.send()
    writer.send(body=NEW)
    unsaid = confirm(chosen="1").get_data(as_text=True)
    which = BeautifulSoup(unsaid, "html.parser").find("fieldset")
    beside = which.find(id=which["aria-describedby"]).get_text()
    assert "choose which one is yours" in beside and not which.find("input", checked=True)
    confirm(**{"chosen": "1", "act.letter-1": "letter:1"})
    assert sql("SELECT id, state FROM letter ORDER BY id") == [(1, "confirmed")]


def test_letters_to_choose_from_are_told_apart_by_ear(
    writer: Writer, client: Any, smtp: Any, deliver: Any
) -> None:
    writer.send(subject="The first one of mine")
    writer.send(subject="The second one of mine")
    deliver()
    link = next(one for one in smtp.to("ana@people.example")[-1].links() if "/confirm/" in one)
    page = client.get("/" + link.split("://", 1)[1].partition("/")[2]).get_data(as_text=True)
    found = BeautifulSoup(page, "html.parser").select("label[for^=act-letter]")
    labels = [" ".join(one.get_text().split()) for one in found]
    assert [re.search(r"“A test cause” \((\d) of 2, ", one)[1] for one in labels] == ["1", "2"]  # type: ignore[index]
    assert all(re.search(r", \d+:\d\d.[AP]M \S+\)$", one) for one in labels), labels


@pytest.mark.parametrize("letters", [1, 2])
def test_confirming_from_many_places_at_once_makes_one_letter(
    app: Any, writer: Writer, sql: Any, letters: int
) -> None:
    for n in range(letters):
        writer.send(body=f"{BODY} {n}")
    results: list[str] = []

    def press(number: int) -> None:
        from campaign.extensions import db
        from campaign.letters import confirming

        with app.app_context():
            gate.wait()
            results.append(confirming.confirm_in_transaction(number).result)
            db.session.commit()

    gate = threading.Barrier(6)
    threads = [threading.Thread(target=press, args=(n % letters + 1,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert sql("SELECT count(*) FROM letter WHERE state = 'confirmed'") == [(1,)]
    assert sql("SELECT count(*) FROM delivery WHERE state = 'waiting'") == [(1,)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'letters.confirmed'") == [(1,)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'deliveries.waiting'") == [(1,)]


def test_sending_from_many_windows_at_once_makes_one_row(
    app: Any, writer: Writer, sql: Any
) -> None:
    token = form_token(writer.open())

    def send() -> None:
        gate.wait()
        Writer(app.test_client()).send(token=token)

    gate = threading.Barrier(6)
    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sql("SELECT count(*) FROM letter") == [(1,)]
    assert sql("SELECT count(*) FROM supporter") == [(1,)]
    assert sql("SELECT count(*) FROM message WHERE stream = 'confirmations'") == [(1,)]


def test_the_writer_corrects_a_slip_while_it_waits(
    writer: Writer, confirm: Any, client: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    url = own_page(confirm())
    link = re.search(r'href="([^"]+/correct)"', client.get(url).get_data(as_text=True))
    assert link
    form = client.get(link[1]).get_data(as_text=True)
    token = form_token(form)
    data = {"form_token": token, "subject": "Let people wait in freedom", "body": "no"}
    assert client.post(link[1], data=data).status_code == 422
    signed = {**data, "body": f"{NEW} So {{given_name}} asks you."}
    assert client.post(link[1], data=signed).status_code == 303
    sql("UPDATE target SET paused = false")
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert "So Ana asks you." in text_of(mail)
    assert mail.message["Subject"] == "Let people wait in freedom"
    late = client.post(link[1], data={**data, "body": NEW})
    assert late.status_code == 409 and "It still waits" not in late.get_data(as_text=True)
    assert client.get(link[1]).status_code == 303, "no form for what cannot be changed"


def test_an_old_window_says_why_a_letter_is_not_corrected_any_more(
    writer: Writer, confirm: Any, client: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    url = own_page(confirm())
    correct = f"{url}/letters/1/correct"
    data = {
        "form_token": form_token(client.get(correct).get_data(as_text=True)),
        "subject": "Let people wait in freedom", "body": NEW,
    }  # fmt: skip
    assert client.post(f"{url}/letters/1/withdraw").status_code == 303
    late = client.post(correct, data=data)
    assert late.status_code == 409
    assert "You took this letter back: it can no longer be changed." in late.text
    assert "it has left for" not in late.text and NEW.split(".")[0] in late.text
    sql("UPDATE letter SET taken_back_at = NULL, state = 'rejected'")
    assert "This letter is not sent any more" in client.post(correct, data=data).text


def test_nobody_touches_anothers_letter(
    writer: Writer, confirm: Any, client: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    confirm()
    writer.send("ben@people.example")
    other = own_page(confirm("ben@people.example"))
    token = other.rsplit("/", 1)[1]
    assert client.post(f"/me/{token}/letters/1/withdraw").status_code == 404
    assert client.get(f"/me/{token}/letters/1/correct").status_code == 404
    assert client.get("/me/forged/letters/1/correct").status_code == 404


def test_who_deletes_everything_has_the_letter_taken_back(
    writer: Writer, confirm: Any, client: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    url = own_page(confirm())
    assert client.post(f"{url}/delete").status_code == 200
    sql("UPDATE target SET paused = false")
    deliver()
    assert not smtp.to("secretary@dot.example")
    assert sql("SELECT state, given_name, body FROM letter") == [("withdrawn", "", "")]
    assert sql("SELECT state FROM delivery") == [("cancelled",)]


def test_an_alerts_link_proves_the_address(
    app: Any, writer: Writer, confirm: Any, client: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    sql(
        "INSERT INTO supporter (email, given_name, created_at, confirmed_at) VALUES ('ana@people.example', 'Ana', now(), now())"
    )
    with app.app_context():
        from campaign.letters.links import act_token

        key = act_token(1, 7)
    answer = client.get(f"/c/test/letter?k={key}")
    page = answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "a•••@people.example" in page and "ana@people.example" not in page
    assert 'value="Ana"' in page and "Not you?" in page and 'name="email"' not in page
    token = form_token(page)
    for _ in range(2):
        answer = writer.send(token=token, k=key, email="")
        assert answer.status_code == 200
        thanks = answer.get_data(as_text=True)
        assert "/me/" not in thanks, "a forwarded alert opens nobody's page"
    deliver()
    assert not smtp.to("ana@people.example"), "no second confirmation"
    assert "/c/test/letter/own-page" in thanks
    client.post("/c/test/letter/own-page", data={"k": key})
    deliver()
    assert "/confirm/" in text_of(smtp.to("ana@people.example")[0])
    assert len(smtp.to("secretary@dot.example")) == 1
    assert sql("SELECT state, alert_id FROM letter") == [("confirmed", 7)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'alert.letters' AND part = '7'") == [
        (1,)
    ]


def test_an_alert_that_was_passed_on_changes_nobodys_record(
    app: Any, writer: Writer, client: Any, sql: Any
) -> None:
    with app.app_context():
        from campaign.letters.links import act_token
        from campaign.supporters import commands

        supporter_id = commands.ensure_supporter("ana@people.example")
        commands.confirm_person(supporter_id, commands.Person("Ana", "", "", "es"))
        commands.unsubscribe(supporter_id, None)
        key = act_token(supporter_id, 7)
    token = form_token(client.get(f"/c/test/letter?k={key}").get_data(as_text=True))
    typed = {"given_name": "Eve", "family_name": "Stone", "consent": "y", "email": ""}
    assert writer.send(token=token, k=key, **typed).status_code == 200
    assert sql("SELECT given_name, family_name, state FROM letter") == [
        ("Eve", "Stone", "confirmed")
    ]
    assert sql("SELECT given_name, family_name, postal_code, language FROM supporter") == [
        ("Ana", "Stone", "60604", "es")
    ]
    assert sql("SELECT lifted_at FROM suppression") == [(None,)]
    assert sql("SELECT count(*) FROM consent WHERE withdrawn_at IS NULL") == [(0,)]


def test_a_forged_or_old_key_is_no_key(app: Any, writer: Writer, client: Any) -> None:
    page = client.get("/c/test/letter?k=forged").get_data(as_text=True)
    assert 'name="email"' in page
    with app.app_context():
        from campaign.letters.links import act_token, read_act

        key = act_token(99, 1)
        assert read_act(key) is None, "nobody of this number"
    assert 'name="email"' in client.get(f"/c/test/letter?k={key}").get_data(as_text=True)


def _later(**delta: int) -> Any:

    return utcnow() + timedelta(**delta)


def test_a_correction_passes_the_rules_again_and_a_moderator_lets_go_what_was_read(
    writer: Writer,
    confirm: Any,
    client: Any,
    smtp: Any,
    deliver: Any,
    sql: Any,
    app: Any,
    staff: Any,
) -> None:
    from campaign.letters import moderation

    with app.app_context():
        moderation.save(moderation.Rules(words=("casino",)), by="an organizer")
    wait_all(sql)
    writer.send()
    url = own_page(confirm())
    link = re.search(r'href="([^"]+/correct)"', client.get(url).get_data(as_text=True))
    assert link

    def correct(body: str) -> None:
        token = form_token(client.get(link[1]).get_data(as_text=True))
        data = {"form_token": token, "subject": "Let people wait in freedom", "body": body}
        assert client.post(link[1], data=data).status_code == 303

    correct(f"{NEW} And visit my casino.")
    assert sql("SELECT state, hold_reason FROM letter") == [("held", "It contains “casino”.")]
    assert sql("SELECT state FROM delivery") == [("held",)]
    assert "reads this letter before it leaves" in client.get(url).get_data(as_text=True)
    desk = staff("organizer")
    read = desk.get("/desk/letters/1").get_data(as_text=True)
    seen = re.search(r'name="seen" value="([^"]+)"', read)
    assert seen and "my casino" in read
    correct(f"{NEW} And visit my other casino.")
    answer = post(desk, "/desk/letters/1", "/desk/letters/1/release", seen=seen[1])
    shown = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "has changed meanwhile" in shown
    assert "my other casino" in shown, "what is to be looked at again"
    post(desk, "/desk/letters/1", "/desk/letters/1/reject", seen=seen[1], reason="Casino")
    for decision in ("release", "reject"):
        many = {"id": ["1"], "decision": decision, "seen-1": seen[1], "reason": "Casino"}
        post(desk, "/desk/letters?state=held", "/desk/letters/decide", **many)
    assert sql("SELECT state FROM letter") == [("held",)]
    assert "stay as they are" in desk.get("/desk/letters").get_data(as_text=True)
    post(desk, "/desk/letters/1", "/desk/letters/1/release")
    sql("UPDATE target SET paused = false")
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert "my other casino" in text_of(mail)
    said = client.get(url).get_data(as_text=True)
    assert "Accepted by the office’s mail server" in said and "mail server said: 250" in said
