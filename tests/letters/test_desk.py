"""The desk: templates, letters and deliveries, used as an organizer uses them."""

import re
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import text

from campaign.letters import confirming
from campaign.letters.stating import REASONS
from tests.letters.conftest import Writer, text_of
from tests.working import post


def test_an_organizer_sets_a_campaign_up(
    client: Any, campaign_id: int, office: Any, staff: Any, sql: Any
) -> None:
    office()
    office("Director of Tests")
    desk = staff("organizer")
    post(desk, "/desk/campaigns/test/targets", targets=["2"], urgent="y")
    assert sql("SELECT target_id, urgent FROM campaign_target") == [(2, True)]
    assert "missing" in desk.get("/desk/campaigns/test/templates").get_data(as_text=True)
    texts = {
        "subject_en": "A suggested subject", "body_en": "These are suggested words that a writer starts from today.",
        "request_en": "We ask you to grant the petition.", "prompts_en": "Why does it matter?\nWhom do you know?",
        "request_es": "Le pedimos que acceda.", "salutation_es": "De mi consideración",
        "subject_es": "Un asunto sugerido", "body_es": "Estas son las palabras sugeridas para quien escribe hoy.",
    }  # fmt: skip
    wrong = post(desk, "/desk/campaigns/test/templates/DOT", **{**texts, "subject_en": ""})
    assert wrong.status_code == 422
    assert post(desk, "/desk/campaigns/test/templates/DOT", **texts).status_code == 303
    page = client.get("/c/test/letter").get_data(as_text=True)
    assert (
        "A suggested subject" in page
        and "suggested words that a writer" in page
        and "Whom do you know?" in page
    )
    assert "Un asunto sugerido" in client.get("/es/c/test/letter").get_data(as_text=True)
    assert desk.get("/desk/campaigns/test/templates/NASA").status_code == 404


def test_a_long_directory_is_chosen_from_agency_by_agency(
    campaign_id: int, office: Any, staff: Any, sql: Any
) -> None:
    office()
    sql(
        "INSERT INTO target (agency, role, email, opens, closes, days, created_at)"
        " SELECT 'STATE ' || mod(n, 2), 'Office ' || n, '', '09:00', '17:00', '{1}', now() FROM generate_series(1, 24) n"
    )
    desk = staff("organizer")
    page = desk.get("/desk/campaigns/test/targets").get_data(as_text=True)
    assert page.count('<details class="fold">') == 2 and "STATE 0 (12)" in page
    assert page.index("Secretary of Tests") < page.index("<details")
    post(desk, "/desk/campaigns/test/targets", targets=["1", "5"])
    assert sql("SELECT target_id FROM campaign_target ORDER BY position") == [(1,), (5,)]


def test_what_was_kept_here_is_not_told_as_accepted(
    writer: Writer, confirm: Any, staff: Any, sql: Any
) -> None:
    sql("UPDATE target SET paused = true")
    writer.send()
    confirm()
    sql("UPDATE delivery SET state = 'sent', captured = true, finished_at = now()")
    desk = staff("organizer")
    for path in ("/desk/letters/1", "/desk/deliveries?state=sent"):
        assert "kept in the practice inbox" in desk.get(path).get_data(as_text=True)
    assert "accepted by the office" not in desk.get("/desk/letters/1").get_data(as_text=True)


def test_letters_are_found_held_released_and_rejected(
    writer: Writer, confirm: Any, staff: Any, smtp: Any, deliver: Any, sql: Any, client: Any
) -> None:
    sql("UPDATE target SET paused = true")
    writer.send()
    own = confirm().get_data(as_text=True)
    writer.send("ben@people.example", given_name="Ben", family_name="Okafor")
    confirm("ben@people.example")
    desk = staff("organizer")
    page = post(desk, "/desk/letters", q="oka", state="").get_data(as_text=True)
    assert "ben@people.example" in page and "ana@people.example" not in page
    page = post(desk, "/desk/letters", q="ANA@", state="confirmed").get_data(as_text=True)
    assert "ana@people.example" in page and "ben@people.example" not in page
    assert post(desk, "/desk/letters/1", "/desk/letters/1/hold").status_code == 422, "why?"
    assert sql("SELECT state FROM letter WHERE id = 1") == [("confirmed",)], "a reason is needed"
    post(desk, "/desk/letters/1", "/desk/letters/1/hold", reason="Names a child")
    post(desk, "/desk/letters/2", "/desk/letters/2/reject", reason="Threatens someone")
    assert "Threatens someone" in desk.get("/es/desk/letters/2").get_data(as_text=True)
    for usual, es in (
        (confirming.EARLIER_HAD_LEFT, "Ya había salido"),
        (str(REASONS[0]), "No trata"),
    ):
        sql("UPDATE letter SET decision = %s WHERE id = 2", usual)
        assert es in desk.get("/es/desk/letters/2").get_data(as_text=True)
    sql("UPDATE target SET paused = false")
    deliver()
    assert not smtp.to("secretary@dot.example")
    assert "Names a child" in desk.get("/desk/letters/1").get_data(as_text=True)
    post(desk, "/desk/letters/1", "/desk/letters/1/release")
    deliver()
    (mail,) = smtp.to("secretary@dot.example")
    assert "Ana Ruiz" in text_of(mail)
    assert "/me/" in own
    for decision in ("hold", "reject"):
        answer = post(desk, "/desk/letters", f"/desk/letters/1/{decision}", reason="Too late")
        assert "changed meanwhile" in answer.get_data(as_text=True)
    assert sql("SELECT state FROM letter WHERE id = 1") == [("confirmed",)], "every office has it"
    assert ">Reject<" not in desk.get("/desk/letters/1").get_data(as_text=True)


def test_failed_deliveries_go_again_or_are_given_up(
    writer: Writer, confirm: Any, staff: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    smtp.answer = lambda address: "554 5.7.1 Blocked" if "dot.example" in address else "250 OK"
    writer.send()
    confirm()
    deliver()
    desk = staff("organizer")
    page = desk.get("/desk/deliveries").get_data(as_text=True)
    assert "5.7.1 Blocked" in page
    smtp.answer = lambda address: "250 OK"
    assert (
        post(
            desk,
            "/desk/deliveries?state=failed",
            "/desk/deliveries",
            id="1",
            action="again",
            state="failed",
        ).status_code
        == 303
    )
    deliver()
    assert not smtp.to("secretary@dot.example"), "the office is still paused"
    post(desk, "/desk/targets/1", "/desk/targets/1/resume")
    deliver()
    assert len(smtp.to("secretary@dot.example")) == 1
    assert sql("SELECT state, round FROM delivery") == [("sent", 1)]
    sql("UPDATE delivery SET state = 'failed'")
    post(
        desk,
        "/desk/deliveries?state=failed",
        "/desk/deliveries",
        id="1",
        action="give_up",
        state="failed",
    )
    assert sql("SELECT state FROM delivery") == [("cancelled",)]


def test_who_wants_to_hear_the_end_hears_also_where_the_letter_does_not_go(
    writer: Writer, office: Any, confirm: Any, staff: Any, smtp: Any, deliver: Any
) -> None:
    office(role="Keeper of Tests")
    smtp.answer = lambda address: "554 5.7.1 Blocked" if "keeper" in address else "250 OK"
    writer.send(tell="y")
    confirm()
    deliver()
    assert "Your own page" not in text_of(smtp.to("ana@people.example")[-1])
    desk = staff("organizer")
    post(
        desk,
        "/desk/deliveries?state=failed",
        "/desk/deliveries",
        id="2",
        action="give_up",
        state="failed",
    )
    deliver()
    told = text_of(smtp.to("ana@people.example")[-1])
    assert "handed over to these offices" in told and "- Secretary of Tests (DOT)" in told
    assert "It does not go to: Keeper of Tests (DOT)." in told


@pytest.mark.parametrize(
    "path",
    ["/desk/letters", "/desk/letters/1", "/desk/deliveries", "/desk/campaigns/test/templates"],
)
def test_these_pages_are_the_organizers(writer: Writer, staff: Any, client: Any, path: str) -> None:
    writer.send()
    assert client.get(path).status_code == 302
    assert staff("lead").get(path).status_code == 403
    assert staff("administrator").get(path).status_code == 200


def test_a_campaigns_letters_are_leafed_through_in_every_state(
    staff: Any, campaign_id: int, sql: Any, writer: Writer
) -> None:
    writer.send()
    sql(
        "INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name, postal_code,"
        " subject, body, created_at) SELECT campaign_id, supporter_id, 's' || n,"
        " (ARRAY['unconfirmed', 'rejected', 'replaced', 'withdrawn'])[1 + mod(n, 4)], 'en', 'A', 'B', '', 'S', 'B', now()"
        " FROM letter, generate_series(1, 120) n"
    )
    desk = staff("organizer")
    seen: list[list[int]] = []
    path = first = f"/desk/letters?state=&campaign={campaign_id}"
    while path:
        page = desk.get(path).get_data(as_text=True)
        seen.append([int(n) for n in re.findall(r'href="/desk/letters/(\d+)"', page)])
        older = re.search(r'name="before" value="(\d+)">Next', page)
        path = f"{first}&before={older[1]}" if older else ""
    assert [len(one) for one in seen] == [50, 50, 21]
    shown = list(chain.from_iterable(seen))
    assert shown == sorted(shown, reverse=True)
    back = desk.get(f"{first}&after={seen[1][0]}")
    assert re.findall(r'href="/desk/letters/(\d+)"', back.get_data(as_text=True)) == [
        str(n) for n in seen[0]
    ]


def test_what_a_person_says_and_a_sweep_in_the_same_moment_wait_for_each_other(
    writer: Writer, confirm: Any, staff: Any, smtp: Any, deliver: Any, sql: Any, app: Any
) -> None:
    """The sweep has the message and comes for the delivery: nobody must have that and come for the message."""
    import threading

    from campaign.extensions import db
    from campaign.mail import states

    writer.send()
    confirm()
    smtp.answer = lambda address: "451 4.7.1 later"
    deliver()
    origin = "m.origin = 'delivery'"
    with app.app_context():
        states.move("leased", origin, {}, old=("deferred",))
        states.move("uncertain", origin, {}, old=("leased",))
        db.session.commit()
    desk = staff("organizer")
    page = "/desk/deliveries?state=uncertain"
    desk.get(page)
    said: list[Any] = []
    person = threading.Thread(
        target=lambda: said.append(post(desk, page, "/desk/deliveries", id="1", action="arrived"))
    )
    with app.app_context():
        db.session.execute(text("SELECT id FROM message WHERE origin = 'delivery' FOR UPDATE"))
        person.start()
        person.join(0.7)
        states.move("queued", origin, {}, old=("uncertain",))
        db.session.commit()
    person.join(10)
    assert [one.status_code for one in said] == [303]
    assert sql("SELECT state FROM delivery") == [("queued",)], "the sweep was first"


@pytest.mark.parametrize(
    ("action", "state", "ends"),
    [("again", "held", "sent"), ("give_up", "held", "cancelled"), ("arrived", "uncertain", "sent")],
)
def test_a_delivery_that_is_stuck_has_a_way_out(
    writer: Writer, confirm: Any, staff: Any, smtp: Any, deliver: Any, sql: Any, app: Any,
    action: str, state: str, ends: str,
) -> None:  # fmt: skip
    """Held since it could not be written, or uncertain: whatever staff say ends what the mail ledger has of it too."""
    from campaign.extensions import db
    from campaign.mail import states

    writer.send(tell="y")
    confirm()
    smtp.answer = lambda address: "451 4.7.1 later"
    deliver()
    with app.app_context():
        origin = "m.origin = 'delivery'"
        if state == "held":
            reason = "hold_reason = 'render'"
            states.move("held", origin, {}, set_=reason, old=("deferred",))
        else:
            states.move("leased", origin, {}, old=("deferred",))
            due = "next_attempt_at = now() + interval '30 minutes'"
            states.move("uncertain", origin, {}, set_=due, old=("leased",))
        db.session.commit()
    smtp.answer = lambda address: "250 OK"
    assert sql("SELECT state FROM delivery") == [(state,)]
    desk = staff("organizer")
    page = f"/desk/deliveries?state={state}"
    by_itself = "It goes again by itself" in desk.get(page).get_data(as_text=True)
    assert by_itself == (state == "uncertain")
    post(desk, page, "/desk/deliveries", id="1", action=action, state=state)
    deliver()
    assert sql("SELECT state FROM delivery") == [(ends,)]
    assert sql("SELECT DISTINCT state FROM message WHERE origin = 'delivery' ORDER BY 1") == (
        [("cancelled",), ("sent",)] if action == "again" else [("cancelled",)]
    )
    assert len(smtp.to("secretary@dot.example")) == (action == "again")
    told = [one for one in smtp.to("ana@people.example") if "handed over" in one.message["Subject"]]
    assert len(told) == (ends == "sent")
