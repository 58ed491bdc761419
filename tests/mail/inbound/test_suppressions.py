"""The desk's list of addresses that are not mailed, the rules of lifting, and refusals while mail is handed over."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from campaign.mail import bounces, suppressions
from campaign.mail.answers import Answer
from tests.mail.inbound.conftest import Sent
from tests.working import csrf_token

URL = "/desk/suppressions"


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "severity"),
    [
        (550, "5.1.1", "no such user", "hard"),
        (550, None, "No such user here", "hard"),
        (550, None, "", "hard"),
        (554, "5.2.1", "mailbox disabled", "hard"),
        (556, None, "domain takes no mail", "hard"),
        (None, "5.1.3", "the address is not one that mail can go to", "hard"),
        (550, "5.4.1", "Recipient address rejected: Access denied", "hard"),
        (552, "5.2.2", "over quota", "soft"),
        (550, None, "The mailbox is full", "soft"),
        (554, "5.7.1", "Message rejected as spam by content scanner", "soft"),
        (550, None, "blocked by our policy, see dnsbl", "soft"),
        (554, None, "transaction failed", "soft"),
        (450, "4.2.0", "greylisted", "soft"),
        (None, "4.4.7", "delivery time expired", "soft"),
        (550, "5.7.1", "Relaying denied", "ours"),
        (553, None, "sender address rejected: not owned by user", "ours"),
        (552, "5.3.4", "message too big", "soft"),
        (554, "5.6.7", "SMTPUTF8 is needed", "ours"),
        (550, "5.1.8", "Sender address rejected: Domain not found", "ours"),
        (550, None, "Verification failed for sender: address does not exist", "ours"),
        (554, "5.7.1", "Recipient address rejected: blocked by policy", "soft"),
        (550, "5.2.1", "The user is receiving mail at a rate that prevents more", "soft"),
        (550, "5.1.1", "account is overquota", "soft"),
        (554, None, "This user doesn't have a yahoo.com account", "hard"),
        (553, "5.3.0", "Addressee unknown", "hard"),
        (530, "5.7.0", "Must issue STARTTLS, authentication required", "ours"),
    ],
)
def test_what_an_answer_says_of_an_address(
    code: int | None, enhanced: str | None, text: str, severity: str
) -> None:
    assert bounces.severity(Answer(code, enhanced, text, None)) == severity


def test_what_a_server_refuses_while_mail_is_handed_over_goes_by_the_same_rules(
    receiving_app: Any, smtp: Any, sql: Any, suppressed: Any
) -> None:
    from campaign.extensions import db
    from campaign.mail import compose, jobs, ledger
    from tests.mail.conftest import render

    compose.register_origin("test", render)
    answers = {"a@there.example": "550 5.1.1 No such user", "b@there.example": "552 5.2.2 Full"}
    smtp.answer = lambda to: answers.get(to, "250 OK")
    drafts = [
        ledger.Draft("test", n, to, "en", 7)
        for n, to in enumerate(("a@there.example", "b@there.example", "c@there.example"))
    ]
    ledger.enqueue("alerts", drafts)
    db.session.commit()
    jobs.deliver("alerts")
    assert suppressed() == [("a@there.example", "alerts", "hard-bounce")]
    assert sql("SELECT kind, address FROM inbound_event ORDER BY 1") == [
        ("hard", ""), ("soft", "b@there.example"),
    ]  # fmt: skip
    (mail,) = smtp.arrived
    assert mail.sender.startswith("bounce+3-") and mail.sender.endswith("@in.coalition.example")
    # The next message to the address does not leave.
    ledger.enqueue("alerts", [ledger.Draft("test", 9, "A@there.example", "en", 8)])
    db.session.commit()
    jobs.deliver("alerts")
    assert sql("SELECT state FROM message WHERE origin_id = 8") == [("cancelled",)]


def press(desk: Any, path: str, **data: str) -> str:
    """Sends a form of the list's and follows; the page's text."""
    token = csrf_token(desk.get(URL).get_data(as_text=True))
    answer = desk.post(path, data={"csrf_token": token, **data}, follow_redirects=True)
    return str(answer.get_data(as_text=True))


def test_the_list_says_why_and_who_may_lift_it(
    app: Any, staff: Any, suppressed: Any, sql: Any
) -> None:
    from campaign.extensions import db

    reasons = ("hard-bounce", "complaint", "unsubscribed", "person")
    with app.app_context():
        for n, reason in enumerate(reasons):
            note = "550 <script>alert(1)</script> gone" if not n else ""
            suppressions.suppress(f"p{n}@there.example", "alerts", reason, 41, note)
        suppressions.suppress("office@agency.example", "letters", "complaint", 42)
        db.session.commit()
    desk = staff("organizer")
    page = desk.get(URL).get_data(as_text=True)
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    assert "No. 41" in page and "The address does not exist" in page
    assert [f"{URL}/{n}/lift" in page for n in (1, 2, 3, 4)] == [True, False, False, True]
    press(desk, f"{URL}/1/lift")
    for number in (2, 3):
        assert "not yours to lift" in press(desk, f"{URL}/{number}/lift", why="because")
    left = ["office@agency.example", *(f"p{n}@there.example" for n in (1, 2, 3))]
    assert [one[0] for one in suppressed()] == left
    found = desk.post(URL, data={"csrf_token": csrf_token(page), "q": "P3"})
    assert "p3@there" in found.get_data(as_text=True) and "p1@there" not in found.get_data(
        as_text=True
    )
    admin = staff("administrator")
    for number in (2, 3):
        assert "not yours to lift" in press(admin, f"{URL}/{number}/lift", why="because")
    # An office's complaint about letters is another thing.
    assert "not yours to lift" in press(desk, f"{URL}/5/lift", why="they wrote to us")
    page = press(admin, f"{URL}/5/lift", why=" ")
    assert re.search(r'id="why5-error"[^>]*>Please say why\.', page)
    press(admin, f"{URL}/5/lift", why="they wrote to us")
    assert sql("SELECT lifted_by FROM suppression WHERE id = 5") == [
        ("administrator@staff.example: they wrote to us",)
    ]
    assert "they wrote to us" in admin.get(f"{URL}?state=lifted").get_data(as_text=True)
    assert admin.get(f"{URL}").status_code == 200
    press(desk, f"{URL}/add", email="Call@There.example", why="asked by telephone")
    assert ("call@there.example", "alerts", "person") in suppressed()
    assert "Email" in press(desk, f"{URL}/add", email="no address", why="x")


def test_a_complaint_survives_a_sign_up_and_every_other_lifting(
    receiving_app: Any, suppressed: Any
) -> None:
    from campaign.extensions import db
    from campaign.supporters import commands
    from tests.working import an_organization

    suppressions.suppress("ana@there.example", "alerts", "unsubscribed")
    suppressions.suppress("ana@there.example", "alerts", "complaint")
    assert not suppressions.lift("ana@there.example", "alerts", "anyone")
    db.session.commit()
    person = commands.ensure_supporter("ana@there.example")
    commands.give_consent(person, commands.Agreement(an_organization(), "yes"))
    assert suppressed() == [("ana@there.example", "alerts", "complaint")]


@pytest.mark.parametrize("reason", ["unsubscribed", "erased", "complaint"])
def test_what_a_person_asked_for_takes_the_place_of_a_bounce(
    reason: str, receiving_app: Any, staff: Any, suppressed: Any
) -> None:
    from campaign.extensions import db

    suppressions.suppress("ana@there.example", "alerts", "hard-bounce", 41)
    suppressions.suppress("ana@there.example", "alerts", reason)
    suppressions.suppress("ana@there.example", "alerts", "soft-bounces", 42)
    suppressions.suppress("ana@there.example", "alerts", "person")
    db.session.commit()
    assert suppressed() == [("ana@there.example", "alerts", reason)]
    assert "not yours to lift" in press(staff("organizer"), f"{URL}/1/lift")


def test_after_lifting_soft_bounces_count_anew(
    sent: Callable[..., Sent], suppressed: Any, staff: Any
) -> None:
    from campaign.extensions import db

    full = Answer(552, "5.2.2", "full", None)
    for n in range(9):
        message = sent()
        bounces.returned(bounces.Sent(message.id, "alerts", message.address), full, "smtp")
        db.session.commit()
        if n == 4:
            assert suppressed() == [(message.address, "alerts", "soft-bounces")]
            suppressions.lift(message.address, "alerts", "an organizer")
            db.session.commit()
    assert suppressed() == []
