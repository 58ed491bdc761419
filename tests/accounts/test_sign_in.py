"""Signing in to the desk, out of it, and what ends a session."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.working import csrf_token, sign_in

ADDRESS = "organizer@staff.example"


@pytest.fixture
def account(app: Flask) -> int:
    """An organizer's account."""
    from campaign.accounts.commands import save_user

    with app.app_context():
        return save_user(ADDRESS, "organizer", PASSWORD)[0].id


def try_in(client: FlaskClient, email: str, password: str, query: str = "") -> Any:
    """Sends the log-in form."""
    page = client.get(f"/desk/login{query}")
    data = {
        "email": email,
        "password": password,
        "csrf_token": csrf_token(page.get_data(as_text=True)),
    }
    return client.post(f"/desk/login{query}", data=data)


def test_signing_in_leads_to_the_desk_and_out_again(app: Flask, account: int) -> None:
    me = sign_in(app, "ORGANIZER@staff.example", PASSWORD)
    desk = me.get("/desk/")
    assert desk.status_code == 200
    assert ADDRESS in desk.get_data(as_text=True)
    assert me.get("/desk/logout").status_code in (404, 405), (
        "a link or an image must not sign anyone out"
    )
    assert me.post("/desk/logout").status_code == 400, "nor another site's form"
    assert me.get("/desk/").status_code == 200
    answer = me.post("/desk/logout", data={"csrf_token": csrf_token(desk.get_data(as_text=True))})
    assert answer.status_code == 302
    assert me.get("/desk/").status_code == 302


def test_the_session_cookie_is_for_http_alone(
    app: Flask, account: int, client: FlaskClient
) -> None:
    page = client.get("/desk/login").get_data(as_text=True)
    data = {"email": ADDRESS, "password": PASSWORD, "csrf_token": csrf_token(page)}
    # "remember" is the library's own field: nobody gets a cookie that outlives the session by it.
    answer = client.post("/desk/login", data={**data, "remember": "y"})
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("email", [ADDRESS, "nobody@staff.example"])
def test_a_wrong_password_and_a_wrong_address_read_the_same(
    account: int, client: FlaskClient, email: str
) -> None:
    html = try_in(client, email, "not the passphrase").get_data(as_text=True)
    assert "This address and password do not belong together." in html
    assert 'role="alert"' in html, "the page says so aloud"
    assert f'value="{email}"' in html, "nothing typed is lost but the password"
    assert "not the passphrase" not in html


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "///evil.example",
        "javascript:alert(1)", "https:evil.example", "/%09/evil.example", "/\t/evil.example",
    ],
)  # fmt: skip
def test_next_leads_nowhere_else(account: int, client: FlaskClient, target: str) -> None:
    from urllib.parse import quote, urljoin, urlsplit

    answer = try_in(client, ADDRESS, PASSWORD, f"?next={quote(target, safe='')}")
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert "\\" not in location and "\t" not in location
    assert urlsplit(urljoin("http://localhost/desk/login", location)).netloc == "localhost"


def test_next_leads_back_to_the_page_that_was_asked_for(account: int, client: FlaskClient) -> None:
    asked = client.get("/es/desk/inbox?to=ana")
    assert asked.status_code == 302
    where = asked.headers["Location"]
    assert where.startswith("/es/desk/login?next=")
    page = client.get(where)
    data = {
        "email": ADDRESS,
        "password": PASSWORD,
        "csrf_token": csrf_token(page.get_data(as_text=True)),
    }
    answer = client.post(where, data=data)
    assert answer.headers["Location"] == "/es/desk/inbox?to=ana"


def test_guessing_is_limited_and_the_page_says_for_how_long(
    account: int, client: FlaskClient
) -> None:
    for _ in range(10):
        assert try_in(client, ADDRESS, "a wrong passphrase").status_code == 200
    refused = try_in(client, ADDRESS, PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 60
    html = refused.get_data(as_text=True)
    assert "There were too many attempts. Please try again in 15 minutes." in html
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    page = client.get("/desk/login")
    data = {
        "email": ADDRESS,
        "password": PASSWORD,
        "csrf_token": csrf_token(page.get_data(as_text=True)),
    }
    answer = client.post("/desk/login", data=data, environ_overrides=elsewhere)
    assert answer.status_code == 302, "the owner, elsewhere, is not locked out by it"


def test_one_network_cannot_try_many_accounts(
    account: int, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limits import RateLimitItemPerMinute

    from campaign.accounts import throttle

    assert throttle.NETWORK.amount == 60
    monkeypatch.setattr(
        throttle, "NETWORK", RateLimitItemPerMinute(12, 15)
    )  # each try costs a hash
    page = csrf_token(client.get("/desk/login").get_data(as_text=True))
    answers = [
        client.post(
            "/desk/login",
            data={"email": f"p{n}@staff.example", "password": "guess", "csrf_token": page},
        ).status_code
        for n in range(14)
    ]
    assert answers[:12] == [200] * 12
    assert answers[12:] == [429] * 2


def test_the_limits_hold_while_valkey_is_away(
    account: int, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.exceptions import ConnectionError as Away

    from campaign.accounts import throttle

    def away(*_: Any) -> bool:
        raise Away

    for name in ("test", "hit", "clear"):
        monkeypatch.setattr(throttle.limiter.limiter, name, away)
    throttle._memory.storage.reset()
    for _ in range(10):
        assert try_in(client, ADDRESS, "a wrong passphrase").status_code == 200
    assert try_in(client, ADDRESS, PASSWORD).status_code == 429
    throttle._memory.storage.reset()
    assert try_in(client, ADDRESS, PASSWORD).status_code == 302


def test_changing_the_password_ends_the_other_sessions(app: Flask, account: int) -> None:
    here, there = sign_in(app, ADDRESS, PASSWORD), sign_in(app, ADDRESS, PASSWORD)
    token = csrf_token(here.get("/desk/password").get_data(as_text=True))
    new = "quite another passphrase"
    data = {
        "password": PASSWORD,
        "new_password": new,
        "new_password_confirm": new,
        "csrf_token": token,
    }
    wrong = here.post("/desk/password", data={**data, "password": "not mine"})
    assert "This is not your password." in wrong.get_data(as_text=True)
    short = here.post(
        "/desk/password", data={**data, "new_password": "short", "new_password_confirm": "short"}
    )
    assert "at least 12 characters" in short.get_data(as_text=True)
    assert here.post("/desk/password", data=data).status_code == 302
    home = here.get("/desk/")
    assert home.status_code == 200
    assert "Everywhere else you have been signed out." in home.get_data(as_text=True)
    assert there.get("/desk/").status_code == 302
    sign_in(app, ADDRESS, new)


def test_a_changed_role_or_a_closed_account_ends_the_session(app: Flask, account: int) -> None:
    from campaign.accounts import commands

    me = sign_in(app, ADDRESS, PASSWORD)
    with app.app_context():
        commands.set_role(account, "administrator")
    assert me.get("/desk/").status_code == 302
    me = sign_in(app, ADDRESS, PASSWORD)
    assert me.get("/desk/users/").status_code == 200
    with app.app_context():
        commands.save_user("other@staff.example", "administrator", PASSWORD)
        commands.set_active(account, False)
    assert me.get("/desk/").status_code == 302
    assert try_in(app.test_client(), ADDRESS, PASSWORD).status_code == 200, "and it cannot sign in"


def test_a_session_ends_after_a_day_of_rest(app: Flask, account: int) -> None:
    with time_machine.travel("2026-06-01 08:00Z", tick=True) as clock:
        me = sign_in(app, ADDRESS, PASSWORD)
        clock.shift(11 * 3600)
        assert me.get("/desk/").status_code == 200
        clock.shift(13 * 3600)
        assert me.get("/desk/").status_code == 302


def test_logs_keep_no_address(account: int, client: FlaskClient, caplog: Any) -> None:
    try_in(client, ADDRESS, "a wrong passphrase")
    assert ADDRESS not in caplog.text
