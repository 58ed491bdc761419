"""What everyone sees of campaigns: honest numbers, both languages, no cookie, a fixed number of reads."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from campaign.clock import utcnow
from tests.working import a_campaign


def words(answer: Any) -> str:
    return " ".join(
        BeautifulSoup(answer.get_data(as_text=True), "html.parser").get_text(" ").split()
    )


@contextlib.contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    from campaign.extensions import db

    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_the_campaign_page_says_what_of_whom_by_whom_and_how_many(
    demo: Flask, client: FlaskClient
) -> None:
    answer = client.get("/c/wait-in-freedom")
    text = words(answer)
    assert answer.status_code == 200
    assert "Let people seeking asylum wait in freedom" in text
    assert (
        "Janet Napolitano" in text
        and "Director of the Executive Office for Immigration Review" in text
    )
    assert "co-signers 31" in text and "supporters 40" in text
    assert "U.S. Department of Homeland Security" in text
    assert "Both petitions are filed" in text
    assert "National Immigrant Justice Center leads this coalition" in text
    assert text.index("The Advocates for Human Rights") < text.index("American Gateways")
    assert "This campaign is a demonstration" in text
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    assert (
        page.select_one("link[rel=canonical]")["href"]
        == "http://campaign.example/c/wait-in-freedom"
    )
    assert page.select_one("meta[property='og:title']")["content"].startswith("Let people")
    for door in ("letter", "signup", "endorse"):
        assert page.select_one(f"a[href='/c/wait-in-freedom/{door}']")


def test_public_pages_may_be_cached_and_set_no_cookie(demo: Flask, client: FlaskClient) -> None:
    for address in (
        "/", "/c/wait-in-freedom", "/c/wait-in-freedom/updates", "/privacy", "/robots.txt", "/sitemap.xml",
        "/c/wait-in-freedom/updates/2026-09-15-petitions-filed", "/c/wait-in-freedom/petitions/dhs",
        "/c/wait-in-freedom/updates.atom",
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "public" in answer.headers["Cache-Control"], address
        assert "Set-Cookie" not in answer.headers, address
        assert "Cookie" not in answer.headers.get("Vary", ""), address


def test_spanish(demo: Flask, client: FlaskClient) -> None:
    answer = client.get("/es/c/wait-in-freedom")
    text = words(answer)
    assert "Que quienes piden asilo puedan esperar en libertad" in text
    assert "Departamento de Seguridad Nacional" in text
    assert "Las dos peticiones están presentadas" in text
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    assert page.html["lang"] == "es"
    assert page.select_one("a[href='/es/c/wait-in-freedom/letter']")
    assert page.select_one("link[rel=alternate][hreflang=en]")["href"] == "/c/wait-in-freedom"


def test_a_campaign_without_spanish_leads_to_english(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        a_campaign(languages=["en"])
    answer = client.get("/es/c/test")
    assert answer.status_code == 302 and answer.headers["Location"] == "/c/test"
    assert "Español" not in words(client.get("/c/test"))


def test_the_page_costs_the_same_with_many_co_signers(
    demo: Flask, client: FlaskClient, sql: Any
) -> None:
    client.get("/c/wait-in-freedom")
    with statements(demo) as few:
        client.get("/c/wait-in-freedom")
    sql(
        "INSERT INTO organization (slug, name, kind, website, country, contact_name, contact_email, created_at) "
        "SELECT 'more-' || n, 'More ' || n, 'local', '', 'US', '', '', now() FROM generate_series(1, 3000) n"
    )
    sql(
        "INSERT INTO cosigner (campaign_id, organization_id, name, name_key, kind, title, website, position, petition_ids) "
        "SELECT 1, o.id, o.name, o.slug, 'local', '', '', 1000, ARRAY[1, 2] FROM organization o WHERE slug ~ '^more-'"
    )
    with statements(demo) as many:
        answer = client.get("/c/wait-in-freedom")
    assert len(many) == len(few) <= 12
    assert not any("count(" in one.lower() for one in many)
    assert (
        len(BeautifulSoup(answer.get_data(as_text=True), "html.parser").select("ol.signers li"))
        == 40
    )


def test_before_it_opens_and_after_it_closes_the_page_says_so(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        a_campaign("coming", opens_at=utcnow() + timedelta(days=9))
        a_campaign(
            "over", opens_at=utcnow() - timedelta(days=9), closes_at=utcnow() - timedelta(days=1)
        )
    for slug, said in (("coming", "opens on"), ("over", "ended on")):
        answer = client.get(f"/c/{slug}")
        assert said in words(answer)
        assert f"/c/{slug}/letter" not in answer.get_data(as_text=True)
    assert "opens on" in words(client.get("/")) and "closed on" in words(client.get("/"))


def test_a_draft_is_nobodys_business(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        a_campaign("secret", published=False, accent="#aa2200")
    for address in (
        "/c/secret",
        "/c/secret/updates",
        "/c/secret/theme.css",
        "/es/c/secret",
        "/c/secret/updates.atom",
    ):
        assert client.get(address).status_code == 404
    for address in ("/", "/sitemap.xml"):
        assert "secret" not in client.get(address).get_data(as_text=True)


def test_the_source_code_goes_along_to_the_forms(demo: Flask, client: FlaskClient) -> None:
    page = client.get("/c/wait-in-freedom?source=nijc-letter").get_data(as_text=True)
    assert "/c/wait-in-freedom/letter?source=nijc-letter" in page
    assert "<script" not in client.get("/c/wait-in-freedom?source=%22%3E%3Cscript%3E").get_data(
        as_text=True
    )


def test_the_accent_is_a_sheet_of_its_own(demo: Flask, client: FlaskClient) -> None:
    page = BeautifulSoup(client.get("/c/wait-in-freedom").get_data(as_text=True), "html.parser")
    address = page.select("link[rel=stylesheet]")[-1]["href"]
    sheet = client.get(address)
    assert sheet.mimetype == "text/css" and "--accent-light:#1d5b5e" in sheet.get_data(as_text=True)
    assert "immutable" in sheet.headers["Cache-Control"]
    assert (
        "immutable"
        not in client.get("/c/wait-in-freedom/theme.css?v=000000").headers["Cache-Control"]
    )


def test_news(demo: Flask, client: FlaskClient) -> None:
    text = words(client.get("/c/wait-in-freedom/updates/2026-09-15-petitions-filed"))
    assert "September 15, 2026" in text and "write rules that can be enforced" in text
    assert "15 de septiembre de 2026" in words(client.get("/es/c/wait-in-freedom/updates"))
    assert client.get("/c/wait-in-freedom/updates/nothing").status_code == 404
    feed = client.get("/c/wait-in-freedom/updates.atom")
    atom = "{http://www.w3.org/2005/Atom}"
    titles = ElementTree.fromstring(feed.data).findall(f"{atom}entry/{atom}title")
    assert [one.text for one in titles] == ["Both petitions are filed"]
    assert feed.mimetype == "application/atom+xml"


def test_news_goes_on_behind_twenty(app: Flask, client: FlaskClient, sql: Any) -> None:
    with app.app_context():
        number = a_campaign()
    sql(
        "INSERT INTO \"update\" (campaign_id, slug, title, body, published_at) SELECT %s, 'n-' || n, "
        "jsonb_build_object('en', 'News ' || n), '{\"en\": \"x\"}', now() - n * interval '1 minute' FROM generate_series(1, 45) n",
        number,
    )
    seen: list[str] = []
    address: str | None = "/c/test/updates"
    while address:
        page = BeautifulSoup(client.get(address).get_data(as_text=True), "html.parser")
        seen += [one.get_text() for one in page.select("ol.news a")]
        more = page.select_one("a[rel=next]")
        address = more["href"] if more else None
    assert seen == [f"News {n}" for n in range(1, 46)]


def test_robots_and_sitemap(demo: Flask, client: FlaskClient) -> None:
    robots = client.get("/robots.txt").get_data(as_text=True)
    assert "Disallow: /desk/" in robots and "Sitemap: http://campaign.example/sitemap.xml" in robots
    sitemap = client.get("/sitemap.xml").get_data(as_text=True)
    for address in (
        "/c/wait-in-freedom<",
        "/es/c/wait-in-freedom/petitions/doj<",
        "/updates/2026-09-15-petitions-filed<",
    ):
        assert address in sitemap


@pytest.mark.parametrize("slug", ["nothing", "..", "%00", "WAIT-IN-FREEDOM"])
def test_an_unknown_campaign_is_a_404_page(slug: str, demo: Flask, client: FlaskClient) -> None:
    assert client.get(f"/c/{slug}").status_code == 404
