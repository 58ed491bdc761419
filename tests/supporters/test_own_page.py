"""The supporter's own page: what it shows, changes, hands out and deletes."""

import json
from collections.abc import Callable

from flask.testing import FlaskClient

from campaign.counts import queries as counts
from campaign.supporters import queries
from tests.supporters.conftest import text_of


def test_it_shows_what_the_site_knows_and_is_not_kept(
    campaign: int, confirmed: Callable, client: FlaskClient
) -> None:
    page = client.get(confirmed(consent="y"))
    text = text_of(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.text
    for known in ("ana@mail.example", "Ana Ruiz", "60608, IL", "A test cause", "Test Coalition"):
        assert known in text


def test_stopping_and_starting_again(
    campaign: int, confirmed: Callable, client: FlaskClient
) -> None:
    url = confirmed(consent="y")
    page = client.post(
        f"{url}/consents", data={"organization": "1", "stop": "1"}, follow_redirects=True
    )
    assert "The messages are stopped." in text_of(page)
    assert queries.consenting(1, [1]) == set()
    client.post(f"{url}/consents", data={"organization": "1", "give": "1"})
    assert queries.consenting(1, [1]) == {1}
    assert (
        client.post(f"{url}/consents", data={"organization": "99", "give": "1"}).status_code == 400
    )


def test_language_of_the_mail(
    campaign: int, confirmed: Callable, client: FlaskClient, sql: Callable
) -> None:
    url = confirmed()
    client.post(f"{url}/language", data={"language": "es"})
    assert sql("SELECT language FROM supporter") == [("es",)]
    assert client.post(f"{url}/language", data={"language": "xx"}).status_code == 400


def test_the_data_can_be_taken_away(
    campaign: int, confirmed: Callable, client: FlaskClient
) -> None:
    answer = client.get(f"{confirmed(consent='y')}/data.json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    data = json.loads(answer.text)
    assert data["person"]["email"] == "ana@mail.example"
    assert data["person"]["state"] == "IL"
    assert data["consents"][0]["organization"] == "Test Coalition"
    assert data["campaigns"][0]["campaign"] == "test"
    assert data["sign_ups"][0]["given_name"] == "Ana"


def test_deleting_leaves_numbers_and_a_suppression(
    campaign: int, confirmed: Callable, client: FlaskClient, sql: Callable, deliver: Callable
) -> None:
    url = confirmed(consent="y")
    assert "cannot be undone" in text_of(client.get(f"{url}/delete"))
    assert queries.supporter(1) is not None, "looking deletes nothing"
    assert "Everything is deleted" in text_of(client.post(f"{url}/delete"))
    for table in ("supporter", "sign_up", "consent", "confirmation", "message", "captured_message"):
        rows = sql(f"SELECT to_jsonb(t)::text FROM {table} t")
        for word in ("ana@", "Ana", "Ruiz", "60608"):
            assert not any(word in row for (row,) in rows), (table, word)
    assert sql("SELECT address, reason FROM suppression") == [("ana@mail.example", "erased")]
    deliver()
    assert counts.total("supporters.confirmed") == 1, "the number stays, linked to nobody"
    assert client.get(url).status_code == 410
    assert client.post(f"{url}/delete").status_code == 410


def test_who_comes_back_after_deletion_is_a_new_person(
    campaign: int,
    confirmed: Callable,
    sign_up: Callable,
    client: FlaskClient,
    mailed: Callable,
    sql: Callable,
) -> None:
    client.post(f"{confirmed(consent='y')}/delete")
    sign_up(consent="y")
    client.post(mailed())
    assert sql("SELECT id, email FROM supporter WHERE erased_at IS NULL") == [
        (2, "ana@mail.example")
    ]
    assert queries.consenting(1, [2]) == {2}
    assert queries.alert_suppression("ana@mail.example") is None, "they asked for it themselves"


def test_a_forged_key_opens_nothing(campaign: int, client: FlaskClient) -> None:
    for door in ("", "/data.json", "/delete"):
        assert client.get(f"/me/WzFd.aaaa.bbbb{door}").status_code == 404


def test_no_link_does_anything_when_a_scanner_fetches_it(
    campaign: int, confirmed: Callable, client: FlaskClient
) -> None:
    url = confirmed(consent="y")
    for door in ("", "/data.json", "/delete"):
        for fetch in (client.get, client.head, client.options):
            fetch(url + door)
    assert queries.supporter(1) is not None
    assert queries.consenting(1, [1]) == {1}
