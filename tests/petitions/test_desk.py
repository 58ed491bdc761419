"""Petitions at the desk: a draft of the next version, its documents, and publication for good."""

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from tests.coalition.test_desk import fields, press, upload
from tests.coalition.test_public import words

PUBLIC = "/c/wait-in-freedom/petitions/dhs"


@pytest.fixture
def organizer(demo: Flask, staff: Any) -> FlaskClient:
    return staff("organizer")


def begin(organizer: FlaskClient) -> str:
    answer = press(organizer, "/desk/campaigns/petitions/1/draft", "/desk/campaigns/petitions/1")
    return str(answer.headers["Location"])


def publish(organizer: FlaskClient, draft: str, **more: str) -> Any:
    address = f"{draft}/publish"
    return organizer.post(address, data={**fields(organizer, address), **more})


def test_the_label_of_a_document_leads_to_its_own_field(organizer: FlaskClient) -> None:
    found = BeautifulSoup(organizer.get(begin(organizer)).get_data(as_text=True), "html.parser")
    form = found.find("form", enctype="multipart/form-data")
    label = form.find("label", string=re.compile("Title"))
    assert form.find(id=label["for"])["name"] == "title_en"
    ids = [
        one["id"] for one in found.find_all("input", id=True, type=lambda kind: kind != "hidden")
    ]
    assert sorted(set(ids)) == sorted(ids)


def test_the_next_version_is_written_and_published_for_good(
    organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    draft = begin(organizer)
    assert begin(organizer) == draft, "there is one draft at a time"
    data = fields(organizer, draft)
    assert data["petitioner_address"].startswith("100 Example Street")
    changed = {**data, "title_en": "Release, and soon"}
    assert organizer.post(draft, data=changed).status_code == 302
    assert "Release, and soon" not in words(client.get(PUBLIC))
    assert client.get(f"{PUBLIC}?version=2").status_code == 404
    answer = publish(organizer, draft, material="y")
    assert answer.status_code == 302, words(answer)
    text = words(client.get(PUBLIC))
    assert "Release, and soon" in text and "changed in substance" in text
    old = words(client.get(f"{PUBLIC}?version=1"))
    assert (
        "earlier version" in old
        and "now stands at version 2" in old
        and "Release, and soon" not in old
    )
    # The documents came along, as documents of the new version.
    assert sql(
        "SELECT count(*), count(DISTINCT sha256) FROM document WHERE petition_version_id IN (1, 3)"
    ) == [(4, 2)]
    before = sql("SELECT * FROM petition_version ORDER BY id")
    assert organizer.post(draft, data=changed).status_code == 404
    for act in ("publish", "discard", "documents"):
        assert press(organizer, f"{draft}/{act}", "/desk/campaigns/new").status_code == 404
    assert sql("SELECT * FROM petition_version ORDER BY id") == before


def test_a_draft_lacks_nothing_when_it_is_published(organizer: FlaskClient, sql: Any) -> None:
    draft = begin(organizer)
    data = {**fields(organizer, draft), "body_es": "", "legal_form_en": "A polite request"}
    organizer.post(draft, data=data)
    page = words(organizer.get(f"{draft}/publish"))
    assert "missing in Español" in page
    assert press(organizer, f"{draft}/publish", draft).status_code == 422
    organizer.post(draft, data={**fields(organizer, draft), "body_es": "Todo"})
    assert "6 CFR 3.5" in words(organizer.get(f"{draft}/publish"))
    assert sql("SELECT count(*) FROM petition_version WHERE published_at IS NULL")[0][0] == 1


def test_nobody_publishes_what_they_have_not_read(
    organizer: FlaskClient, staff: Any, sql: Any
) -> None:
    draft = begin(organizer)
    seen = fields(organizer, f"{draft}/publish") | {"material": "y"}
    other = staff("administrator")
    other.post(draft, data={**fields(other, draft), "title_en": "Something else"})
    answer = organizer.post(f"{draft}/publish", data=seen)
    assert answer.status_code == 409 and "Someone else changed the draft" in words(answer)
    assert "Something else" in words(answer), "to be read again"
    ticked = BeautifulSoup(answer.get_data(as_text=True), "html.parser").select_one("#material")
    assert ticked and ticked.has_attr("checked")
    assert sql("SELECT count(*) FROM petition_version WHERE published_at IS NULL")[0][0] == 1


def test_two_editors_of_a_draft(organizer: FlaskClient, staff: Any) -> None:
    draft = begin(organizer)
    mine = fields(organizer, draft)
    other = staff("administrator")
    other.post(draft, data={**fields(other, draft), "title_en": "Theirs"})
    answer = organizer.post(draft, data={**mine, "title_en": "Mine"})
    assert answer.status_code == 409 and "Someone else changed this" in words(answer)


def test_documents_of_a_draft(organizer: FlaskClient, sql: Any) -> None:
    draft = begin(organizer)
    assert upload(organizer, draft, "data.csv", "a,b\nñ,2\n".encode()).status_code == 302
    page = BeautifulSoup(organizer.get(draft).get_data(as_text=True), "html.parser")
    assert page.select_one("a[href$='/data.csv']")
    number = sql("SELECT id FROM document WHERE filename = 'data.csv'")[0][0]
    press(organizer, f"{draft}/documents/{number}/remove", draft)
    # Another version's document is out of reach.
    press(organizer, f"{draft}/documents/1/remove", draft)
    assert sql("SELECT count(*) FROM document WHERE id = 1") == [(1,)]
    press(organizer, f"{draft}/discard", draft)
    assert sql("SELECT count(*) FROM document")[0][0] == 4


def test_a_new_petition(organizer: FlaskClient, client: FlaskClient, sql: Any) -> None:
    new = "/desk/campaigns/wait-in-freedom/petitions/new"
    data = {
        **fields(organizer, new), "slug": "labor", "agency": "DOL", "agency_name_en": "Department of Labor",
        "title_en": "Work", "summary_en": "In short", "body_en": "## 1. We ask", "petitioner": "Test",
        "petitioner_address": "1 Street",
    }  # fmt: skip
    twice = organizer.post(new, data={**data, "slug": "dhs"})
    assert twice.status_code == 422 and "has this short name" in words(twice)
    draft = organizer.post(new, data=data).headers["Location"]
    assert client.get("/c/wait-in-freedom/petitions/labor").status_code == 404
    assert "Draft of version 1" in words(organizer.get("/desk/campaigns/wait-in-freedom/petitions"))
    press(organizer, f"{draft}/discard", draft)
    assert sql("SELECT count(*) FROM petition") == [(2,)]


def test_roles(organizer: FlaskClient, staff: Any, client: FlaskClient) -> None:
    draft = begin(organizer)
    lead = staff("lead")
    for address in (
        draft,
        f"{draft}/publish",
        "/desk/campaigns/petitions/1",
        "/desk/campaigns/wait-in-freedom/petitions",
    ):
        assert lead.get(address).status_code == 403
        assert client.get(address).status_code == 302
