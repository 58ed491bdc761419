"""Signing a petition, from the form to the public list, as a signer and the public see it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from tests.endorsements.arrange import (
    FILLED,
    confirm_link,
    form_token,
    sign,
    sign_and_confirm,
    two_petitions,
)
from tests.mailbox import Mailbox
from tests.working import csrf_token

pytestmark = pytest.mark.main_flow


@pytest.fixture(autouse=True)
def campaign_id(app: Flask) -> int:
    """The campaign ``test``."""
    with app.app_context():
        return two_petitions()


def states(sql: Any) -> list[Any]:
    """Petition and state of every endorsement."""
    return sql(
        "SELECT p.slug, e.state FROM endorsement e JOIN petition p ON p.id = e.petition_id ORDER BY e.id"
    )


def counters(sql: Any) -> dict[str, int]:
    """The counters of the campaign, without those that are 0."""
    rows = sql(
        "SELECT name || CASE WHEN part = '' THEN '' ELSE '/' || part END, value FROM counter "
        "WHERE day = '0001-01-01' AND name LIKE 'endors%%' AND value <> 0 ORDER BY 1"
    )
    return dict(rows)


def approve_all(organizer: FlaskClient) -> Any:
    """Ticks all that waits in the desk and approves it."""
    page = organizer.get("/desk/endorsements/").get_data(as_text=True)
    ids = [box["value"] for box in BeautifulSoup(page, "html.parser").select("input[name=ids]")]
    return organizer.post(
        "/desk/endorsements/approve", data={"ids": ids, "csrf_token": csrf_token(page)}
    )


def own_page(html: str) -> str:
    """The path of the signer's own page, from the page after confirming."""
    link = BeautifulSoup(html, "html.parser").select_one("a[href*='/endorsement/']")
    assert link is not None, html
    return str(link["href"]).removeprefix("http://campaign.example")


def test_from_the_form_to_the_list(
    client: FlaskClient, smtp: Mailbox, deliver: Any, staff: Any, sql: Any
) -> None:
    answer = sign(client)
    assert answer.status_code == 303
    assert "Set-Cookie" not in answer.headers
    sent = client.get(answer.headers["Location"])
    assert "Please look into your mail" in sent.get_data(as_text=True)
    assert states(sql) == [("dhs", "unconfirmed"), ("doj", "unconfirmed")]
    assert "Harbor" not in client.get("/c/test/endorsements").get_data(as_text=True)

    deliver()
    (mail,) = smtp.to(FILLED["signer_email"])
    assert "Harbor" not in mail.raw.decode() and "Ana" not in mail.raw.decode()
    link = confirm_link(smtp)
    page = client.get(link).get_data(as_text=True)
    assert "Petition to DHS" in page and "version 1" in page
    assert "authorized to sign for The Harbor Light Project, Inc." in page
    assert states(sql) == [("dhs", "unconfirmed"), ("doj", "unconfirmed")], "GET changes nothing"
    thanks = client.post(link).get_data(as_text=True)
    assert "is confirmed" in thanks
    assert client.post(link).status_code == 200
    assert states(sql) == [("dhs", "confirmed"), ("doj", "confirmed")]
    assert "Harbor" not in client.get("/c/test/endorsements").get_data(as_text=True)

    assert approve_all(staff("organizer")).status_code == 302
    deliver()
    listed = client.get("/c/test/endorsements").get_data(as_text=True)
    soup = BeautifulSoup(listed, "html.parser")
    assert [li.get_text(" ", strip=True) for li in soup.select("ol.signers li")] == [
        "The Harbor Light Project, Inc. State"
    ]
    assert soup.select_one("ol.signers a")["href"] == "https://harbor-light.example"
    assert "ana@" not in listed and "Ana Ortiz" not in listed
    assert counters(sql) == {
        "endorsements.approved/dhs": 1,
        "endorsements.approved/doj": 1,
        "endorsers.state": 1,
    }
    front = client.get("/c/test").get_data(as_text=True)
    assert "The Harbor Light Project, Inc." in front

    _, notice = smtp.to(FILLED["signer_email"])
    assert "Harbor Light Project" in notice.text() and "Petition to DOJ" in notice.html()
    assert "http://campaign.example/c/test/endorsements" in notice.links()


def test_only_the_fields_of_the_promise_are_needed(client: FlaskClient, sql: Any) -> None:
    token = form_token(client.get("/c/test/endorse").get_data(as_text=True))
    fields = {**FILLED, "form_token": token}
    assert client.post("/c/test/endorse", data=fields).status_code == 303
    assert len(states(sql)) == 2


def test_one_petition_alone(client: FlaskClient, sql: Any) -> None:
    assert sign(client, petition=["doj"]).status_code == 303
    assert states(sql) == [("doj", "unconfirmed")]


def test_a_double_click_is_one_signature(
    client: FlaskClient, sql: Any, smtp: Mailbox, deliver: Any
) -> None:
    token = form_token(client.get("/c/test/endorse").get_data(as_text=True))
    for _ in range(2):
        assert (
            client.post("/c/test/endorse", data={**FILLED, "form_token": token}).status_code == 303
        )
    assert len(states(sql)) == 2
    deliver()
    assert len(smtp.arrived) == 1
    assert counters(sql) == {"endorsements.unconfirmed/dhs": 1, "endorsements.unconfirmed/doj": 1}


def test_nothing_typed_is_lost(client: FlaskClient, sql: Any) -> None:
    answer = sign(client, signer_email="nonsense", signer_name="", petition=["dhs"])
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    assert answer.status_code == 422
    assert page.select_one("#organization_name")["value"] == FILLED["organization_name"]
    assert page.select_one("#signer_email")["value"] == "nonsense"
    assert page.select_one("#signer_email-error") and page.select_one("#signer_name-error")
    ticked = [box["value"] for box in page.select("input[name=petition][checked]")]
    assert ticked == ["dhs"]
    assert states(sql) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"organization_name": "   "},
        {"organization_name": "!!!"},
        {"organization_name": "Win at https://spam.example"},
        {"organization_name": "x" * 201},
        {"organization_kind": "cult"},
        {"website": "javascript:alert(1)"},
        {"website": "not a site"},
        {"signer_name": "A\x00b"},
        {"signer_email": ""},
        {"petition": ["nope"]},
        {"form_token": "forged"},
    ],
)
def test_what_is_refused(client: FlaskClient, sql: Any, changes: dict[str, Any]) -> None:
    assert sign(client, **changes).status_code == 422
    assert states(sql) == []


def test_a_stale_form_can_be_sent_again(client: FlaskClient) -> None:
    answer = sign(client, form_token="")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    again = client.post("/c/test/endorse", data={**FILLED, "form_token": form_token(page)})
    assert again.status_code == 303


def test_a_known_name_is_told_only_after_confirming(
    client: FlaskClient, smtp: Mailbox, deliver: Any, staff: Any, sql: Any
) -> None:
    sign_and_confirm(client, smtp, deliver)
    approve_all(staff("organizer"))
    other = {"signer_email": "someone@else.example", "organization_name": "HARBOR LIGHT PROJECT"}
    first = sign(client, signer_email="new@new.example", organization_name="Quite New")
    second = sign(client, **other)
    assert (first.status_code, first.headers["Location"]) == (
        second.status_code,
        second.headers["Location"],
    )
    deliver()
    thanks = client.post(confirm_link(smtp, "someone@else.example")).get_data(as_text=True)
    assert "already among the co-signers" in thanks
    assert counters(sql)["endorsers.state"] == 1
    found = sql(
        "SELECT DISTINCT state, decision FROM endorsement WHERE signer_email = %s",
        "someone@else.example",
    )
    assert found == [("declined", "duplicate")]


def test_the_same_website_is_said_and_left_to_the_desk(
    client: FlaskClient, smtp: Mailbox, deliver: Any, staff: Any, sql: Any
) -> None:
    sign_and_confirm(client, smtp, deliver)
    approve_all(staff("organizer"))
    thanks = sign_and_confirm(
        client, smtp, deliver, signer_email="b@b.example", organization_name="Harbor Youth",
        website="http://www.harbor-light.example/youth",
    )  # fmt: skip
    assert "same website" in thanks
    (row_id,) = sql("SELECT min(id) FROM endorsement WHERE signer_email = 'b@b.example'")[0]
    desk = staff("organizer").get(f"/desk/endorsements/{row_id}").get_data(as_text=True)
    assert "Another signer has the same website" in desk


def test_nobody_else_can_confirm(
    client: FlaskClient, smtp: Mailbox, deliver: Any, sql: Any
) -> None:
    sign(client)
    sign(client, signer_email="other@other.example", organization_name="Other")
    deliver()
    client.post(confirm_link(smtp, "other@other.example"))
    (first,) = sql(
        "SELECT min(id) FROM endorsement WHERE signer_email = %s", FILLED["signer_email"]
    )
    client.post(
        confirm_link(smtp, "other@other.example"),
        data={"chosen": "1", "act": f"endorsement:{first[0]}"},
    )
    found = sql("SELECT DISTINCT signer_email FROM endorsement WHERE state = 'confirmed'")
    assert found == [("other@other.example",)]


def test_two_sendings_of_one_signer_are_one_signature(
    client: FlaskClient, smtp: Mailbox, deliver: Any, sql: Any
) -> None:
    sign(client)
    sign(client, signer_title="President")
    deliver()
    assert len(smtp.arrived) == 1, "one confirmation an hour"
    page = client.get(confirm_link(smtp)).get_data(as_text=True)
    [(name, value)] = re.findall(r'name="([^"]+)" value="(endorsement:3)"', page)
    client.post(confirm_link(smtp), data={"chosen": "1", name: value})
    found = sql("SELECT signer_title, state, count(*) FROM endorsement GROUP BY 1, 2 ORDER BY 1")
    assert found == [("Executive Director", "withdrawn", 2), ("President", "confirmed", 2)]
    assert "Which of these" not in client.get(confirm_link(smtp)).get_data(as_text=True)


def test_the_own_page_corrects_and_withdraws(
    client: FlaskClient, smtp: Mailbox, deliver: Any, staff: Any, sql: Any
) -> None:
    path = own_page(sign_and_confirm(client, smtp, deliver))
    page = client.get(path).get_data(as_text=True)
    assert "Waits for approval" in page
    token = form_token(page)
    bad = client.post(path, data={"form_token": token, "signer_title": "Chair", "website": "::"})
    assert bad.status_code == 422 and "Chair" in bad.get_data(as_text=True)
    good = {"form_token": token, "signer_title": "Chair", "website": "new.example"}
    assert client.post(path, data=good).status_code == 303
    assert sql("SELECT DISTINCT signer_title, website, domain FROM endorsement") == [
        ("Chair", "https://new.example", "new.example")
    ]
    approve_all(staff("organizer"))
    client.post(path, data={**good, "signer_title": "Too late"})
    assert sql("SELECT DISTINCT signer_title FROM endorsement") == [("Chair",)]

    out = client.post(f"{path}/withdraw", data={"form_token": token, "petition": "doj"})
    assert out.status_code == 303
    deliver()
    assert states(sql) == [("dhs", "approved"), ("doj", "withdrawn")]
    assert counters(sql)["endorsers.state"] == 1
    assert "DHS" in client.get("/c/test/endorsements").get_data(as_text=True)
    for _ in range(2):
        client.post(f"{path}/withdraw", data={"form_token": token})
    deliver()
    assert counters(sql) == {"endorsements.withdrawn/dhs": 1, "endorsements.withdrawn/doj": 1}
    assert "Harbor" not in client.get("/c/test/endorsements").get_data(as_text=True)


def test_a_forged_own_page_is_not_found(client: FlaskClient) -> None:
    assert client.get("/endorsement/forged").status_code == 404


def test_after_withdrawing_one_can_sign_anew(
    client: FlaskClient, smtp: Mailbox, deliver: Any, sql: Any, app: Any
) -> None:
    from campaign.clock import utcnow

    path = own_page(sign_and_confirm(client, smtp, deliver))
    token = form_token(client.get(path).get_data(as_text=True))
    client.post(f"{path}/withdraw", data={"form_token": token})
    import time_machine

    with time_machine.travel(utcnow() + timedelta(hours=2), tick=True):
        sign_and_confirm(client, smtp, deliver)
    assert sql("SELECT count(*) FROM endorsement WHERE state = 'confirmed'") == [(2,)]


def test_a_closed_campaign_takes_nothing(app: Flask, client: FlaskClient, sql: Any) -> None:
    from campaign.clock import utcnow

    token = form_token(client.get("/c/test/endorse").get_data(as_text=True))
    with app.app_context():
        two_petitions("over", closes_at=utcnow() - timedelta(hours=1))
    page = client.get("/c/over/endorse")
    assert page.status_code == 200 and "takes no signatures now" in page.get_data(as_text=True)
    assert client.post("/c/over/endorse", data={**FILLED, "form_token": token}).status_code == 409
    assert states(sql) == []
    assert client.get("/c/nowhere/endorse").status_code == 404


def test_spanish(client: FlaskClient, smtp: Mailbox, deliver: Any, staff: Any) -> None:
    answer = sign(client, "/es/c/test/endorse")
    assert answer.headers["Location"].startswith("/es/c/test/endorse/sent")
    deliver()
    link = confirm_link(smtp)
    assert link.startswith("/es/confirm/")
    assert "Petición a DHS" in client.get(link).get_data(as_text=True)
    client.post(link)
    approve_all(staff("organizer"))
    deliver()
    assert "/es/c/test/endorsements" in smtp.to(FILLED["signer_email"])[-1].text()


def test_a_source_code_stays_with_the_signature(client: FlaskClient, sql: Any) -> None:
    path = "/c/test/endorse?source=partner-letter"
    page = client.get(path).get_data(as_text=True)
    assert 'value="partner-letter"' in page
    sign(client, path, source="partner-letter")
    sign(client, path, source="<script>", signer_email="x@x.example")
    assert sql("SELECT DISTINCT source FROM endorsement ORDER BY 1") == [("",), ("partner-letter",)]
