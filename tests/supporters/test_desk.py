"""The desk's pages about supporters, and who sees whom."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from campaign.supporters import commands, queries
from tests.supporters.conftest import text_of
from tests.working import an_organization, csrf_token


@pytest.fixture
def people(campaign: int) -> dict[str, int]:
    """Four people: two let Test Coalition write, one Parish Network, one nobody."""
    agreed = {"ana": "Test Coalition", "bea": "Test Coalition", "cleo": "Parish Network", "dan": ""}
    found = {}
    for name, organization in agreed.items():
        found[name] = commands.ensure_supporter(f"{name}@mail.example")
        consents = []
        if organization:
            consents = [commands.Agreement(an_organization(organization), "yes")]
        person = commands.Person(
            name.title(), f"{name.title()}son", "60608" if name != "bea" else "02139", "en"
        )
        commands.confirm_person(found[name], person, consents, campaign_id=campaign)
    return found


def search(desk: FlaskClient, **fields: str) -> set[str]:
    """The given names in the list that the search finds."""
    page = desk.get("/desk/supporters")
    answer = desk.post("/desk/supporters", data={"csrf_token": csrf_token(page.text), **fields})
    assert answer.status_code == 200
    return names(answer.text)


def names(html: str) -> set[str]:
    soup = BeautifulSoup(html, "html.parser")
    return {link.text.split("@")[0] for link in soup.select("table a")}


def test_search_by_address_name_state(people: dict[str, int], staff: Callable) -> None:
    desk = staff("organizer")
    assert search(desk) == {"ana", "bea", "cleo", "dan"}
    assert search(desk, q="ANA@mail.example") == {"ana"}
    assert search(desk, q="cleoson") == {"cleo"}
    assert search(desk, q="b") == {"bea"}
    assert search(desk, q="%") == set()
    assert search(desk, state="MA") == {"bea"}
    assert search(desk, state="IL", q="d") == {"dan"}
    assert search(desk, language="es") == set()


def test_paging_goes_on_and_back(campaign: int, staff: Callable) -> None:
    for number in range(60):
        commands.ensure_supporter(f"p{number:02}@mail.example")
    desk = staff("organizer")
    page = desk.get("/desk/supporters")
    first = names(page.text)
    assert len(first) == 50
    key = BeautifulSoup(page.text, "html.parser").select_one("button[name=before]")["value"]
    second = search(desk, before=key)
    assert len(second) == 10
    assert not first & second


def test_a_lead_sees_those_who_let_their_organization_write(
    people: dict[str, int], staff: Callable
) -> None:
    desk = staff("lead", an_organization("Test Coalition"))
    assert search(desk) == {"ana", "bea"}
    assert search(desk, q="cleo") == set()
    assert desk.get(f"/desk/supporters/{people['ana']}").status_code == 200
    assert desk.get(f"/desk/supporters/{people['cleo']}").status_code == 404
    assert desk.get(f"/desk/supporters/{people['ana']}/delete").status_code == 403
    commands.withdraw_consent(people["ana"], an_organization("Test Coalition"))
    assert desk.get(f"/desk/supporters/{people['ana']}").status_code == 404


def test_a_person_is_shown_unsubscribed_and_deleted_on_request(
    people: dict[str, int], staff: Callable
) -> None:
    desk = staff("organizer")
    url = f"/desk/supporters/{people['ana']}"
    page = desk.get(url)
    assert "Test Coalition" in text_of(page)
    token = csrf_token(page.text)
    desk.post(f"{url}/unsubscribe", data={"csrf_token": token, "organization": "1"})
    assert queries.consenting(1, [people["ana"]]) == set()
    assert desk.post(f"{url}/delete").status_code == 400, "without the form's token nothing happens"
    assert "cannot be undone" in text_of(desk.get(f"{url}/delete"))
    desk.post(f"{url}/delete", data={"csrf_token": token})
    assert desk.get(url).status_code == 404


def test_a_lead_unsubscribes_from_their_own_organization_only(
    people: dict[str, int], staff: Callable
) -> None:
    other = an_organization("Parish Network")
    commands.give_consent(people["ana"], commands.Agreement(other, "yes"))
    desk = staff("lead", an_organization("Test Coalition"))
    token = csrf_token(desk.get(f"/desk/supporters/{people['ana']}").text)
    desk.post(
        f"/desk/supporters/{people['ana']}/unsubscribe",
        data={"csrf_token": token, "organization": str(other)},
    )
    assert queries.consenting(other, [people["ana"]]) == {people["ana"]}
    assert queries.consenting(1, [people["ana"]]) == set()


def test_strangers_see_the_log_in(campaign: int, client: FlaskClient) -> None:
    assert client.get("/desk/supporters").status_code == 302
