"""Sign-up and confirmation, as a visitor goes through them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from campaign.clock import utcnow
from campaign.counts import queries as counts
from tests.mailbox import Mailbox
from tests.supporters.conftest import hidden, link, path, text_of
from tests.working import a_campaign

pytestmark = pytest.mark.main_flow


def test_a_sign_up_counts_once_its_link_is_confirmed(
    campaign: int,
    sign_up: Callable,
    client: FlaskClient,
    mailed: Callable,
    deliver: Callable,
    sql: Callable,
) -> None:
    page = sign_up("Ana@Mail.example", consent="y", query="?source=parish")
    assert page.status_code == 200
    assert "Look into your mail" in text_of(page)
    assert sql("SELECT given_name, family_name, confirmed_at FROM supporter") == [("", "", None)]
    url = mailed("Ana@mail.example")
    assert "Ana Ruiz" in text_of(client.get(url))
    assert sql("SELECT confirmed_at FROM supporter") == [(None,)], (
        "opening the page changes nothing"
    )
    thanks = client.post(url)
    assert thanks.status_code == 200
    assert thanks.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in thanks.headers
    assert "Thank you, Ana" in text_of(thanks)
    assert "http://campaign.example/c/test" in thanks.text
    assert sql(
        "SELECT given_name, family_name, postal_code, state, language, source FROM supporter"
    ) == [("Ana", "Ruiz", "60608", "IL", "en", "parish")]
    [(wording, source, withdrawn)] = sql("SELECT wording, source, withdrawn_at FROM consent")
    assert wording.startswith("Test Coalition may email me")
    assert (source, withdrawn) == ("parish", None)
    deliver()
    assert counts.total("supporters.confirmed") == 1
    assert counts.total("supporters.joined", campaign) == 1


def test_the_desk_says_why_a_confirmation_mail_did_not_arrive(
    campaign: int, sign_up: Callable, smtp: Mailbox, deliver: Callable, staff: Callable
) -> None:
    smtp.answer = lambda address: "550 5.1.1 No such mailbox"
    sign_up("josé@mail.example")
    deliver()
    page = staff("organizer").get("/desk/supporters/1")
    assert "The confirmation mail did not arrive: 550 5.1.1 No such mailbox" in text_of(page)


def test_confirming_twice_is_the_same_as_once(
    campaign: int, sign_up: Callable, client: FlaskClient, mailed: Callable, deliver: Callable
) -> None:
    sign_up()
    url = mailed()
    first = client.post(url, data={"chosen": "1", "act.sign_up.1": "sign_up:1"})
    second = client.post(url, data={"chosen": "1", "act.sign_up.1": "sign_up:1"})
    assert text_of(first) == text_of(second)
    assert "Confirmed already" in text_of(client.get(url))
    assert "You support “A test cause”." in text_of(client.get(url))
    deliver()
    assert counts.total("supporters.confirmed") == 1
    assert counts.total("supporters.joined", campaign) == 1


def test_confirming_at_the_same_moment_counts_once(
    campaign: int, app: Flask, sign_up: Callable, mailed: Callable, deliver: Callable
) -> None:
    sign_up()
    url = mailed()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: app.test_client().post(url).status_code, range(8)))
    assert answers == [200] * 8
    deliver()
    assert counts.total("supporters.confirmed") == 1
    assert counts.total("supporters.joined", campaign) == 1


def test_the_mail_carries_no_typed_word_and_says_it_is_automatic(
    campaign: int, sign_up: Callable, smtp: Mailbox, deliver: Callable
) -> None:
    sign_up(given_name="Zebedeus", family_name="Quicksilver")
    deliver()
    [mail] = smtp.to("ana@mail.example")
    assert mail.message["Subject"] == "Please confirm: A test cause"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert str(mail.message["From"]) == "Campaign <campaign@coalition.example>"
    for part in (mail.text(), mail.html(), mail.raw.decode()):
        assert "Zebedeus" not in part
        assert "Quicksilver" not in part
    for part in (mail.text(), mail.html()):
        assert "Test Coalition" in part
        assert "If it was not you" in part
    assert mail.text().count("/confirm/") == 1


def test_spanish_from_the_form_to_the_mail(
    campaign: int,
    sign_up: Callable,
    client: FlaskClient,
    smtp: Mailbox,
    deliver: Callable,
    sql: Callable,
) -> None:
    sign_up(prefix="/es", consent="y")
    deliver()
    [mail] = smtp.to("ana@mail.example")
    url = path(link(smtp, "ana@mail.example"))
    assert url.startswith("/es/confirm/")
    assert "Una causa de prueba" in mail.message["Subject"]
    assert '<html lang="es"' in client.get(url).text
    client.post(url)
    assert sql("SELECT language FROM supporter") == [("es",)]


def test_one_mail_an_hour_whatever_the_case_and_whoever_asks(
    campaign: int, sign_up: Callable, smtp: Mailbox, deliver: Callable
) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        answers = [text_of(sign_up(address)) for address in ("a@mail.example", "A@mail.example")]
        assert answers[0].lower() == answers[1].lower()
        deliver()
        assert len(smtp.arrived) == 1
        clock.shift(timedelta(minutes=59))
        sign_up("a@mail.example")
        deliver()
        assert len(smtp.arrived) == 1
        clock.shift(timedelta(minutes=1))
        sign_up("a@MAIL.example")
        deliver()
        assert len(smtp.arrived) == 2


def test_many_at_once_ask_for_one_mail(app: Flask, campaign: int, sql: Callable) -> None:
    from campaign.supporters import commands

    def ask(number: int) -> None:
        address = "Bo@mail.example" if number % 2 else "bo@mail.example"
        with app.app_context():
            person = commands.Person("Bo", "Li", language="en")
            commands.sign_up(campaign, address, person, agreement="", submission=f"s{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(24)))
    assert sql("SELECT count(*) FROM supporter") == [(1,)]
    assert sql("SELECT count(*) FROM sign_up") == [(24,)]
    assert sql("SELECT count(*) FROM message") == [(1,)]


def test_sending_the_same_form_twice_is_once(
    campaign: int, client: FlaskClient, sql: Callable
) -> None:
    typed = {
        **hidden(client.get("/c/test/signup")),
        "email": "ana@mail.example",
        "given_name": "Ana",
        "family_name": "Ruiz",
    }
    assert client.post("/c/test/signup", data=typed).status_code == 200
    assert client.post("/c/test/signup", data=typed).status_code == 200
    assert sql("SELECT count(*) FROM sign_up") == [(1,)]


def test_of_two_different_forms_the_owner_chooses(
    campaign: int, sign_up: Callable, client: FlaskClient, mailed: Callable, sql: Callable
) -> None:
    sign_up(given_name="Ana")
    sign_up(given_name="Mallory")
    sign_up(given_name="Mallory")
    url = mailed()
    soup = BeautifulSoup(client.get(url).text, "html.parser")
    radios = soup.select("input[type=radio]")
    assert [radio["value"] for radio in radios] == ["sign_up:1", "sign_up:3", ""]
    assert not soup.select("input[type=radio][checked]"), (
        "a stranger's words are nobody's by default"
    )
    unsaid = client.post(url)
    assert unsaid.status_code == 422 and "which one is yours" in text_of(unsaid)
    client.post(url, data={"chosen": "1", radios[1]["name"]: "sign_up:3"})
    assert sql("SELECT given_name FROM supporter") == [("Mallory",)]
    assert sql("SELECT given_name FROM sign_up") == [("Mallory",)], (
        "what the owner did not choose is gone"
    )


def test_choosing_nothing_is_said(
    campaign: int, sign_up: Callable, client: FlaskClient, mailed: Callable, sql: Callable
) -> None:
    sign_up()
    page = client.post(mailed(), data={"chosen": "1"})
    assert page.status_code == 422
    assert "Nothing is chosen" in text_of(page)
    assert sql("SELECT confirmed_at FROM supporter") == [(None,)]


def test_nobody_confirms_another_addresss_act(
    campaign: int, sign_up: Callable, client: FlaskClient, mailed: Callable, sql: Callable
) -> None:
    sign_up("ana@mail.example")
    sign_up("eve@mail.example")
    client.post(mailed("eve@mail.example"), data={"chosen": "1", "act": "sign_up:1"})
    assert sql("SELECT confirmed_at FROM supporter") == [(None,), (None,)]


def test_old_and_broken_links_say_what_to_do(
    campaign: int, sign_up: Callable, client: FlaskClient, mailed: Callable
) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        sign_up()
        url = mailed()
        broken = client.get(url[:-3])
        assert broken.status_code == 404
        assert "copy the whole address" in text_of(broken)
        clock.shift(timedelta(days=7, seconds=2))
        for page in (client.get(url), client.post(url)):
            assert page.status_code == 410
            assert "fill in its form once more" in text_of(page)


def test_errors_stand_beside_the_fields_and_nothing_typed_is_lost(
    campaign: int, sign_up: Callable
) -> None:
    page = sign_up(
        "not an address", given_name="", family_name="Ruiz", postal_code="!!", consent="y"
    )
    assert page.status_code == 422
    soup = BeautifulSoup(page.text, "html.parser")
    assert {tag["id"] for tag in soup.select(".problem")} == {
        "email-error",
        "given_name-error",
        "postal_code-error",
    }
    assert soup.select_one("#family_name")["value"] == "Ruiz"
    assert soup.select_one("#email")["value"] == "not an address"
    assert soup.select_one("#consent").has_attr("checked")


def test_a_stale_form_keeps_what_was_typed(campaign: int, client: FlaskClient) -> None:
    typed = {
        "form_token": "old",
        "email": "ana@mail.example",
        "given_name": "Ana",
        "family_name": "Ruiz",
    }
    page = client.post("/c/test/signup", data=typed)
    assert page.status_code == 422
    assert "please send it again" in text_of(page)
    again = client.post("/c/test/signup", data=typed | hidden(page))
    assert "Look into your mail" in text_of(again)


def test_closed_early_and_unknown_campaigns(app_context: Flask, client: FlaskClient) -> None:
    a_campaign("early", opens_at=utcnow() + timedelta(days=3))
    a_campaign("over", closes_at=utcnow() - timedelta(hours=1))
    a_campaign("draft", published=False)
    assert "Not open yet" in text_of(client.get("/c/early/signup"))
    assert "This campaign is over" in text_of(client.get("/c/over/signup"))
    assert client.post("/c/over/signup").status_code == 409
    assert client.get("/c/draft/signup").status_code == 404
    assert client.get("/c/nothing/signup").status_code == 404


def test_the_form_can_be_cached_and_sets_no_cookie(campaign: int, client: FlaskClient) -> None:
    page = client.get("/c/test/signup?source=parish")
    assert page.headers["Cache-Control"].startswith("public")
    assert "Set-Cookie" not in page.headers
    assert hidden(page)["source"] == "parish"
    assert "Test Coalition may email me" in text_of(page)
    assert not BeautifulSoup(page.text, "html.parser").select_one("#consent").has_attr("checked")


def test_a_network_that_floods_is_asked_to_wait(
    campaign: int, app: Flask, sign_up: Callable, monkeypatch
) -> None:
    # Without a solved task it is half.
    monkeypatch.setitem(app.config, "PUBLIC_POSTS", "6 per hour")
    answers = [sign_up(f"p{number}@mail.example").status_code for number in range(5)]
    assert answers == [200, 200, 200, 429, 429]


def test_while_the_database_is_away_nothing_typed_is_lost(
    campaign: int, client: FlaskClient, environment: dict[str, str]
) -> None:
    from campaign import config, create_app

    typed = hidden(client.get("/c/test/signup")) | {
        "email": "ana@mail.example",
        "given_name": "Zoila",
    }
    away = create_app(
        config.load(environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    )
    page = away.test_client().post("/c/test/signup", data=typed)
    assert page.status_code == 503
    soup = BeautifulSoup(page.text, "html.parser")
    kept = {tag["name"]: tag.get("value", "") for tag in soup.select("form [name]")}
    assert typed.items() <= kept.items()


def test_every_text_of_the_spanish_form_is_spanish(
    campaign: int, sign_up: Callable, client: FlaskClient
) -> None:
    page = text_of(client.get("/es/c/test/signup"))
    for word in ("Correo electrónico", "Apellidos", "Código postal", "puede enviarme por correo"):
        assert word in page
    wrong = text_of(sign_up("x", prefix="/es", given_name=""))
    assert "Escriba su nombre." in wrong
    assert "Revise su correo" in text_of(sign_up(prefix="/es"))
