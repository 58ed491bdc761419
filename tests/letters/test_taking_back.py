"""A writer takes a letter back: while it waits, while it is on its way, and where an office had it already."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine

from campaign.clock import utcnow
from tests.letters.conftest import Writer, own_page, wait_all
from tests.working import post

pytestmark = pytest.mark.main_flow


def test_the_writer_takes_a_letter_back(
    writer: Writer, confirm: Any, client: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    wait_all(sql)
    writer.send()
    url = own_page(confirm())
    page = client.get(url).get_data(as_text=True)
    assert "Take it back where it still waits" in page
    action = re.search(r'action="([^"]+/withdraw)"', page)
    assert action and client.get(action[1]).status_code == 405
    assert client.post(action[1]).status_code == 303
    sql("UPDATE target SET paused = false")
    deliver()
    assert not smtp.to("secretary@dot.example")
    assert "You took this letter back" in client.get(url).get_data(as_text=True)
    assert client.post(action[1]).status_code == 303, "pressed twice is no mistake"
    assert sql("SELECT state FROM letter") == [("withdrawn",)]


@pytest.mark.parametrize("answer", ["451 4.7.1 Later, please", "250 OK"])
def test_a_letter_taken_back_while_it_is_on_its_way_does_not_go_again(
    writer: Writer, confirm: Any, app: Any, smtp: Any, deliver: Any, sql: Any, answer: str
) -> None:
    writer.send()
    url = own_page(confirm())
    action = f"{url}/letters/1/withdraw"
    pressed = []

    def press(address: str) -> str:
        if address != "secretary@dot.example":
            return "250 OK"
        if not pressed:
            pressed.append(app.test_client().post(action).status_code)
        return answer

    smtp.answer = press
    deliver()
    assert pressed == [303]
    assert sql("SELECT state FROM letter") == [("withdrawn",)]
    smtp.answer = lambda address: "250 OK"
    with time_machine.travel(utcnow() + timedelta(hours=2), tick=False):
        deliver()
    page = app.test_client().get(url).get_data(as_text=True)
    assert "You took this letter back" in page
    if answer.startswith("250"):
        assert len(smtp.to("secretary@dot.example")) == 1
        assert "Accepted by the office’s mail server" in page
    else:
        assert not smtp.to("secretary@dot.example")
        assert sql("SELECT state FROM delivery") == [("cancelled",)]


def test_what_is_taken_back_does_not_go_again_where_another_office_had_it(
    writer: Writer, office: Any, confirm: Any, app: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    """One office has the letter, at the second it is on its way and refused for now, at the third nobody knows."""
    from campaign.extensions import db
    from campaign.mail import states

    office(role="Director of Tests")
    office(role="Keeper of Tests")
    writer.send()
    url = own_page(confirm())
    pressed = []

    def press(address: str) -> str:
        if address.startswith("director"):
            if not pressed:
                pressed.append(app.test_client().post(f"{url}/letters/1/withdraw").status_code)
            return "451 4.7.1 Later, please"
        return "250 OK"

    smtp.answer = lambda address: "250 OK" if address.startswith("secretary") else "451 4.7.1 Later"
    sql("UPDATE target SET paused = id = 2")
    deliver()
    with app.app_context():
        keepers = "m.to_address = 'keeper@dot.example'"
        states.move("leased", keepers, {}, old=("deferred",))
        due = "next_attempt_at = now() + interval '30 minutes'"
        states.move("uncertain", keepers, {}, set_=due, old=("leased",))
        db.session.commit()
    smtp.answer = press
    sql("UPDATE target SET paused = false")
    deliver()
    assert pressed == [303]
    smtp.answer = lambda address: "250 OK"
    for hours in (2, 5):
        with time_machine.travel(utcnow() + timedelta(hours=hours), tick=False):
            deliver()
    assert [len(smtp.to(f"{who}@dot.example")) for who in ("secretary", "director", "keeper")] == [
        1, 0, 0,
    ]  # fmt: skip
    assert sql("SELECT state FROM delivery ORDER BY id") == [
        ("sent",), ("cancelled",), ("uncertain",),
    ]  # fmt: skip
    page = app.test_client().get(url).get_data(as_text=True)
    assert "You took this letter back" in page and "Take it back where" not in page


@pytest.fixture
def doubtful(writer: Writer, confirm: Any, app: Any, smtp: Any, deliver: Any) -> Any:
    """A letter whose message goes through ledger states one by one, from ``leased`` on; the address of its writer's page."""
    from campaign.extensions import db
    from campaign.mail import states

    def move(*path: str) -> None:
        with app.app_context():
            for old, new in pairwise(path):
                due = "next_attempt_at = now() + interval '30 minutes'"
                states.move(new, "m.origin = 'delivery'", {}, set_=due, old=(old,))
            db.session.commit()

    writer.send()
    smtp.answer = lambda address: "451 4.7.1 Later" if address.startswith("secretary") else "250 OK"
    url = own_page(confirm())
    deliver()
    smtp.answer = lambda address: "250 OK"
    move("deferred", "leased")
    return url, move


def told(client: Any, url: str, smtp: Any) -> None:
    """The writer reads that nobody knows, and nothing went once more."""
    page = client.get(url).get_data(as_text=True)
    assert "nobody knows whether it arrived" in page and "It is not tried again." in page
    assert "Not sent" not in page
    assert not smtp.to("secretary@dot.example")


def test_what_may_have_arrived_is_not_told_as_unsent_when_the_campaign_is_cancelled(
    doubtful: Any, client: Any, cli: Any, smtp: Any, deliver: Any, staff: Any, sql: Any
) -> None:
    url, move = doubtful
    move("leased", "uncertain")
    assert cli("cancel", "letters:test").exit_code == 0
    with time_machine.travel(utcnow() + timedelta(hours=2), tick=False):
        deliver()
        deliver()
    assert sql("SELECT state FROM delivery") == [("uncertain",)]
    told(client, url, smtp)
    # A person may give it up; that does not make it unsent.
    desk = staff("organizer")
    post(desk, "/desk/deliveries?state=uncertain", "/desk/deliveries", id=["1"], action="give_up")
    assert sql("SELECT state FROM delivery") == [("cancelled",)]
    told(client, url, smtp)
    assert "given up: not certain" in desk.get("/desk/letters/1").get_data(as_text=True)


def test_a_writer_reads_when_a_person_looks_into_it_and_that_a_person_found_out_not_who(
    doubtful: Any, client: Any, smtp: Any, deliver: Any, staff: Any, sql: Any
) -> None:
    from campaign.mail.settling import DOUBT

    url, move = doubtful
    move("leased", "uncertain")
    assert "It is tried once more at most" in client.get(url).get_data(as_text=True)
    sql(f"UPDATE message SET state = 'held', hold_reason = '{DOUBT}' WHERE origin = 'delivery'")
    page = client.get(url).get_data(as_text=True)
    assert "It is tried once more" not in page and "A person of the campaign looks into it." in page
    desk = staff("organizer")
    post(desk, "/desk/deliveries?state=uncertain", "/desk/deliveries", id=["1"], action="arrived")
    page = client.get(url).get_data(as_text=True)
    assert "A person of the campaign found out that the office has it." in page
    assert "organizer" not in page and "Accepted by the office" not in page
    data = client.get(f"{url}/data.json").get_json()
    assert "organizer" not in str(data) and "sent" in str(data)
    sql(
        "UPDATE delivery SET state = 'uncertain', answer = 'the connection broke before the server answered'"
    )
    for path in ("deliveries?state=uncertain", "letters/1"):
        assert "la conexión se cortó antes" in desk.get(f"/es/desk/{path}").text
    sql("UPDATE delivery SET state = 'sent', answer = 'ada@desk.example found out that it arrived'")
    assert "averiguó que llegó" in desk.get("/es/desk/letters/1").get_data(as_text=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ("leased", "uncertain")),  # the connection broke after the writer had taken it back
        (("leased", "uncertain", "queued"), ()),  # about to go once more
        (("leased", "uncertain", "queued", "leased", "deferred"), ()),  # once more, and refused
        (("leased", "uncertain", "cancelled"), ()),  # the office had closed meanwhile: it waits
    ],
)
def test_what_may_have_arrived_is_not_told_as_unsent_when_it_is_taken_back(
    doubtful: Any, client: Any, smtp: Any, deliver: Any, sql: Any, before: Any, after: Any
) -> None:
    url, move = doubtful
    sql("UPDATE target SET paused = true")
    move(*before)
    assert client.post(f"{url}/letters/1/withdraw").status_code == 303
    move(*after)
    sql("UPDATE target SET paused = false")
    for hours in (2, 5):
        with time_machine.travel(utcnow() + timedelta(hours=hours), tick=False):
            deliver()
    assert sql("SELECT state FROM delivery") == [("uncertain",)]
    told(client, url, smtp)
