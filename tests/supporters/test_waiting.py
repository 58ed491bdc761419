"""What waits for a confirmation: the link's own act comes first, it lapses with the link, and does not stay for ever."""

from collections.abc import Callable
from datetime import timedelta

import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from campaign.clock import utcnow
from campaign.counts import queries as counts
from campaign.supporters import commands, confirmation, retention
from tests.endorsements.arrange import a_petition, sign
from tests.letters.conftest import BODY
from tests.mailbox import Mailbox
from tests.supporters.conftest import text_of


def write(campaign_id: int, n: int, email: str = "ana@mail.example") -> None:
    """One more letter with this address, of other words."""
    from campaign.coalition.models import Campaign
    from campaign.extensions import db
    from campaign.letters import commands as letters

    campaign = db.session.get_one(Campaign, campaign_id)
    words = letters.Words("Ana", "Ruiz", "60608", f"Letter {n}", f"{BODY} Number {n}.", "en")
    letters.write_letter(letters.Doorway(campaign.id, campaign.slug), email, words, f"nonce{n}")


def test_a_flood_hides_nobodys_own_act(
    campaign: int, client: FlaskClient, mailed: Callable, deliver: Callable
) -> None:
    for n in range(25):
        write(campaign, n)
    url = mailed()

    def offered(page: str) -> list[str]:
        radios = BeautifulSoup(page, "html.parser").select("input[type=radio]")
        return [radio["value"] for radio in radios if radio["value"]]

    page = client.get(url).text
    assert offered(page) == ["letter:1", *(f"letter:{n}" for n in range(25, 15, -1))]
    more = BeautifulSoup(page, "html.parser").select_one("a[href^='?shown']")["href"]
    assert len(offered(client.get(url + more).text)) == 25
    client.post(url, data={"chosen": "1", f"act.letter-{campaign}": "letter:1"})
    deliver()
    assert counts.total("letters.confirmed", campaign) == 1


def test_a_clock_that_was_set_back_blocks_no_mail(
    campaign: int, sign_up: Callable, smtp: Mailbox, deliver: Callable
) -> None:
    with time_machine.travel(utcnow() + timedelta(days=300), tick=False):
        sign_up()
        deliver()
    assert len(smtp.to("ana@mail.example")) == 1
    with time_machine.travel(utcnow(), tick=False):
        sign_up()
        sign_up()
        deliver()
    assert len(smtp.to("ana@mail.example")) == 2


def test_signatures_and_wishes_lapse_with_their_link(
    campaign: int, confirmed: Callable, client: FlaskClient, app_context: Flask, sql: Callable
) -> None:
    confirmed(consent="y")
    a_petition(campaign, "dhs")
    commands.unsubscribe(1, None)
    with time_machine.travel(utcnow() + timedelta(hours=2), tick=False) as clock:
        commands.ask_to_hear_again(1, None, "en")
        changes = {"organization_name": "Casa Test", "signer_email": "ana@mail.example"}
        assert sign(client, **changes).status_code == 303
        clock.shift(timedelta(days=6))
        [row] = sql("SELECT id FROM confirmation")
        url = f"/confirm/{confirmation.link_token(row[0])}"
        page = text_of(client.get(url))
        assert "Casa Test" in page and "Messages from Test Coalition again" in page
        clock.shift(timedelta(days=2))
        url = f"/confirm/{confirmation.link_token(row[0])}"
        assert "Casa Test" not in text_of(client.get(url))
        client.post(url, data={"chosen": "1", "act": ["endorsement:1", "resubscription:1"]})
        assert sql("SELECT state FROM endorsement") == [("unconfirmed",)]
        assert sql("SELECT confirmed_at FROM resubscription") == [(None,)]
        commands.ask_to_hear_again(1, None, "en")
        assert "Messages from Test Coalition again" in text_of(client.get(url)), "it waits anew"


def test_what_nobody_confirms_is_deleted_in_the_end(
    campaign: int,
    confirmed: Callable,
    sign_up: Callable,
    client: FlaskClient,
    deliver: Callable,
    sql: Callable,
    app_context: Flask,
) -> None:
    confirmed("kept@mail.example")
    sign_up("gone@mail.example")
    write(campaign, 1, "gone@mail.example")
    write(campaign, 2, "kept@mail.example")
    deliver()
    with time_machine.travel(utcnow(), tick=False) as clock:
        clock.shift(timedelta(days=36))
        assert sum(retention.sweep().values()) == 0
        sign_up("new@mail.example")
        clock.shift(timedelta(days=2))
        assert retention.sweep() == {
            "sign_up": 1, "resubscription": 0, "letter": 2, "network": 0, "endorsement": 0, "supporter": 1,
        }  # fmt: skip
        deliver()
    left = sql("SELECT email FROM supporter ORDER BY id")
    assert left == [("kept@mail.example",), ("new@mail.example",)]
    assert sql("SELECT count(*) FROM message WHERE to_address = 'gone@mail.example'") == [(0,)]
    assert sql("SELECT count(*) FROM confirmation") == [(2,)]
    assert counts.total("letters.unconfirmed", campaign) == 0
    assert "30 days after that it is deleted" in text_of(client.get("/privacy"))


def test_the_mark_of_a_letters_network_is_cleared_with_the_link(
    campaign: int, client: FlaskClient, sql: Callable, app_context: Flask
) -> None:
    write(campaign, 1)
    sql("UPDATE letter SET network = 'mark'")
    with time_machine.travel(utcnow(), tick=False) as clock:
        clock.shift(timedelta(days=6))
        assert sum(retention.sweep().values()) == 0
        clock.shift(timedelta(days=2))
        assert retention.sweep()["network"] == 1
    assert sql("SELECT network, state FROM letter") == [("", "unconfirmed")]
    assert "and with a letter for seven days" in text_of(client.get("/privacy"))
