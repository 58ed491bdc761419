"""What the tests of supporters share: a campaign, and people who go through its pages."""

import re
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.mailbox import Mailbox
from tests.working import a_campaign


@pytest.fixture
def campaign(app_context: Flask) -> int:
    """An open campaign at /c/test, led by Test Coalition."""
    return a_campaign()


@pytest.fixture
def sign_up(client: FlaskClient) -> Callable[..., TestResponse]:
    """Opens the form and sends it: ``sign_up("a@b.example", consent="y", prefix="/es")``."""

    def send(
        email: str = "ana@mail.example", prefix: str = "", query: str = "", **fields: str
    ) -> TestResponse:
        page = client.get(f"{prefix}/c/test/signup{query}")
        typed = {
            "email": email,
            "given_name": "Ana",
            "family_name": "Ruiz",
            "postal_code": "60608",
            **hidden(page),
            **fields,
        }
        return client.post(f"{prefix}/c/test/signup", data=typed)

    return send


@pytest.fixture
def mailed(smtp: Mailbox, deliver: Callable[[], None]) -> Callable[..., str]:
    """Delivers, and returns the path of the link in the newest mail to the address."""

    def go(email: str = "ana@mail.example") -> str:
        deliver()
        return path(link(smtp, email))

    return go


@pytest.fixture
def confirmed(
    sign_up: Callable[..., TestResponse],
    client: FlaskClient,
    mailed: Callable[..., str],
    deliver: Callable[[], None],
) -> Callable[..., str]:
    """Signs up, follows the mailed link and presses the button; returns the path of the own page."""

    def go(email: str = "ana@mail.example", **fields: str) -> str:
        assert sign_up(email, **fields).status_code == 200
        page = client.post(mailed(email))
        assert page.status_code == 200
        found = re.search(r'href="([^"]*/me/[^"]+)"', page.text)
        assert found, page.text
        deliver()
        return found[1]

    return go


def hidden(page: TestResponse) -> dict[str, str]:
    """The hidden fields of the page's form."""
    soup = BeautifulSoup(page.text, "html.parser")
    return {field["name"]: field["value"] for field in soup.select("form input[type=hidden]")}


def link(mailbox: Mailbox, address: str) -> str:
    """The link in the newest mail to the address."""
    mails = mailbox.to(address)
    assert mails, f"no mail came for {address}"
    return next(url for url in mails[-1].links() if "/confirm/" in url)


def path(url: str) -> str:
    """The address without the site."""
    return url.removeprefix("http://campaign.example")


def text_of(page: TestResponse) -> str:
    """The page's text, white space squeezed."""
    soup = BeautifulSoup(page.text, "html.parser")
    return " ".join(soup.get_text(" ").split())
