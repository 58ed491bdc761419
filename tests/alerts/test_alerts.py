"""An alert from the desk's form to the inbox, and what must never happen on the way."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from campaign.clock import utcnow
from tests.alerts.conftest import TEXTS, Organizer
from tests.mailbox import Mailbox

pytestmark = pytest.mark.main_flow


def test_an_alert_reaches_its_audience_once_each_in_their_language(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("Ana")
    person("Lucía", language="es")
    person("Silent", consents=False)
    alert = organizer.write()
    assert "2 people" in organizer.page(alert)
    organizer.do(alert, "schedule", when="now")
    deliver()
    deliver()
    assert sorted(mail.recipients[0] for mail in smtp.arrived) == [
        "ana@people.example",
        "lucía@people.example",
    ]
    english = smtp.to("ana@people.example")[0]
    assert english.message["Subject"] == "Will you write, Ana?"
    assert "Dear Ana," in english.text() and "Dear Ana," in english.html()
    assert english.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Test Coalition" in str(english.message["From"])
    spanish = smtp.to("lucía@people.example")[0]
    assert spanish.message["Subject"] == "¿Escribirá usted?"
    assert "/es/c/test/letter?k=" in spanish.text()
    # The line beside the subject was written in English alone.
    assert "A few lines will do." in english.html() and "A few lines" not in spanish.html()
    page = organizer.page(alert)
    assert "Sent" in page and "Accepted by the mail server" in page


def test_its_page_says_why_messages_were_refused(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    for name in ("Ana", "Bea", "Cleo", "Dora"):
        person(name)
    answers = {
        "ana": "550 5.1.1 <b>nobody</b>",
        "bea": "550 5.1.1 no mailbox",
        "cleo": "554 5.7.1 no",
    }
    smtp.answer = lambda recipient: answers.get(recipient.partition("@")[0], "250 OK")
    alert = organizer.write()
    organizer.do(alert, "schedule", when="now")
    deliver()
    deliver()
    page = organizer.page(alert)
    assert "2 people: 550 5.1.1 no mailbox" in page or "2 people: 550 5.1.1 &lt;b&gt;nobody" in page
    assert "1 person: 554 5.7.1 no" in page


def test_text_and_html_hold_the_same_link_and_the_way_out(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("Ana")
    organizer.do(organizer.write(), "schedule", when="now")
    deliver()
    mail = smtp.arrived[0]
    action = next(link for link in mail.links() if "/letter?k=" in link)
    stop = next(link for link in mail.links() if "/unsubscribe/" in link)
    assert f'href="{action}"' in mail.html() and f'href="{stop}"' in mail.html()
    assert "zqmerge" not in mail.html() + mail.text() and "{{" not in mail.html() + mail.text()
    assert stop in str(mail.message["List-Unsubscribe"])


def test_who_withdraws_before_it_leaves_does_not_get_it(
    app: Flask, organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    from campaign.alerts import sending
    from campaign.supporters import commands
    from tests.working import an_organization

    ana = person("Ana")
    person("Bo")
    alert = organizer.write()
    organizer.do(alert, "schedule", when="now")
    with app.app_context():
        sending.advance()
        commands.unsubscribe(ana, an_organization())
    deliver()
    assert [mail.recipients for mail in smtp.arrived] == [["bo@people.example"]]
    assert "Not sent" in organizer.page(alert)


def test_the_audience_follows_state_language_and_letters(
    organizer: Organizer, person: Any, campaign_id: int, app: Flask
) -> None:
    person("Chicago")
    person("Austin", postal_code="78701")
    person("Lucía", language="es")
    for changes, expected in (
        ({"states": "il"}, "2 people"),
        ({"states": "IL, TX"}, "3 people"),
        ({"audience_languages": "es"}, "1 person"),
        ({"wrote": "yes"}, "0 people"),
        ({"wrote": "any", "scope": "all"}, "3 people"),
        ({"tags": "volunteer"}, "0 people"),
    ):
        assert expected in organizer.page(organizer.write(**changes)), changes
    assert "Español: 1" in organizer.page(organizer.write(states="")), "by their names, not codes"


def test_a_test_message_goes_to_the_writer_in_every_language_and_to_nobody_else(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("Ana")
    alert = organizer.write()
    organizer.do(alert, "test")
    deliver()
    assert {mail.recipients[0] for mail in smtp.arrived} == {"organizer@staff.example"}
    assert sorted(str(mail.message["Subject"]) for mail in smtp.arrived) == [
        "[Test] Will you write, Organizer?",
        "[Test] ¿Escribirá usted?",
    ]
    assert "Draft" in organizer.page(alert)


def test_a_scheduled_alert_leaves_at_its_time_and_not_before(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("Ana")
    alert = organizer.write()
    leaves = utcnow() + timedelta(hours=5)
    local = leaves.astimezone(__import__("zoneinfo").ZoneInfo("America/New_York"))
    organizer.do(alert, "schedule", when="at", at=f"{local:%Y-%m-%dT%H:%M}")
    deliver()
    assert smtp.arrived == []
    with time_machine.travel(leaves + timedelta(minutes=2), tick=True):
        deliver()
    assert len(smtp.arrived) == 1


def test_an_alert_whose_time_passed_long_ago_asks_an_organizer(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None], app: Flask
) -> None:
    person("Ana")
    alert = organizer.write()
    organizer.do(alert, "schedule", when="now")
    with time_machine.travel(utcnow() + timedelta(hours=3), tick=True):
        deliver()
        assert smtp.arrived == []
        with app.app_context():
            from campaign.alerts import queries

            assert [one.name for one in queries.overdue()] == ["First week"]


def test_a_cancelled_alert_reaches_nobody_and_a_paused_one_goes_on_where_it_was(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None], app: Flask
) -> None:
    from campaign.alerts import sending

    for name in ("Ana", "Bo", "Cy"):
        person(name)
    cancelled, paused = organizer.write(name="One"), organizer.write(name="Two")
    for alert in (cancelled, paused):
        organizer.do(alert, "schedule", when="now")
    with app.app_context():
        sending.advance()
    organizer.do(cancelled, "cancel")
    organizer.do(paused, "pause")
    deliver()
    assert smtp.arrived == []
    organizer.do(paused, "resume")
    deliver()
    assert len(smtp.arrived) == 3
    assert "Cancelled" in organizer.page(cancelled)
    assert "Sent" in organizer.page(paused)


def test_an_alert_that_left_its_draft_cannot_be_changed(organizer: Organizer, person: Any) -> None:
    alert = organizer.write()
    page = organizer.client.get(f"{alert}/edit").get_data(as_text=True)
    seen = re.search(r'name="seen"[^>]*value="([^"]*)"', page)
    assert seen
    organizer.do(alert, "schedule", when="now")
    from tests.working import csrf_token

    data = {**TEXTS, "name": "Changed", "seen": seen.group(1), "csrf_token": csrf_token(page)}
    organizer.client.post(f"{alert}/edit", data=data)
    page = organizer.page(alert)
    assert "Changed" not in page and "take the alert back first" in page


def test_an_alert_that_has_begun_is_not_told_to_be_taken_back(
    organizer: Organizer, person: Any, deliver: Any
) -> None:
    person("Ana")
    alert = organizer.write()
    organizer.do(alert, "schedule", when="now")
    deliver()
    organizer.client.get(f"{alert}/edit")
    page = organizer.page(alert)
    assert "write another like it" in page and "take the alert back" not in page


def test_two_editors_do_not_overwrite_each_other(organizer: Organizer) -> None:
    alert = organizer.write()
    first = organizer.client.get(f"{alert}/edit").get_data(as_text=True)
    from tests.working import csrf_token

    def save(name: str, seen: str) -> Any:
        data = {**TEXTS, "name": name, "seen": seen, "csrf_token": csrf_token(first)}
        return organizer.client.post(f"{alert}/edit", data=data)

    assert save("Mine", "1").status_code == 302
    refused = save("Theirs", "1")
    assert refused.status_code == 422
    assert "Theirs" in refused.get_data(as_text=True)
    assert "Mine" in organizer.page(alert)


def test_mistakes_are_told_beside_their_field_and_nothing_typed_is_lost(
    organizer: Organizer,
) -> None:
    answer = organizer.post(
        "/desk/alerts/new?campaign=test",
        **{**TEXTS, "body_en": "Dear {{ nickname }}", "body_es": "", "states": "Texas"},
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "There is no merge field “nickname”" in page
    assert "“Texas” is not the two letters of a state." in page
    assert "Write both a subject and a text in Español" in page
    assert "Dear {{ nickname }}" in page


def test_a_name_cannot_become_markup(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("<b>Ana")
    organizer.do(organizer.write(), "schedule", when="now")
    deliver()
    assert "&lt;b&gt;Ana" in smtp.arrived[0].html()
    assert "Dear <b>Ana" in smtp.arrived[0].text()


def test_status_counts_alerts_by_state(
    organizer: Organizer, person: Any, cli: Any, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    person("Ana")
    organizer.write()
    organizer.do(organizer.write(name="Two"), "schedule", when="now")
    deliver()
    status = json.loads(cli("status", "--json").output)
    assert status["alerts"] == {"draft": 1, "sent": 1}
    assert status["outbox"]["alerts"] == {"sent": 1}
