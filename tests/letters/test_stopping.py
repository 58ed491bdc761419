"""Pausing, resuming and cancelling a campaign's letters, and a whole stream, from the desk and the command line."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from campaign.clock import utcnow
from tests.working import a_campaign, asked, csrf_token, pages


def waiting_letters(campaign_id: int, n: int) -> None:
    """``n`` confirmed letters of a campaign to one office that is always open."""
    from sqlalchemy import text

    from campaign.extensions import db
    from campaign.letters import deliveries

    run = db.session.execute
    run(text("INSERT INTO supporter (email, created_at, confirmed_at) SELECT campaign || 'w' || n || '@people.example', now(), now()"
             " FROM (SELECT CAST(:c AS text) AS campaign) c, generate_series(1, :n) n"), {"n": n, "c": campaign_id})  # fmt: skip
    run(text("INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name, postal_code,"
             " subject, body, created_at, confirmed_at) SELECT :c, id, 's' || id, 'confirmed', 'en', 'A', 'B', '60604',"
             " 'Subject', 'Body', now(), now() FROM supporter WHERE email LIKE :like"),
        {"c": campaign_id, "like": f"{campaign_id}w%"})  # fmt: skip
    run(text("INSERT INTO target (agency, role, email, opens, closes, days, created_at)"
             " SELECT 'A', 'Office', 'a@office.example', '00:00', '00:00', '{1,2,3,4,5,6,7}', now()"
             " WHERE NOT EXISTS (SELECT FROM target)"))  # fmt: skip
    run(
        text("INSERT INTO campaign_target (campaign_id, target_id) SELECT :c, id FROM target"),
        {"c": campaign_id},
    )
    for letter_id in db.session.scalars(
        text("SELECT id FROM letter WHERE campaign_id = :c"), {"c": campaign_id}
    ).all():
        deliveries.open_for(letter_id, campaign_id)
    db.session.commit()


def test_a_paused_campaigns_letters_wait_and_the_others_leave(
    app: Flask, cli: Callable[..., Any], deliver: Callable[[], None], sql: Callable[..., Any]
) -> None:
    from campaign.letters import drip

    with app.app_context():
        first, second = a_campaign("first"), a_campaign("second")
        waiting_letters(first, 3)
        waiting_letters(second, 2)
        assert len(drip.sweep()) == 5  # the ledger has them, and gives them back
    assert cli("pause", "letters:first").exit_code == 0
    with time_machine.travel(utcnow() + timedelta(minutes=2)):
        deliver()
        states = "SELECT campaign_id, state, count(*) FROM delivery GROUP BY 1, 2 ORDER BY 1"
        assert sql(states) == [(first, "waiting", 3), (second, "sent", 2)]
        assert cli("resume", "letters:first", "--json").exit_code == 0
        with app.app_context():
            assert len(drip.sweep()) == 3
    assert cli("cancel", "letters:first").exit_code == 0
    with time_machine.travel(utcnow() + timedelta(minutes=5)):
        deliver()
        with app.app_context():
            drip.sweep()
    assert sql(states) == [(first, "cancelled", 3), (second, "sent", 2)]
    for arguments in (
        ("resume", "letters:first"),
        ("pause", "letters:first"),
        ("pause", "letters:nowhere"),
    ):
        assert cli(*arguments).exit_code == 1


def test_a_cancelled_campaign_costs_a_sweep_nothing_however_many_letters_there_are(
    app: Flask, sql: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.letters import stopping

    monkeypatch.setattr(stopping, "CHUNK", 10)

    with app.app_context():
        first, second = a_campaign("first"), a_campaign("second")
        for one in (first, second):
            waiting_letters(one, 1)
        stopping.cancel(first, "someone")
        assert sql("SELECT campaign_id, state FROM delivery ORDER BY id") == [
            (first, "cancelled"),
            (second, "waiting"),
        ]
        for campaign_id, state in ((first, "sent"), (second, "waiting")):
            sql(
                "INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name,"
                " postal_code, subject, body, created_at) SELECT %s, s.id, %s || n, 'rejected', 'en', 'A', 'B', '60604',"
                " 'S', 'B', now() FROM generate_series(1, 10000) n, (SELECT min(id) AS id FROM supporter) s",
                campaign_id, state,
            )  # fmt: skip
            sql(
                "INSERT INTO delivery (letter_id, target_id, campaign_id, state) SELECT l.id, t.id, campaign_id, %s"
                " FROM letter l, target t WHERE l.state = 'rejected' AND campaign_id = %s",
                state, campaign_id,
            )  # fmt: skip
        sql("ANALYZE delivery")
        with asked() as statements:
            stopping.carry_on()
        (looked,) = (one for one in statements if "WITH picked" in one[0])
        touched, plan = pages(*looked)
    assert touched < 50, plan


def test_the_desk_pauses_lets_go_on_and_cancels(
    app: Flask, staff: Callable[..., Any], sql: Callable[..., Any]
) -> None:
    with app.app_context():
        campaign_id = a_campaign()
    client = staff("organizer")
    url = "/desk/letters/campaigns"
    page = client.get(url).get_data(as_text=True)
    token = csrf_token(page)

    def press(action: str, **more: str) -> str:
        answer = client.post(
            f"{url}/{campaign_id}/{action}",
            data={"csrf_token": token, **more},
            follow_redirects=True,
        )
        return str(answer.get_data(as_text=True))

    assert "Let letters go on" in press("pause")
    assert "Pause the letters" in press("resume")
    assert "Tick the box" in press("cancel")
    assert "Cancelled" in press("cancel", sure="1")
    assert "for good" in press("resume")
    assert sql("SELECT action FROM mail_order") == [("cancel",)]


def test_the_desk_pauses_a_stream_and_shows_domains_that_defer(
    app: Flask, staff: Callable[..., Any], cli: Callable[..., Any], sql: Callable[..., Any]
) -> None:
    from campaign.mail import domains

    with app.app_context():
        domains.pause("slow.example", "<b>too much</b>")
    client = staff("administrator")
    assert "slow.example</strong>: &lt;b&gt;too much" in client.get("/desk/delivery").get_data(
        as_text=True
    )
    token = csrf_token(client.get("/desk/delivery").get_data(as_text=True))
    # While it is paused the desk's home and the doctor say so.
    said_by: dict[str, tuple[bool, bool]] = {}
    for action, said in (("pause", "Let it go on"), ("resume", "Pause it")):
        answer = client.post(
            f"/desk/delivery/alerts/{action}", data={"csrf_token": token}, follow_redirects=True
        )
        assert said in answer.get_data(as_text=True)
        home = staff("organizer").get("/desk/").get_data(as_text=True)
        said_by[action] = (
            "Action alerts are paused" in home,
            "alerts paused" in cli("doctor").output,
        )
    assert said_by == {"pause": (True, True), "resume": (False, False)}
    assert sql("SELECT count(*) FROM mail_order") == [(0,)]


def test_the_desk_cancels_what_waits_of_a_stream(
    app: Flask, staff: Callable[..., Any], cli: Callable[..., Any], sql: Callable[..., Any]
) -> None:
    with app.app_context():
        for slug in ("first", "second"):
            waiting_letters(a_campaign(slug), 2)
    client = staff("administrator")
    token = csrf_token(client.get("/desk/delivery").get_data(as_text=True))

    def press(stream: str, **more: str) -> str:
        data = {"csrf_token": token, **more}
        answer = client.post(f"/desk/delivery/{stream}/cancel", data=data, follow_redirects=True)
        return str(answer.get_data(as_text=True))

    assert "Tick the box" in press("letters")
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("waiting", 4)]
    assert "never leaves" in press("letters", sure="1")
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("cancelled", 4)]
    sql("INSERT INTO alert (campaign_id, organization_id, state, created_at, name, subject, preheader, body, audience, recipients, version, expanded)"
        " SELECT c.id, o.id, 'sending', now(), 'x', '{}', '{}', '{}', '{}', 0, 1, true FROM campaign c, organization o LIMIT 1")  # fmt: skip
    assert cli("cancel", "alerts", "--yes").exit_code == 0
    assert sql("SELECT state FROM alert") == [("cancelled",)]
