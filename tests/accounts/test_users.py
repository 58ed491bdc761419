"""/desk/users: adding people, their first password, roles, closing accounts."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.working import an_organization, csrf_token, sign_in


def send(me: FlaskClient, address: str, **data: Any) -> Any:
    """Posts a desk form, with the token of the page that it is on."""
    page = me.get(address.rsplit("/", 1)[0] if address.endswith(("/active", "/link")) else address)
    return me.post(address, data={"csrf_token": csrf_token(page.get_data(as_text=True)), **data})


def link_in(answer: Any) -> str:
    """The path of the link that the page shows."""
    found = re.search(
        r'value="http://campaign\.example(/desk/set-password/[^"]+)"', answer.get_data(as_text=True)
    )
    assert found, answer.get_data(as_text=True)
    return found[1]


def set_password(visitor: FlaskClient, path: str, password: str) -> Any:
    """Follows the link and sends the form behind it."""
    page = visitor.get(path)
    assert page.status_code == 200
    token = re.search(r'name="form_token"[^>]*value="([^"]+)"', page.get_data(as_text=True))
    assert token
    return visitor.post(
        path, data={"form_token": token[1], "password": password, "again": password}
    )


def test_someone_new_sets_a_password_by_the_link_and_signs_in(app: Flask, staff: Any) -> None:
    boss = staff("administrator")
    answer = send(
        boss, "/desk/users/add", email="new@staff.example", role="organizer", name="New Person"
    )
    path = link_in(answer)
    assert "was not mailed" in answer.get_data(as_text=True)
    visitor = app.test_client()
    done = set_password(visitor, path, "my very own passphrase")
    assert "Your password is set" in done.get_data(as_text=True)
    assert "Set-Cookie" not in done.headers
    assert visitor.get(path).status_code == 410, "it works once"
    sign_in(app, "new@staff.example", "my very own passphrase")
    assert "New Person" in boss.get("/desk/users/?q=new").get_data(as_text=True)


def test_the_link_is_mailed_where_mail_is_live_and_stands_in_no_table(
    app: Flask, staff: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    send(staff("administrator"), "/desk/users/add", email="new@staff.example", role="organizer")
    deliver()
    (mail,) = smtp.to("new@staff.example")
    assert str(mail.message["From"]).startswith("Campaign <")
    (link,) = mail.links()
    key = link.rsplit("/", 1)[1]
    tables = [row[0] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for table in tables:
        assert not sql(f'SELECT 1 FROM "{table}" t WHERE t::text LIKE %s', f"%{key}%"), table
    answer = set_password(app.test_client(), link.removeprefix("http://campaign.example"), PASSWORD)
    assert answer.status_code == 200


def test_a_short_password_and_two_different_ones_are_refused(app: Flask, staff: Any) -> None:
    path = link_in(
        send(staff("administrator"), "/desk/users/add", email="n@staff.example", role="organizer")
    )
    refused = set_password(app.test_client(), path, "short")
    assert refused.status_code == 422
    assert "at least 12 characters" in refused.get_data(as_text=True)
    assert set_password(app.test_client(), path, "long enough this time").status_code == 200


def test_a_newer_link_ends_the_older_one_and_links_grow_old(app: Flask, staff: Any) -> None:
    import time_machine

    boss = staff("administrator")
    old = link_in(send(boss, "/desk/users/add", email="n@staff.example", role="organizer"))
    new = link_in(send(boss, f"/desk/users/{_number(app, 'n@staff.example')}/link"))
    visitor = app.test_client()
    assert visitor.get(old).status_code == 410
    assert visitor.get(new).status_code == 200
    from datetime import UTC, datetime, timedelta

    with time_machine.travel(datetime.now(UTC) + timedelta(days=4)):
        assert visitor.get(new).status_code == 410


def test_a_lead_needs_an_organization_that_exists(app: Flask, staff: Any) -> None:
    with app.app_context():
        an_organization("First Coalition")
        an_organization("Second Coalition")
    boss = staff("administrator")
    data = {"email": "lead@staff.example", "role": "lead"}
    assert "Please name it" in send(boss, "/desk/users/add", **data).get_data(as_text=True)
    many = send(boss, "/desk/users/add", **data, organization="coalition").get_data(as_text=True)
    assert "Several have this in their name: First Coalition; Second Coalition." in many
    none = send(boss, "/desk/users/add", **data, organization="nobody").get_data(as_text=True)
    assert "There is no organization of this name" in none
    assert send(boss, "/desk/users/add", **data, organization="first coalition").status_code == 200
    assert "Coalition lead: First Coalition" in boss.get("/desk/users/").get_data(as_text=True)


def test_one_address_has_one_account(staff: Any) -> None:
    boss = staff("administrator")
    answer = send(boss, "/desk/users/add", email="ADMINISTRATOR@staff.example", role="organizer")
    assert answer.status_code == 422
    assert "has an account already" in answer.get_data(as_text=True)


def test_closing_an_account_signs_it_out(app: Flask, staff: Any) -> None:
    boss, other = staff("administrator"), staff("organizer")
    number = _number(app, "organizer@staff.example")
    send(boss, f"/desk/users/{number}/active", active="0")
    assert other.get("/desk/").status_code == 302
    assert "Closed" in boss.get(f"/desk/users/{number}").get_data(as_text=True)
    send(boss, f"/desk/users/{number}/active", active="1")
    sign_in(app, "organizer@staff.example", PASSWORD)


def test_the_last_administrator_stays(app: Flask, staff: Any) -> None:
    boss = staff("administrator")
    number = _number(app, "administrator@staff.example")
    send(boss, f"/desk/users/{number}/active", active="0")
    assert "This is the only administrator" in boss.get(f"/desk/users/{number}").get_data(
        as_text=True
    )
    refused = send(boss, f"/desk/users/{number}", role="organizer", name="")
    assert refused.status_code == 422
    assert "This is the only administrator" in refused.get_data(as_text=True)
    assert boss.get("/desk/users/").status_code == 200


def test_a_changed_role_takes_effect_at_once(app: Flask, staff: Any) -> None:
    boss, other = staff("administrator"), staff("organizer")
    number = _number(app, "organizer@staff.example")
    assert send(boss, f"/desk/users/{number}", role="administrator", name="Up").status_code == 302
    assert other.get("/desk/").status_code == 302
    assert sign_in(app, "organizer@staff.example", PASSWORD).get("/desk/users/").status_code == 200


def _number(app: Flask, email: str) -> int:
    from campaign.accounts.queries import by_email

    with app.app_context():
        user = by_email(email)
        assert user
        return user.id
