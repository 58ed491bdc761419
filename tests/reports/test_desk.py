"""The desk's home, the delivery page, the coalition's name, and mail held after a restore."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.working import csrf_token


def text_of(me: FlaskClient, address: str) -> str:
    """The page, after folding what has happened."""
    from campaign.counts.commands import fold

    with me.application.app_context():
        fold()
    answer = me.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def send(me: FlaskClient, page: str, address: str, **data: Any) -> str:
    """Posts a form of ``page`` and follows the redirect."""
    token = csrf_token(me.get(page).get_data(as_text=True))
    answer = me.post(address, data={"csrf_token": token, **data}, follow_redirects=True)
    return answer.get_data(as_text=True)


def test_the_home_shows_what_needs_a_person(demo: Flask, staff: Any, sql: Any) -> None:
    sql(
        "UPDATE endorsement SET state = 'confirmed' WHERE id IN (SELECT id FROM endorsement LIMIT 2)"
    )
    sql("UPDATE target SET paused = true, paused_reason = 'mail came back' WHERE id = 1")
    sql("UPDATE target SET checked_on = NULL")
    sql("UPDATE alert SET state = 'overdue'")
    html = text_of(staff("organizer"), "/desk/")
    assert "2 endorsements wait for approval" in html
    assert "Nothing leaves to the" in html and "mail came back" in html
    assert "4 offices that nobody has checked in the last 90 days" in html
    assert "was not sent at its time" in html
    assert 'href="/desk/endorsements/' in html


def test_counting_stops_at_99(demo: Flask, staff: Any, sql: Any) -> None:
    sql(
        "INSERT INTO suppression (address, scope, reason, since) "
        "SELECT n || '@people.example', 'all', 'hard-bounce', now() FROM generate_series(1, 150) n"
    )
    assert "More than 99 addresses get no mail" in text_of(staff("organizer"), "/desk/")


def test_nothing_to_do_is_said(app: Flask, staff: Any) -> None:
    html = text_of(staff("organizer"), "/desk/")
    assert "Nothing. All that is to be done is being done." in html
    assert "There is no campaign yet." in html


def test_the_home_counts_confirmed_people_by_campaign(demo: Flask, staff: Any) -> None:
    html = text_of(staff("administrator"), "/desk/")
    assert "These numbers as a table" in html
    assert "endorsements approved" in html


def test_a_lead_sees_their_own_organization(demo: Flask, staff: Any, sql: Any) -> None:
    lead = sql("SELECT lead_organization_id FROM campaign")[0][0]
    other, name = sql(
        "SELECT o.id, o.name FROM organization o JOIN endorsement e ON e.organization_id = o.id WHERE o.id <> %s "
        "LIMIT 1", lead,
    )[0]  # fmt: skip
    html = text_of(staff("lead", organization_id=other), "/desk/")
    assert name.replace("'", "&#39;").replace("&", "&amp;")[:12] in html
    assert "Approved and public" in html
    assert "Everyone’s endorsements" not in html
    assert "Everyone’s endorsements" in text_of(staff("lead", organization_id=lead), "/desk/")


def test_the_navigation_shows_what_the_role_may_open(app: Flask, staff: Any) -> None:
    boss, organizer, lead = (
        text_of(staff(role), "/desk/") for role in ("administrator", "organizer", "lead")
    )
    assert "/desk/users/" in boss and "/desk/delivery" in boss
    assert "/desk/users/" not in organizer and "/desk/inbox" in organizer
    assert "/desk/inbox" not in lead


def test_the_home_reads_no_more_rows_when_there_are_more(demo: Flask, staff: Any, sql: Any) -> None:
    """No statement of the home counts a growing table."""
    from sqlalchemy import event

    from campaign.extensions import db

    me = staff("administrator")
    seen: list[str] = []
    with demo.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note := lambda *args: seen.append(args[2]))
    try:
        assert me.get("/desk/").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    counting = [one for one in seen if "count(*)" in one and "LIMIT" not in one]
    assert counting == []
    assert len(seen) < 40


def test_going_live_takes_a_server_and_the_host_name(
    app: Flask, staff: Any, smtp: Any, sql: Any
) -> None:
    from campaign.mail import settings

    boss = staff("administrator")
    with app.app_context():
        settings.set_delivery("capture", "test")
        from campaign.extensions import db

        db.session.commit()
    before = {
        key: app.config.get(key)
        for key in ("MAIL_SERVER_SET", "MAIL_DEFAULT_SENDER_SET", "MAIL_PORT")
    }
    try:
        app.config.update(MAIL_SERVER_SET=False)
        assert "set MAIL_SERVER and start the site again" in boss.get("/desk/delivery").get_data(
            as_text=True
        )
        app.config.update(MAIL_SERVER_SET=True, MAIL_DEFAULT_SENDER_SET=True)
        page = "/desk/delivery"
        assert "Please type campaign.example" in send(
            boss, page, f"{page}/live", host="elsewhere.example"
        )
        app.config["MAIL_PORT"] = 1
        assert "cannot be reached" in send(boss, page, f"{page}/live", host="campaign.example")
        assert _mode(sql) != "live"
        app.config["MAIL_PORT"] = before["MAIL_PORT"]
        assert "Mail is live" in send(boss, page, f"{page}/live", host="campaign.example")
        assert _mode(sql) == "live"
        assert "captured again" in send(boss, page, f"{page}/capture")
        assert _mode(sql) == "capture"
        assert "has accepted the test message" in send(
            boss, page, f"{page}/test", to="me@staff.example"
        )
        (mail,) = smtp.to("me@staff.example")
        assert mail.message["Auto-Submitted"] == "auto-generated"
        smtp.answer = lambda recipient: "550 5.1.1 unknown"
        assert "550" in send(boss, page, f"{page}/test", to="no@staff.example")
    finally:
        app.config.update(before)


def test_the_page_never_shows_the_mail_password(app: Flask, staff: Any) -> None:
    boss = staff("administrator")
    app.config["MAIL_PASSWORD"] = "hunter-of-secrets"
    try:
        assert "hunter-of-secrets" not in boss.get("/desk/delivery").get_data(as_text=True)
    finally:
        app.config["MAIL_PASSWORD"] = None


def _mode(sql: Any) -> Any:
    return sql("SELECT value FROM setting WHERE key = 'mail.delivery'")[0][0]


def test_the_coalition_s_name_is_on_every_page(app: Flask, staff: Any, client: FlaskClient) -> None:
    boss = staff("administrator")
    wrong = send(boss, "/desk/site", "/desk/site", name="Wait", about_url="javascript:alert(1)")
    assert "Please write a web address" in wrong
    address = "1 Main Street\nChicago IL 60604"
    send(boss, "/desk/site", "/desk/site", name="Wait in Freedom Coalition", postal_address=address)
    html = client.get("/").get_data(as_text=True)
    assert "Wait in Freedom Coalition" in html and "1 Main Street" in html


def test_mail_held_since_a_restore_is_let_go_stream_by_stream(
    app: Flask, staff: Any, sql: Any
) -> None:
    from campaign.reports import restored

    boss = staff("administrator")
    with app.app_context():
        restored.hold("2026-06-01T10:00:00+00:00")
    assert "mail is held until you say what goes" in text_of(boss, "/desk/")
    page = "/desk/restored"
    assert boss.get(page).get_data(as_text=True).count("Let them go") == 3
    after = send(boss, page, f"{page}/letters")
    assert after.count("Let them go") == 2
    assert sql("SELECT stream FROM mail_order ORDER BY 1") == [("alerts",), ("confirmations",)]
