"""Petitions set like legal documents, their versions, and the documents' bytes."""

from typing import Any

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from tests.coalition.test_public import words


def test_a_petition_shows_what_6_cfr_3_5_asks_for(demo: Flask, client: FlaskClient) -> None:
    answer = client.get("/c/wait-in-freedom/petitions/dhs")
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    text = words(answer)
    head = page.select_one("main header").get_text(" ")
    assert "Petition for Rulemaking" in head
    assert "100 Example Street, Chicago" in text
    assert "Mail Stop 0485" in text and "5 U.S.C. 553(e)" in text
    assert "September 15, 2026" in text
    # Paragraph (c) of a rule stays (c).
    assert "(c)" in text and "©" not in text
    assert "/c/wait-in-freedom/endorsements" in answer.get_data(as_text=True)
    assert "Petición de reglamentación (Petition for Rulemaking)" in words(
        client.get("/es/c/wait-in-freedom/petitions/dhs")
    )


def test_unknown_petitions_and_versions(demo: Flask, client: FlaskClient) -> None:
    for address in ("nothing", "dhs?version=2", "dhs?version=x"):
        assert client.get(f"/c/wait-in-freedom/petitions/{address}").status_code == 404
    assert client.get("/c/wait-in-freedom/petitions/dhs?version=1").status_code == 200


def links(client: FlaskClient, address: str = "/c/wait-in-freedom/petitions/dhs") -> list[str]:
    page = BeautifulSoup(client.get(address).get_data(as_text=True), "html.parser")
    return [one["href"] for one in page.select("a[href^='/documents/'], a[href^='/es/documents/']")]


def test_documents_stand_in_the_readers_language_first(demo: Flask, client: FlaskClient) -> None:
    assert [one.rpartition(".")[0][-2:] for one in links(client)] == ["en", "es"]
    spanish = links(client, "/es/c/wait-in-freedom/petitions/dhs")
    assert [one.rpartition(".")[0][-2:] for one in spanish] == ["es", "en"]


def test_a_documents_bytes(demo: Flask, client: FlaskClient) -> None:
    answer = client.get(links(client)[0])
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert (
        answer.headers["Content-Disposition"]
        == 'inline; filename="about-the-2009-guidelines.en.pdf"'
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    again = client.get(links(client)[0], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and not again.data


def test_a_document_has_one_address(demo: Flask, client: FlaskClient) -> None:
    right = links(client)[0]
    wrong = client.get(right.rpartition("/")[0] + "/other.pdf")
    assert wrong.status_code == 302 and wrong.headers["Location"] == right
    assert client.get("/documents/999999/x.pdf").status_code == 404
    assert client.get("/documents/99999999999999999999/x.pdf").status_code == 404


def test_documents_of_what_is_not_published_stay_inside(
    demo: Flask, client: FlaskClient, staff: Any, sql: Any
) -> None:
    address = links(client)[0]
    sql("UPDATE campaign SET published = false")
    assert client.get(address).status_code == 404
    sql("UPDATE campaign SET published = true")
    sql("UPDATE petition_version SET published_at = NULL")
    assert client.get(address).status_code == 404
    inside = "/desk/campaigns" + address
    assert client.get(inside).status_code == 302
    assert staff("lead").get(inside).status_code == 403
    answer = staff("organizer").get(inside)
    assert answer.status_code == 200 and "no-store" in answer.headers["Cache-Control"]
