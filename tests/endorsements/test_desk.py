"""The desk's side: who sees what, and what each decision does."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from tests.endorsements.arrange import FILLED, two_petitions
from tests.mailbox import Mailbox
from tests.working import an_organization, csrf_token

LIST = "/desk/endorsements/"


@pytest.fixture(autouse=True)
def campaign_id(app: Flask) -> int:
    """The campaign ``test``, led by "Test Coalition"."""
    with app.app_context():
        return two_petitions()


@pytest.fixture
def confirmed(app: Flask, campaign_id: int, sql: Any) -> Any:
    """Makes signatures of both petitions that wait for approval; returns their numbers."""

    def make(name: str, email: str = "s@x.example", **changes: str) -> list[int]:
        from campaign.endorsements import commands
        from campaign.extensions import db
        from campaign.petitions import queries

        values = {
            "kind": "national",
            "website": "",
            "signer_name": "Sig Ner",
            "signer_title": "Chair",
        }
        with app.app_context():
            said = commands.Statement(name=name, signer_email=email, **{**values, **changes})
            commands.submit(campaign_id, queries.of_campaign(campaign_id), said, name)
            rows = sql(
                "SELECT id FROM endorsement WHERE name = %s AND signer_email = %s", name, email
            )
            ids = sorted(row[0] for row in rows)
            commands.confirm(email, ids)
            db.session.commit()
            return ids

    return make


def post(desk: FlaskClient, path: str, page: str = LIST, **data: Any) -> Any:
    """Sends a form with the CSRF token of a page."""
    token = csrf_token(desk.get(page).get_data(as_text=True))
    return desk.post(path, data={"csrf_token": token, **data})


def names(desk: FlaskClient, query: str = "") -> list[str]:
    """The names in the list, top first."""
    soup = BeautifulSoup(desk.get(LIST + query).get_data(as_text=True), "html.parser")
    return [cell.get_text(strip=True) for cell in soup.select("tbody th a")]


def test_what_needs_a_person_comes_first(confirmed: Any, staff: Any, deliver: Any) -> None:
    confirmed("Beta Works"), confirmed("Alpha Aid")
    desk = staff("organizer")
    deliver()
    assert names(desk) == ["Alpha Aid", "Alpha Aid", "Beta Works", "Beta Works"]
    assert names(desk, "?petition=test/dhs") == ["Alpha Aid", "Beta Works"]
    assert names(desk, "?q=the+bet") == ["Beta Works", "Beta Works"]
    assert names(desk, "?q=%25") == []
    assert names(desk, "?state=approved") == []
    assert "Waits for approval (4)" in desk.get(LIST).get_data(as_text=True)


def test_paging_by_key(confirmed: Any, staff: Any) -> None:
    for number in range(28):
        confirmed(f"Org {number}")
    desk = staff("organizer")
    first = desk.get(LIST).get_data(as_text=True)
    link = BeautifulSoup(first, "html.parser").select_one("a[rel=next]")
    assert link is not None
    assert len(names(desk)) == 50
    assert len(names(desk, "?" + str(link["href"]).partition("?")[2])) == 6


def test_declining_tells_the_signer_why(
    confirmed: Any, staff: Any, smtp: Mailbox, deliver: Any, sql: Any
) -> None:
    ids = confirmed("Beta Works")
    desk = staff("organizer")
    path = f"/desk/endorsements/{ids[0]}"
    empty = post(desk, f"{path}/decline", path, reason="  ", ids=ids)
    assert empty.status_code == 422 and "Please write a reason" in empty.get_data(as_text=True)
    assert (
        post(desk, f"{path}/decline", path, reason="No proof yet.\nWrite us.", ids=ids).status_code
        == 302
    )
    deliver()
    mail = smtp.to("s@x.example")[-1]
    assert "No proof yet." in mail.text() and "Write us." in mail.html()
    assert sql("SELECT DISTINCT state, decision FROM endorsement") == [
        ("declined", "No proof yet.\nWrite us.")
    ]
    post(desk, f"{path}/decline", path, reason="Again", ids=ids)
    deliver()
    assert len(smtp.arrived) == 2, "the confirmation and one notice"
    # Somebody changes their mind.
    assert post(desk, "/desk/endorsements/approve", path, ids=ids, one=ids[0]).status_code == 302
    assert sql("SELECT DISTINCT state FROM endorsement") == [("approved",)]


def test_approving_twice_is_once(
    confirmed: Any, staff: Any, smtp: Mailbox, deliver: Any, sql: Any
) -> None:
    ids = confirmed("Beta Works")
    desk = staff("organizer")
    for _ in range(2):
        post(desk, "/desk/endorsements/approve", ids=ids)
    deliver()
    assert len(smtp.arrived) == 2
    assert sql(
        "SELECT value FROM counter WHERE name = 'endorsers.national' AND day = '0001-01-01'"
    ) == [(1,)]
    assert sql("SELECT name, kind FROM organization WHERE name = 'Beta Works'") == [
        ("Beta Works", "national")
    ]
    post(desk, f"/desk/endorsements/{ids[0]}/withdraw", f"/desk/endorsements/{ids[0]}", ids=ids[:1])
    deliver()
    assert sql("SELECT state FROM endorsement ORDER BY id") == [("withdrawn",), ("approved",)]


def test_approval_links_an_organization_that_is_known(
    app: Flask, confirmed: Any, staff: Any, sql: Any
) -> None:
    with app.app_context():
        known = an_organization("The Beta Works")
    ids = confirmed("Beta Works")
    post(staff("organizer"), "/desk/endorsements/approve", ids=ids)
    assert sql("SELECT DISTINCT organization_id FROM endorsement") == [(known,)]


def test_the_lead_organization_stands_first(
    confirmed: Any, staff: Any, client: FlaskClient
) -> None:
    ids = confirmed("Able") + confirmed("Jo", kind="individual") + confirmed("Test Coalition")
    post(staff("organizer"), "/desk/endorsements/approve", ids=ids)
    soup = BeautifulSoup(client.get("/c/test/endorsements").get_data(as_text=True), "html.parser")
    found = [item.get_text(" ", strip=True) for item in soup.select("ol.signers li")]
    assert [text.split(" National")[0] for text in found[:2]] == ["Test Coalition", "Able"]
    assert found[2] == "Jo Chair", "the heading above says what experts are"
    one = client.get("/c/test/endorsements?petition=dhs").get_data(as_text=True)
    assert one.index("Test Coalition") < one.index("Able") < one.index("Jo")
    assert client.get("/c/test/endorsements?petition=nope").status_code == 404


def test_changing_the_listing(
    confirmed: Any, staff: Any, client: FlaskClient, deliver: Any, sql: Any
) -> None:
    first, second = confirmed("Able"), confirmed("Beta")
    desk = staff("organizer")
    post(desk, "/desk/endorsements/approve", ids=first + second)
    path = f"/desk/endorsements/{second[0]}/listing"
    new = {
        "name": "Beta Works",
        "kind": "academic",
        "website": "beta.example",
        "title": "Dean",
        "position": "1",
    }
    assert post(desk, path, path, **{**new, "name": "ABLE, Inc."}).status_code == 422
    assert post(desk, path, path, **new).status_code == 302
    deliver()
    page = client.get("/c/test/endorsements").get_data(as_text=True)
    assert page.index("Beta Works") < page.index("Able") and "https://beta.example" in page
    counted = sql(
        "SELECT name, value FROM counter WHERE name LIKE 'endorsers%%' AND day = '0001-01-01' AND value > 0 ORDER BY 1"
    )
    assert counted == [("endorsers.academic", 1), ("endorsers.national", 1)]
    path = f"/desk/endorsements/{first[0]}/listing"
    post(desk, path, path, name="Able", kind="national", website="", title="", position="1")
    assert sql("SELECT name, position FROM cosigner ORDER BY position") == [
        ("Able", 1),
        ("Beta Works", 2),
    ]
    assert sql("SELECT DISTINCT name, position FROM endorsement ORDER BY 2") == [
        ("Able", 1),
        ("Beta Works", 2),
    ]


def test_entering_one_by_hand(
    staff: Any, client: FlaskClient, smtp: Mailbox, deliver: Any, sql: Any
) -> None:
    desk = staff("organizer")
    path = "/desk/endorsements/add/test"
    fields = {**FILLED, "petition": ["dhs", "doj"]}
    no_proof = post(desk, path, path, **fields)
    assert no_proof.status_code == 422 and FILLED["organization_name"] in no_proof.get_data(
        as_text=True
    )
    assert (
        post(desk, path, path, **fields, proof="Letter of 3 May, in the office").status_code == 302
    )
    again = post(desk, path, path, **fields, proof="Once more")
    assert again.status_code == 422 and "signed these petitions already" in again.get_data(
        as_text=True
    )
    deliver()
    assert smtp.arrived == []
    assert "Harbor Light" in client.get("/c/test/endorsements").get_data(as_text=True)
    assert sql("SELECT DISTINCT proof, state FROM endorsement") == [
        ("Letter of 3 May, in the office", "approved")
    ]


@pytest.mark.parametrize("role", ["lead", "organizer", "administrator"])
def test_who_may_decide(confirmed: Any, staff: Any, sql: Any, role: str) -> None:
    ids = confirmed("Beta Works")
    desk = staff(role)
    may = role != "lead"
    token = csrf_token(desk.get(LIST).get_data(as_text=True))
    for path in (
        "approve",
        f"{ids[0]}/decline",
        f"{ids[0]}/withdraw",
        f"{ids[0]}/listing",
        "add/test",
    ):
        answer = desk.post(f"/desk/endorsements/{path}", data={"csrf_token": token})
        assert (answer.status_code == 403) is not may, path
    assert desk.post("/desk/endorsements/approve", data={"ids": ids}).status_code in (400, 403)


def test_leads_see_what_is_theirs(app: Flask, confirmed: Any, staff: Any) -> None:
    with app.app_context():
        lead, partner = an_organization(), an_organization("Partner")
    own, other = confirmed("Partner"), confirmed("Secret", email="secret@x.example")
    leader, member = staff("lead", lead), staff("lead", partner)
    assert set(names(leader)) == {"Partner", "Secret"}
    assert set(names(member)) == {"Partner"}
    assert names(member, "?state=") == ["Partner", "Partner"]
    assert names(member, "?q=Secret&state=") == []
    assert member.get(f"/desk/endorsements/{own[0]}").status_code == 200
    assert member.get(f"/desk/endorsements/{other[0]}").status_code == 404
    assert leader.get(f"/desk/endorsements/{other[0]}").status_code == 200
    assert "secret@x" not in member.get(LIST + "?state=").get_data(as_text=True)
    assert member.get("/desk/endorsements/missing/test").status_code == 403
    assert leader.get("/desk/endorsements/missing/test").status_code == 200


def test_the_chase_list(app: Flask, confirmed: Any, staff: Any) -> None:
    with app.app_context():
        for name in ("Signed", "Waiting", "Silent"):
            an_organization(name)
    post(staff("organizer"), "/desk/endorsements/approve", ids=confirmed("Signed"))
    confirmed("Waiting")
    page = staff("organizer").get("/desk/endorsements/missing/test").get_data(as_text=True)
    rows = [
        row.get_text(" ", strip=True)
        for row in BeautifulSoup(page, "html.parser").select("tbody tr")
    ]
    assert [row.split()[0] for row in rows] == ["Silent", "Waiting", "Test"]
    assert "Waits for approval" in rows[1]


def test_a_visitor_is_sent_to_the_log_in(client: FlaskClient) -> None:
    for path in (LIST, "/desk/endorsements/1", "/desk/endorsements/missing/test"):
        answer = client.get(path)
        assert answer.status_code == 302 and "/desk/login" in answer.headers["Location"]
