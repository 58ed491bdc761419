"""The desk's pages of campaigns, news, organizations and source codes, as staff use them."""

import io
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from tests.coalition.test_public import words
from tests.working import a_campaign, an_organization, csrf_token


def fields(client: FlaskClient, address: str, form: int = 0) -> dict[str, Any]:
    """What the page's form holds, ready to be changed and sent, with its token."""
    page = BeautifulSoup(client.get(address).get_data(as_text=True), "html.parser")
    found: dict[str, Any] = {}
    for one in page.select("main form")[form].select("input[name], textarea[name], select[name]"):
        name, kind = one["name"], one.get("type")
        if kind in ("checkbox", "radio"):
            if one.has_attr("checked"):
                found.setdefault(name, []).append(one.get("value", "y"))
        elif one.name == "textarea":
            found[name] = (one.string or "").lstrip("\n")
        elif one.name == "select":
            chosen = one.select_one("option[selected]") or one.select_one("option")
            found[name] = chosen["value"]
        else:
            found[name] = one.get("value", "")
    return found


def press(client: FlaskClient, address: str, on: str, **data: Any) -> Any:
    """Sends a form of one button, with the token of the page that it stands on."""
    token = csrf_token(client.get(on).get_data(as_text=True))
    return client.post(address, data={"csrf_token": token, **data})


NEW = {
    "slug": "clean-water",
    "lead": "Test Coalition",
    "languages": ["en", "es"],
    "title_en": "Clean water",
    "title_es": "Agua limpia",
    "tagline_en": "For all",
    "tagline_es": "Para todos",
    "summary_en": "In short",
    "summary_es": "En breve",
    "body_en": "**What** we ask",
    "body_es": "Lo que pedimos",
    "notice_en": "",
    "notice_es": "",
    "goal": "200",
    "opens": "2026-01-05",
    "closes": "2099-02-01",
    "timezone": "America/Los_Angeles",
    "accent": "#ffcc00",
    "rewrite_hours": "24",
}


@pytest.fixture
def organizer(app: Flask, staff: Any) -> FlaskClient:
    with app.app_context():
        an_organization()
    return staff("organizer")


def make(organizer: FlaskClient, **changes: Any) -> Any:
    data = {**fields(organizer, "/desk/campaigns/new"), **NEW, **changes}
    return organizer.post(
        "/desk/campaigns/new", data={k: v for k, v in data.items() if v is not None}
    )


def test_an_organizer_makes_and_publishes_a_campaign(
    organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    answer = make(organizer)
    assert answer.status_code == 302
    opens, closes = sql("SELECT opens_at, closes_at FROM campaign")[0]
    assert (opens.isoformat(), closes.isoformat()) == (
        "2026-01-05T08:00:00+00:00",
        "2099-02-02T08:00:00+00:00",
    )
    assert client.get("/c/clean-water").status_code == 404
    preview = organizer.get("/desk/campaigns/clean-water/preview")
    assert "Clean water" in words(preview) and preview.headers["Cache-Control"] == "no-store"
    assert organizer.get("/desk/campaigns/clean-water/theme.css").status_code == 200
    edit = fields(organizer, "/desk/campaigns/clean-water/edit")
    assert edit["closes"] == "2099-02-01" and edit["opens"] == "2026-01-05"
    organizer.post("/desk/campaigns/clean-water/edit", data={**edit, "published": "y"})
    assert "For all" in words(client.get("/c/clean-water"))
    assert "Agua limpia" in words(client.get("/es/c/clean-water"))
    assert "Clean water" in words(organizer.get("/desk/campaigns/"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slug": "Clean Water"}, "lower-case letters"),
        ({"slug": "new"}, "Another campaign"),
        ({"lead": "Nobody Here"}, "There is no organization of this name"),
        ({"languages": ["es"]}, "speaks English"),
        ({"body_es": ""}, "Some texts in Español are missing"),
        ({"title_en": ""}, "Please fill this in"),
        ({"closes": "2026-01-04"}, "before the first"),
        ({"timezone": "Mars/Olympus"}, "not known"),
        ({"timezone": "../../etc/passwd"}, "not known"),
        ({"accent": "yellowish"}, "colour like"),
        ({"goal": "-1"}, "Number must be"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_nothing_typed_is_lost(
    organizer: FlaskClient, sql: Any, changes: dict[str, Any], said: str
) -> None:
    answer = make(organizer, **changes)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "Para todos" in answer.get_data(as_text=True)
    assert sql("SELECT count(*) FROM campaign")[0][0] == 0


def test_the_same_short_name_twice(organizer: FlaskClient) -> None:
    assert make(organizer).status_code == 302
    again = make(organizer)
    assert again.status_code == 422 and "Another campaign has this short name" in words(again)


def test_an_unreadable_accent_is_explained(organizer: FlaskClient) -> None:
    make(organizer)
    assert "hard to read as it is" in words(organizer.get("/desk/campaigns/clean-water/edit"))


def test_preview_saves_nothing(organizer: FlaskClient, sql: Any) -> None:
    answer = make(organizer, preview="1")
    page = answer.get_data(as_text=True)
    assert (
        answer.status_code == 200
        and "<strong>What</strong> we ask" in page
        and "nothing is saved" in words(answer)
    )
    assert sql("SELECT count(*) FROM campaign")[0][0] == 0


def test_two_editors_do_not_overwrite_each_other_unseen(
    organizer: FlaskClient, staff: Any, sql: Any
) -> None:
    make(organizer)
    other = staff("administrator")
    address = "/desk/campaigns/clean-water/edit"
    mine, theirs = fields(organizer, address), fields(other, address)
    assert other.post(address, data={**theirs, "goal": "300"}).status_code == 302
    answer = organizer.post(address, data={**mine, "tagline_en": "For everyone"})
    assert answer.status_code == 409
    assert "Someone else changed this" in words(answer) and "For everyone" in answer.get_data(
        as_text=True
    )
    assert sql("SELECT goal, tagline->>'en' FROM campaign") == [(300, "For all")]
    # Pressing again, now knowingly, replaces it.
    seen = BeautifulSoup(answer.get_data(as_text=True), "html.parser").select_one(
        "input[name=seen]"
    )["value"]
    organizer.post(address, data={**mine, "tagline_en": "For everyone", "seen": seen})
    assert sql("SELECT goal, tagline->>'en' FROM campaign") == [(200, "For everyone")]


def test_leads_have_no_business_with_campaigns(app: Flask, staff: Any, client: FlaskClient) -> None:
    with app.app_context():
        a_campaign()
    lead = staff("lead")
    for address in ("/desk/campaigns/", "/desk/campaigns/test", "/desk/campaigns/test/edit", "/desk/campaigns/new",
                    "/desk/campaigns/test/preview", "/desk/campaigns/test/updates/new"):  # fmt: skip
        assert lead.get(address).status_code == 403
        assert client.get(address).headers["Location"].startswith("/desk/login")


def test_a_desk_form_needs_its_token(organizer: FlaskClient, sql: Any) -> None:
    assert organizer.post("/desk/campaigns/new", data=NEW).status_code == 400
    assert sql("SELECT count(*) FROM campaign")[0][0] == 0


def write_news(organizer: FlaskClient, **changes: Any) -> str:
    new = "/desk/campaigns/test/updates/new"
    data = {
        **fields(organizer, new),
        "title_en": "An answer!",
        "body_en": "It **came**.",
        **changes,
    }
    answer = organizer.post(new, data=data)
    assert answer.status_code == 302, words(answer)
    return str(answer.headers["Location"])


def test_news_is_written_published_and_taken_back(
    app: Flask, organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    with app.app_context():
        a_campaign(timezone="Pacific/Auckland")
    address = write_news(organizer)
    assert "An answer!" not in words(client.get("/c/test"))
    refused = press(organizer, f"{address}/publish", address, day="2026-01-02")
    assert "not written in Español yet" in words(organizer.get(refused.headers["Location"]))
    saved = {**fields(organizer, address), "title_es": "Una respuesta", "body_es": "Llegó."}
    assert organizer.post(address, data=saved).status_code == 302
    press(organizer, f"{address}/publish", address, day="2099-01-01")
    assert sql('SELECT published_at FROM "update"') == [(None,)]
    press(organizer, f"{address}/publish", address, day="2026-01-02")
    (slug, at), = sql('SELECT slug, published_at FROM "update"')  # fmt: skip
    assert at.isoformat() == "2026-01-01T11:00:00+00:00"
    assert slug.endswith("-an-answer")
    assert "January 2, 2026" in words(client.get(f"/c/test/updates/{slug}"))
    assert "Una respuesta" in words(client.get("/es/c/test"))
    assert press(organizer, f"{address}/delete", address).status_code == 302
    assert sql('SELECT count(*) FROM "update"')[0][0] == 1
    press(organizer, f"{address}/take-back", address)
    assert client.get(f"/c/test/updates/{slug}").status_code == 404
    press(organizer, f"{address}/delete", address)
    assert sql('SELECT count(*) FROM "update"')[0][0] == 0


def test_two_pieces_of_news_of_one_title_get_two_addresses(
    app: Flask, organizer: FlaskClient, sql: Any
) -> None:
    with app.app_context():
        a_campaign()
    write_news(organizer)
    write_news(organizer)
    slugs = [row[0] for row in sql('SELECT slug FROM "update" ORDER BY id')]
    assert slugs[1] == f"{slugs[0]}-2"


def upload(organizer: FlaskClient, address: str, name: str, content: bytes, **more: str) -> Any:
    token = csrf_token(organizer.get(address).get_data(as_text=True))
    data = {
        "csrf_token": token,
        "file": (io.BytesIO(content), name),
        "title_en": "The answer",
        "language": "en",
        **more,
    }
    return organizer.post(f"{address}/documents", data=data, content_type="multipart/form-data")


def test_documents_of_news(
    app: Flask, organizer: FlaskClient, client: FlaskClient, sql: Any
) -> None:
    with app.app_context():
        a_campaign(languages=["en"])
    address = write_news(organizer)
    answer = upload(organizer, address, "Réponse de l'agence.PDF", b"%PDF-1.7 hello")
    assert answer.status_code == 302, words(answer)
    number, name, size = sql("SELECT id, filename, size FROM document")[0]
    assert (name, size) == ("Reponse-de-l-agence.pdf", 14)
    assert client.get(f"/documents/{number}/{name}").status_code == 404
    press(organizer, f"{address}/publish", address, day="2026-01-02")
    assert client.get(f"/documents/{number}/{name}").data == b"%PDF-1.7 hello"
    late = upload(organizer, address, "more.pdf", b"%PDF-1.7 more")
    assert late.status_code == 302 and sql("SELECT count(*) FROM document")[0][0] == 1
    press(organizer, f"{address}/documents/{number}/remove", address)
    assert sql("SELECT count(*) FROM document")[0][0] == 1
    press(organizer, f"{address}/take-back", address)
    press(organizer, f"{address}/documents/{number}/remove", address)
    assert sql("SELECT count(*) FROM document")[0][0] == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("page.html", b"<html>", "Only PDF"),
        ("page.svg", b"<svg/>", "Only PDF"),
        ("answer.pdf", b"<html><script>", "not what its name says"),
        ("answer.docx", b"PK\x03\x04 nothing", "not what its name says"),
        ("notes.txt", b"\x00\x01\x02", "not what its name says"),
        ("empty.pdf", b"", "empty"),
        ("large.pdf", b"%PDF-" + b"x" * (10 * 1024 * 1024), "larger than 10 MB"),
        ("..", b"%PDF-", "name of Latin letters"),
    ],
)
def test_a_file_that_cannot_be_attached(
    app: Flask, organizer: FlaskClient, sql: Any, name: str, content: bytes, said: str
) -> None:
    with app.app_context():
        a_campaign()
    answer = upload(organizer, write_news(organizer), name, content)
    assert answer.status_code == 422 and said in words(answer), words(answer)
    assert sql("SELECT count(*) FROM document")[0][0] == 0


def test_organizations_are_searched_paged_added_and_changed(
    demo: Flask, staff: Any, sql: Any
) -> None:
    organizer = staff("organizer")
    assert "Amnesty International" in words(organizer.get("/desk/organizations/?q=amnesty"))
    found = words(organizer.get("/desk/organizations/?q=rights&kind=international"))
    assert (
        "The Advocates for Human Rights" in found and "Florence" not in found.split("Contact", 1)[1]
    )
    assert "None fits" in words(organizer.get("/desk/organizations/?q=100%25"))
    sql(
        "INSERT INTO organization (slug, name, kind, website, country, contact_name, contact_email, created_at) "
        "SELECT 'x-' || n, 'Xylo ' || n, 'local', '', 'US', '', '', now() FROM generate_series(1, 120) n"
    )
    seen, address = [], "/desk/organizations/?q=xylo"
    while address:
        page = BeautifulSoup(organizer.get(address).get_data(as_text=True), "html.parser")
        seen += [one.get_text() for one in page.select("tbody th a")]
        more = page.select_one("a[rel=next]")
        address = more["href"] if more else ""
    assert len(seen) == len(set(seen)) == 120
    new = {
        **fields(organizer, "/desk/organizations/new", 0),
        "name": "Casa Esperanza",
        "kind": "local",
        "country": "us",
    }
    made = organizer.post("/desk/organizations/new", data=new)
    assert made.status_code == 302
    again = organizer.post("/desk/organizations/new", data={**new, "name": "Casa  Esperanza"})
    assert again.status_code == 422 and "there already" in words(again)
    address = made.headers["Location"] + "/edit"
    wrong = organizer.post(
        address, data={**fields(organizer, address), "website": "javascript:alert(1)"}
    )
    assert wrong.status_code == 422 and "https://" in words(wrong)
    organizer.post(address, data={**fields(organizer, address), "website": "https://casa.example"})
    assert sql("SELECT website, country FROM organization WHERE slug = 'casa-esperanza'") == [
        ("https://casa.example", "US")
    ]


def test_a_lead_sees_their_own_organization_and_makes_its_codes(
    app: Flask, staff: Any, sql: Any
) -> None:
    with app.app_context():
        mine, other = an_organization("Mine"), an_organization("Other")
        a_campaign()
    lead = staff("lead", organization_id=mine)
    answer = lead.get("/desk/organizations/")
    assert answer.status_code == 302 and answer.headers["Location"] == f"/desk/organizations/{mine}"
    assert lead.get(f"/desk/organizations/{other}").status_code == 403
    assert lead.get(f"/desk/organizations/{mine}/edit").status_code == 403
    home = f"/desk/organizations/{mine}"
    assert press(lead, f"/desk/organizations/{other}/codes", home, code="stolen").status_code == 403
    assert (
        press(lead, f"{home}/codes", home, code="our-supper", note="Parish supper").status_code
        == 302
    )
    assert "http://campaign.example/c/test?source=our-supper" in words(lead.get(home))
    for code, said in (
        ("our-supper", "in use"),
        ("website", "in use"),
        ("Not A Code", "lower-case"),
    ):
        refused = press(lead, f"{home}/codes", home, code=code)
        assert refused.status_code == 422 and said in words(refused)
    assert sql("SELECT code, organization_id FROM source_code") == [("our-supper", mine)]
