"""What the letters' tests share: an open office, and a visitor who writes through the form."""

import re
from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

BODY = (
    "I am writing because my grandmother waited two years behind a locked door before a judge heard her. "
    "Nobody should have to prepare a case from a cell.\n\nPlease let people wait in freedom."
)


def form_token(html: str) -> str:
    """The token that a page's public form carries."""
    found = re.search(r'name="form_token"[^>]*value="([^"]+)"', html)
    assert found, "the page has no form_token"
    return found[1]


def text_of(mail: Any) -> str:
    """A message's plain text with Unix line ends."""
    return str(mail.text()).replace("\r\n", "\n")


class Writer:
    """A visitor of one campaign's letter form."""

    def __init__(self, client: FlaskClient, slug: str = "test") -> None:
        self.client = client
        self.slug = slug

    def open(self, query: str = "", language: str = "") -> str:
        """The form as it opens."""
        answer = self.client.get(f"{language}/c/{self.slug}/letter{query}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def send(self, email: str = "ana@people.example", language: str = "", **changes: Any) -> Any:
        """Sends the form; ``token`` re-uses one opening of it."""
        token = changes.pop("token", None) or form_token(self.open(language=language))
        data = {
            "form_token": token, "email": email, "given_name": "Ana", "family_name": "Ruiz",
            "postal_code": "60604", "subject": "Please let people wait in freedom", "body": BODY,
            "action": "send", **changes,
        }  # fmt: skip
        return self.client.post(f"{language}/c/{self.slug}/letter", data=data)


@pytest.fixture
def office(app: Flask) -> Callable[..., int]:
    """Makes an office that never closes, unless told otherwise; returns its number."""

    def make(role: str = "Secretary of Tests", campaign: str = "test", **changes: Any) -> int:
        from campaign.coalition.queries import campaign_by_slug
        from campaign.extensions import db
        from campaign.offices import choosing, commands

        fields = {
            "agency": "DOT", "role": role, "email": f"{role.split()[0].lower()}@dot.example",
            "salutation": "Dear Secretary {surname}", "channel": "email", "timezone": "America/New_York",
            "opens": time(0), "closes": time(0), "days": [1, 2, 3, 4, 5, 6, 7], "per_hour": None, **changes,
        }  # fmt: skip
        with app.app_context():
            target = commands.make_in_transaction(fields)
            found = campaign_by_slug(campaign)
            assert found
            choosing.join_in_transaction(found.id, [target.id])
            db.session.commit()
            return target.id

    return make


@pytest.fixture
def campaign_id(app: Flask) -> int:
    """An open campaign with the slug ``test``."""
    from tests.working import a_campaign

    with app.app_context():
        return a_campaign()


@pytest.fixture
def writer(client: FlaskClient, campaign_id: int, office: Callable[..., int]) -> Writer:
    """A writer of the campaign ``test``, which has one office, held by Carlos Del Toro."""
    from datetime import date

    from campaign.offices import commands

    target_id = office()
    with client.application.app_context():
        commands.set_holder(target_id, "Del Toro, Carlos", date(2020, 1, 1))
    return Writer(client)


@pytest.fixture
def confirm(client: FlaskClient, smtp: Any, deliver: Callable[[], None]) -> Callable[..., Any]:
    """Follows the link in the newest mail to an address and presses the button there."""

    def run(address: str = "ana@people.example", **data: Any) -> Any:
        deliver()
        links = [link for link in smtp.to(address)[-1].links() if "/confirm/" in link]
        path = "/" + links[0].split("://", 1)[1].partition("/")[2]
        assert client.get(path).status_code == 200
        return client.post(path, data=data)

    return run


@pytest.fixture
def letters(app: Any, campaign_id: int) -> Any:
    """Confirmed letters of so many people, straight through the commands; each letter's number is ``first`` and up."""

    def make(n: int, first: int = 1, slug: str = "test") -> None:
        from campaign.coalition.queries import campaign_by_slug
        from campaign.extensions import db
        from campaign.letters import commands, confirming

        with app.app_context():
            campaign = campaign_by_slug(slug)
            assert campaign
            for i in range(first, first + n):
                words = commands.Words(
                    f"Writer{i}",
                    "Ruiz",
                    "60604",
                    f"Letter number {i}",
                    f"{BODY} These are my words, number {i}.",
                    "en",
                )
                door = commands.Doorway(campaign.id, campaign.slug)
                commands.write_letter(door, f"w{i}@people.example", words, f"nonce{i}")
                confirming.confirm_in_transaction(i)
                db.session.commit()

    return make


def wait_all(sql: Any) -> None:
    """Offices that take nothing now: paused."""
    sql("UPDATE target SET paused = true")


def own_page(answer: Any) -> str:
    found = re.search(r'href="([^"]*/me/[^"]+)"', answer.get_data(as_text=True))
    assert found
    return found[1].split("#")[0]
