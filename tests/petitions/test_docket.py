"""A petition's docket: the agency's numbers, the comment period, and a history with documents and citations."""

import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from campaign.petitions import docketing
from campaign.petitions.models import Petition
from tests.coalition.test_desk import fields
from tests.coalition.test_public import words

DESK = "/desk/campaigns/petitions/1/docket"
HISTORY = "/desk/campaigns/petitions/1/history"
PUBLIC = "/c/wait-in-freedom/petitions/dhs"


@pytest.fixture
def organizer(demo: Flask, staff: Any) -> FlaskClient:
    return staff("organizer")


def send(organizer: FlaskClient, where: str, page: str = DESK, **data: str) -> Any:
    return organizer.post(where, data={**token(organizer, page), **data})


def token(organizer: FlaskClient, page: str) -> dict[str, str]:
    return {"csrf_token": fields(organizer, page)["csrf_token"]}


def test_two_forms_on_one_page_share_no_id(organizer: FlaskClient) -> None:
    ids = re.findall(r' id="([^"]+)"', organizer.get(DESK).get_data(as_text=True))
    assert len(ids) == len(set(ids)) and "csrf_token" in fields(organizer, DESK)


def test_the_history_is_written_at_the_desk_and_shown_to_everyone(
    organizer: FlaskClient, client: FlaskClient
) -> None:
    assert "What became of it" not in words(client.get(PUBLIC))
    said = {"kind": "filed", "on": "2026-10-01", "note_en": "By mail.", "note_es": "Por correo."}
    assert send(organizer, HISTORY, **said).status_code == 303
    answer = send(
        organizer, HISTORY, kind="published", on="2026-11-02", citation="91 FR 36075", note_en="Notice <b>one</b>"
    )  # fmt: skip
    entry = answer.headers["Location"]
    assert (
        send(organizer, HISTORY, kind="denied", on="2026-11-03", citation="36075").status_code
        == 422
    )
    late = send(organizer, HISTORY, kind="denied", on="2099-11-03")
    assert late.status_code == 422 and "has not come yet" in words(late)
    data = {
        **token(organizer, entry),
        "file": (io.BytesIO(b"%PDF-1.7 it"), "notice.pdf"),
        "title_en": "The notice",
        "language": "",
    }
    assert organizer.post(f"{entry}/documents", data=data).status_code == 303
    page = client.get(PUBLIC)
    text, html = words(page), page.get_data(as_text=True)
    assert text.index("Published in the Federal Register") < text.index("Filed with the agency")
    assert "https://www.federalregister.gov/citation/91-FR-36075" in html
    assert "By mail." in text and "Notice <b>one</b>" in text and "The notice" in text
    assert "Set-Cookie" not in page.headers
    assert "Por correo." in words(client.get("/es" + PUBLIC))
    link = html.split("notice.pdf")[0].rpartition('href="')[2] + "notice.pdf"
    assert client.get(link).status_code == 200
    # A mistake is mended in place, and taken out with what was attached.
    send(organizer, entry, entry, kind="answered", on="2026-11-04", note_en="They wrote back.")
    assert "They wrote back." in words(client.get(PUBLIC))
    send(organizer, f"{entry}/strike", entry)
    assert "They wrote back." not in words(client.get(PUBLIC))
    assert client.get(link).status_code == 404


def test_filed_comments_are_told_with_their_document_and_counts(
    organizer: FlaskClient, client: FlaskClient
) -> None:
    counts = {"document": "DHS-2026-0012-0001", "alone": "120", "forms": "3400"}
    wrong = send(organizer, HISTORY, kind="received", on="2026-11-02", note_en="Kept", **counts)
    page = wrong.get_data(as_text=True)
    assert wrong.status_code == 422 and "This belongs to comments that were filed." in page
    assert 'value="3400"' in page and "Kept" in page
    entry = send(organizer, HISTORY, kind="commented", on="2026-11-02", **counts).location
    page = client.get(PUBLIC).get_data(as_text=True)
    assert "Comments filed" in page and "120 comments unlike any other, 3,400 form letters" in page
    assert "https://www.regulations.gov/document/DHS-2026-0012-0001" in page
    send(organizer, entry, entry, kind="commented", on="2026-11-02", alone="1")
    page = client.get("/es" + PUBLIC).get_data(as_text=True)
    assert "1 comentario distinto de los demás" in page and "3400" not in page


def test_a_draft_campaigns_history_is_nobodys_to_read(
    organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    entry = send(organizer, HISTORY, kind="filed", on="2026-10-01").headers["Location"]
    data = {
        **token(organizer, entry),
        "file": (io.BytesIO(b"%PDF-1.7 it"), "receipt.pdf"),
        "title_en": "The receipt",
        "language": "",
    }
    organizer.post(f"{entry}/documents", data=data)
    ((number,),) = sql("SELECT id FROM document WHERE petition_event_id IS NOT NULL")
    assert client.get(f"/documents/{number}/receipt.pdf").status_code == 200
    sql("UPDATE campaign SET published = false")
    assert client.get(f"/documents/{number}/receipt.pdf").status_code == 404


def test_a_comment_period_has_two_ends_and_a_document(
    organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    period = {"opens": "2026-11-01", "closes": "2026-12-01"}
    for wrong in (
        {"opens": "2026-11-01"},
        period,
        {"opens": "2026-12-01", "closes": "2026-11-01", "document_id": "DHS-2026-0012-0001"},
        {"docket_number": "DHS 2026/12"},
    ):
        assert send(organizer, DESK, **wrong).status_code == 422, wrong
    right = {"docket_number": "DHS-2026-0012", "document_id": "DHS-2026-0012-0001", **period}
    assert send(organizer, DESK, **right).status_code == 303
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC)):
        page = client.get(PUBLIC).get_data(as_text=True)
    assert "https://www.regulations.gov/docket/DHS-2026-0012" in page and "open now" in page


def test_comments_are_open_until_midnight_in_washington() -> None:
    petition = Petition(comment_opens=date(2026, 11, 1), comment_closes=date(2026, 12, 1))
    for at, is_open in (
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 1, 4, tzinfo=UTC), True),
        (datetime(2026, 12, 2, 4, 59, tzinfo=UTC), True),
        (datetime(2026, 12, 2, 5, tzinfo=UTC), False),
    ):
        assert docketing.comments_open(petition, at) is is_open, at
    assert not docketing.comments_open(Petition(comment_opens=date(2026, 1, 1)), at)
