"""Unsubscribing by the button and by a mail program's one-click request (RFC 8058)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from campaign.clock import utcnow
from campaign.counts import queries as counts
from campaign.extensions import db
from campaign.mail import ledger
from campaign.supporters import commands, keys, queries
from tests.supporters.conftest import path, text_of
from tests.working import an_organization

ALERT = 7


@pytest.fixture
def ana(campaign: int) -> int:
    """A confirmed supporter who lets the lead organization and another one write."""
    supporter_id = commands.ensure_supporter("ana@mail.example")
    agreements = [
        commands.Agreement(an_organization(name), f"{name} may write")
        for name in ("Test Coalition", "Parish Network")
    ]
    commands.confirm_person(
        supporter_id,
        commands.Person("Ana", "Ruiz", language="en"),
        agreements,
        campaign_id=campaign,
    )
    return supporter_id


def alert_sent(supporter_id: int, campaign_id: int, at: datetime) -> None:
    """The ledger says that the alert went to this person then."""
    draft = ledger.Draft("alert", supporter_id, "ana@mail.example", "en", ALERT, campaign_id)
    ledger.enqueue("alerts", [draft])
    db.session.execute(db.text("UPDATE message SET state = 'sent', finished_at = :at"), {"at": at})
    db.session.commit()


def url_of(supporter_id: int, organization: int = 1, alert_id: int = 0) -> str:
    return path(keys.unsubscribe_link(supporter_id, organization, alert_id))


def test_the_page_changes_nothing_and_the_button_does(ana: int, client: FlaskClient) -> None:
    url = url_of(ana)
    for _ in range(2):
        assert "Test Coalition" in text_of(client.get(url))
        client.head(url)
    assert queries.consenting(1, [ana]) == {ana}
    page = client.post(url)
    assert page.status_code == 200
    assert "does not write to you from now on" in text_of(page)
    assert queries.consenting(1, [ana]) == set()
    assert queries.consenting(2, [ana]) == {ana}, "the other organization still may"


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_is_obeyed_at_once_without_redirect_or_cookie(
    ana: int, campaign: int, client: FlaskClient, encoding: str, deliver: Callable
) -> None:
    alert_sent(ana, campaign, utcnow())
    answer = client.post(
        url_of(ana, alert_id=ALERT), data={"List-Unsubscribe": "One-Click"}, content_type=encoding
    )
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert queries.consenting(1, [ana]) == set()
    client.post(url_of(ana, alert_id=ALERT), data={"List-Unsubscribe": "One-Click"})
    deliver()
    assert counts.total("alert.unsubscribes", campaign, str(ALERT)) == 1, "twice is once"


def test_a_press_within_three_minutes_is_asked_for_once_more(
    ana: int, campaign: int, client: FlaskClient
) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        alert_sent(ana, campaign, utcnow())
        url = url_of(ana, alert_id=ALERT)
        clock.shift(timedelta(minutes=2, seconds=59))
        first = client.post(url)
        assert "Once more, please" in text_of(first)
        assert queries.consenting(1, [ana]) == {ana}
        client.post(url, data={"sure": "1"})
        assert queries.consenting(1, [ana]) == set()


def test_a_press_after_three_minutes_is_enough(
    ana: int, campaign: int, client: FlaskClient
) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        alert_sent(ana, campaign, utcnow())
        clock.shift(timedelta(minutes=3))
        client.post(url_of(ana, alert_id=ALERT))
        assert queries.consenting(1, [ana]) == set()


def test_all_organizations_at_once(ana: int, client: FlaskClient, sql: Callable) -> None:
    client.post(url_of(ana), data={"all": "1"})
    assert queries.consenting(1, [ana]) | queries.consenting(2, [ana]) == set()
    assert sql("SELECT address, scope, reason FROM suppression") == [
        ("ana@mail.example", "alerts", "unsubscribed")
    ]


def test_the_suppression_names_the_alerts_message(
    ana: int, campaign: int, client: FlaskClient, sql: Callable
) -> None:
    alert_sent(ana, campaign, utcnow() - timedelta(hours=1))
    client.post(url_of(ana, alert_id=ALERT), data={"all": "1"})
    (named,) = sql("SELECT reason, message_id FROM suppression")
    assert named == ("unsubscribed", sql("SELECT id FROM message WHERE origin = 'alert'")[0][0])


def test_a_mistake_is_put_right_by_a_mailed_link_only(
    ana: int, client: FlaskClient, mailed: Callable, sql: Callable
) -> None:
    url = url_of(ana)
    client.post(url, data={"all": "1"})
    page = client.post(f"{url}/mistake", data={"all": "1"})
    assert "Look into your mail" in text_of(page)
    assert queries.consenting(1, [ana]) == set(), "the press alone does nothing"
    confirm = mailed()
    assert "Messages from Test Coalition again" in text_of(client.get(confirm))
    thanks = client.post(confirm)
    assert "Test Coalition may write to you again." in text_of(thanks)
    assert queries.consenting(1, [ana]) == {ana}
    assert queries.consenting(2, [ana]) == {ana}
    assert sql("SELECT count(*) FROM suppression WHERE lifted_at IS NULL") == [(0,)]


def test_a_complaint_is_for_good(ana: int, client: FlaskClient, sql: Callable) -> None:
    from campaign.mail import suppressions

    suppressions.suppress("ana@mail.example", "alerts", "complaint")
    db.session.commit()
    client.post(url_of(ana))
    commands.give_consent(ana, commands.Agreement(1, "again"))
    assert sql("SELECT count(*) FROM suppression WHERE lifted_at IS NULL") == [(1,)]


def test_forged_and_foreign_links_do_nothing(ana: int, client: FlaskClient) -> None:
    assert client.get(url_of(ana) + "x").status_code == 404
    assert client.post(f"/unsubscribe/{keys.own_page_token(ana)}").status_code == 404
    assert client.get(f"/me/{keys.unsubscribe_token(ana, 1)}").status_code == 404
    assert queries.consenting(1, [ana]) == {ana}


def test_in_spanish(ana: int, client: FlaskClient) -> None:
    url = path(keys.unsubscribe_link(ana, 1, 0, "es"))
    assert url.startswith("/es/unsubscribe/")
    assert '<html lang="es"' in client.get(url).text
