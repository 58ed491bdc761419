"""A letter that comes back: its office pauses by itself, the others go on, and a person lets it go on."""

import email
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mail.inbound import letters as mails
from tests.mail.server import DROP, SmtpServer
from tests.working import csrf_token, post

DOMAIN = "in.coalition.example"


@pytest.fixture
def come_in(app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An inbound domain, and mail for it: ``come_in(address, raw)``."""
    from campaign.mail.inbound import receiving
    from campaign.mail.inbound.incoming import Incoming

    monkeypatch.setitem(app.config, "MAIL_INBOUND_DOMAIN", DOMAIN)

    def run(address: str, raw: bytes) -> None:
        with app.app_context():
            assert receiving.receive(Incoming(raw, "", address, "smtp")) is receiving.DONE

    return run


@pytest.fixture
def live(app: Any, smtp: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    """A mail server that breaks connections where a test says so."""
    server = SmtpServer()
    monkeypatch.setitem(app.config, "MAIL_PORT", server.port)
    yield server
    server.close()


def test_an_office_whose_address_returns_mail_pauses_by_itself(
    come_in: Any, office: Any, campaign_id: int, letters: Any, smtp: Any, deliver: Any, staff: Any, sql: Any,
) -> None:  # fmt: skip
    office()
    office("Director of Tests")
    letters(1)
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert mail.sender.startswith("bounce+") and mail.sender.endswith(f"@{DOMAIN}")
    assert mail.sender != smtp.to("director@dot.example")[0].sender
    come_in(mail.sender, mails.dsn(mail.sender, diagnostic="smtp; 550 5.1.1 <b>No such office</b>"))
    letters(1, first=2)
    deliver()
    rows = "SELECT target_id, state FROM delivery ORDER BY target_id, id"
    assert sql(rows) == [(1, "failed"), (1, "waiting"), (2, "sent"), (2, "sent")]
    assert sql("SELECT paused, paused_reason FROM target ORDER BY id") == [
        (True, "A letter came back: 550 5.1.1 <b>No such office</b>"), (False, ""),
    ]  # fmt: skip
    desk = staff("organizer")
    page = desk.get("/desk/").get_data(as_text=True)
    assert "Nothing leaves to the Secretary of Tests" in page
    assert "&lt;b&gt;No such office" in page and "<b>No such" not in page
    assert 'action="/desk/targets/1/resume"' in page
    answer = desk.post("/desk/targets/1/resume", data={"csrf_token": csrf_token(page)})
    assert answer.status_code == 303
    deliver()
    assert sql(rows)[:2] == [(1, "failed"), (1, "sent")]


def test_what_may_have_arrived_goes_once_more_as_the_same_message(
    come_in: Any,
    office: Any,
    campaign_id: int,
    letters: Any,
    live: Any,
    deliver: Any,
    staff: Any,
    sql: Any,
) -> None:
    """A person's word makes a new row of the ledger; its Message-ID is the first one's, and finds the row that left."""
    office()
    letters(1)
    to = "secretary@dot.example"
    live.script = lambda step, recipient: DROP if (step, recipient) == ("dot", to) else None
    deliver()
    assert sql("SELECT state FROM delivery") == [("uncertain",)]
    live.script = lambda step, recipient: None
    page = "/desk/deliveries?state=uncertain"
    post(staff("organizer"), page, "/desk/deliveries", id="1", action="again", state="uncertain")
    deliver()
    arrived = [email.message_from_bytes(got.raw) for got in live.got if got.recipient == to]
    first, second = (mail["Message-ID"] for mail in arrived)
    assert first == second
    assert sql("SELECT state FROM delivery") == [("sent",)]
    come_in(f"complaints@{DOMAIN}", mails.arf(f"Message-ID: {first}"))
    rows = """SELECT m.state, s.scope FROM message m LEFT JOIN suppression s ON s.message_id = m.id
        WHERE m.stream = 'letters' ORDER BY m.id"""
    assert sql(rows) == [("cancelled", None), ("sent", "letters")]


def test_an_office_that_complains_goes_on_only_when_an_administrator_says_so(
    come_in: Any, office: Any, campaign_id: int, letters: Any, smtp: Any, deliver: Any, staff: Any, sql: Any,
) -> None:  # fmt: skip
    office()
    letters(1)
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    come_in(f"complaints@{DOMAIN}", mails.arf(f"Message-ID: {mail.message['Message-ID']}"))
    letters(1, first=2)
    deliver()
    assert sql("SELECT state FROM delivery ORDER BY id") == [("sent",), ("waiting",)]
    assert sql("SELECT paused FROM target") == [(True,)]
    desk = staff("organizer")
    token = csrf_token(desk.get("/desk/").get_data(as_text=True))
    answer = desk.post("/desk/targets/1/resume", data={"csrf_token": token}, follow_redirects=True)
    assert "an administrator lifts that first" in answer.get_data(as_text=True)
    assert sql("SELECT paused FROM target") == [(True,)]


def test_a_digest_that_comes_back_goes_again_without_what_its_writer_took_back(
    come_in: Any, office: Any, campaign_id: int, letters: Any, smtp: Any, deliver: Any, staff: Any, sql: Any, app: Any,
) -> None:  # fmt: skip
    from campaign.papers import daily

    def send() -> None:
        with app.app_context():
            assert daily.send_now(1, "an organizer").letters
        deliver()

    office(channel="digest")
    letters(3)
    send()
    (mail,) = smtp.to("secretary@dot.example")
    come_in(mail.sender, mails.dsn(mail.sender, diagnostic="smtp; 550 5.1.1 No such office"))
    assert sql("SELECT paused_reason FROM target") == [
        ("A digest came back: 550 5.1.1 No such office",)
    ]
    sql("UPDATE letter SET state = 'withdrawn', taken_back_at = now() WHERE id = 2")
    sql("UPDATE letter SET state = 'held' WHERE id = 3")
    desk = staff("organizer")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    data = {"csrf_token": csrf_token(page)}
    answer = desk.post("/desk/targets/1/again", data=data, follow_redirects=True)
    assert "1 letter waits again" in answer.get_data(as_text=True)
    assert sql("SELECT state FROM delivery ORDER BY id") == [("waiting",), ("failed",), ("held",)]
    desk.post("/desk/targets/1/resume", data=data)
    send()
    assert [str(one.message["Subject"])[:8] for one in smtp.to("secretary@dot.example")] == [
        "3 letter", "1 letter"
    ]  # fmt: skip
