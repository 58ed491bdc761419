"""The capture inbox: a newcomer reads the confirmation mail there and follows its link."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.letters.conftest import Writer
from tests.working import csrf_token

ADDRESS = "ana@people.example"


@pytest.fixture
def captured(demo: Flask, client: FlaskClient, deliver: Any) -> None:
    """Two people have written, and their confirmation mails are in the inbox."""
    for email in (ADDRESS, "ben@people.example"):
        assert Writer(client, "wait-in-freedom").send(email).status_code == 303
    deliver()


def first_message(me: FlaskClient, to: str = ADDRESS) -> str:
    """The address of the newest message to ``to``, found as a person would."""
    page = me.get(f"/desk/inbox?to={to}").get_data(as_text=True)
    (path,) = re.findall(r'href="(/desk/inbox/\d+)"', page)
    return str(path)


def test_the_path_of_a_newcomer(captured: None, staff: Any, client: FlaskClient) -> None:
    me = staff("organizer")
    home = me.get("/desk/").get_data(as_text=True)
    assert "Mail is being captured" in home
    assert 'href="/desk/inbox"' in home
    everything = me.get("/desk/inbox").get_data(as_text=True)
    assert ADDRESS in everything and "ben@people.example" in everything
    message = me.get(first_message(me)).get_data(as_text=True)
    links = re.findall(
        r'<a href="(http://campaign\.example/confirm/[^"]+)" target="_blank"', message
    )
    assert len(links) == 1, "the text is shown first, with its link to follow"
    page = client.get(links[0].removeprefix("http://campaign.example"))
    assert page.status_code == 200


def test_the_html_can_do_nothing(captured: None, staff: Any) -> None:
    me = staff("organizer")
    path = first_message(me)
    page = me.get(f"{path}?view=html")
    assert f'<iframe class="mail-frame" sandbox src="{path}/html"' in page.get_data(as_text=True)
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    inside = me.get(f"{path}/html")
    assert inside.headers["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    )
    assert "<html" in inside.get_data(as_text=True)


def test_source_and_download_are_the_message_as_it_would_have_left(
    captured: None, staff: Any
) -> None:
    me = staff("organizer")
    path = first_message(me)
    source = me.get(f"{path}?view=source").get_data(as_text=True)
    assert f"To: {ADDRESS}" in source and "Message-ID: &lt;" in source
    eml = me.get(f"{path}.eml")
    assert eml.mimetype == "message/rfc822"
    assert "attachment" in eml.headers["Content-Disposition"]
    assert b"\r\nMIME-Version: 1.0\r\n" in eml.data


def test_links_elsewhere_and_markup_stay_text(app: Flask) -> None:
    from campaign.mail.inbox import own_links, with_links

    text = 'See https://evil.example/x and <script>x</script> http://campaign.example.evil.example/ "http://campaign.example/a?b=1&c=2".'
    with app.app_context():
        html = str(with_links(text))
        assert own_links(text) == ["http://campaign.example/a?b=1&c=2"]
    assert html.count("<a ") == 1
    assert 'href="http://campaign.example/a?b=1&amp;c=2"' in html
    assert "<script>" not in html


def test_clearing_throws_the_messages_away_and_keeps_the_ledger(
    captured: None, staff: Any, sql: Any
) -> None:
    me = staff("organizer")
    token = csrf_token(me.get("/desk/inbox").get_data(as_text=True))
    done = me.post("/desk/inbox/clear", data={"csrf_token": token}, follow_redirects=True)
    assert "2 messages are thrown away." in done.get_data(as_text=True)
    assert "No mail yet" in done.get_data(as_text=True)
    assert sql("SELECT count(*) FROM captured_message") == [(0,)]
    assert sql("SELECT state, count(*) FROM message GROUP BY 1") == [("sent", 2)]


def test_a_long_inbox_is_paged_by_key(captured: None, staff: Any, sql: Any) -> None:
    sql(
        "INSERT INTO captured_message (message_id, at, envelope_from, envelope_to, subject, raw) "
        "SELECT (SELECT min(id) FROM message), now(), 'c@x.example', 'p' || n || '@people.example', 'No ' || n, "
        "'Subject: x' FROM generate_series(1, 120) n"
    )
    me = staff("organizer")
    first = me.get("/desk/inbox").get_data(as_text=True)
    assert "No 120" in first and "No 70<" not in first
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found
    second = me.get(found[1].replace("&amp;", "&")).get_data(as_text=True)
    assert "No 70<" in second and "No 120" not in second
