"""People to write to, and an organizer who writes."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.working import a_campaign, an_organization, csrf_token

TEXTS = {
    "name": "First week",
    "subject_en": "Will you write, {{ given_name | default('friend', true) }}?",
    "preheader_en": "A few lines will do.",
    "body_en": "Dear {{ given_name | default('friend', true) }},\n\n[Write now]({{ action_url }})\n\n*We*",
    "subject_es": "¿Escribirá usted?",
    "body_es": "Estimada {{ given_name }}:\n\n[Escribir ahora]({{ action_url }})",
    "scope": "campaign",
    "wrote": "no",
}


@pytest.fixture
def campaign_id(app: Flask) -> int:
    """An open campaign of a coalition that has said where it is."""
    from campaign.web.frame import Site, save_site

    with app.app_context():
        save_site(Site(postal_address="1 Example Street"), "test")
        return a_campaign()


@pytest.fixture
def person(app: Flask, campaign_id: int) -> Callable[..., int]:
    """Makes a confirmed supporter of the campaign who agreed to hear from its lead: ``person("Ana")``."""

    def make(
        name: str, *, language: str = "en", postal_code: str = "60601", consents: bool = True
    ) -> int:
        from campaign.extensions import db
        from campaign.supporters import commands

        with app.app_context():
            supporter_id = commands.ensure_supporter_in_transaction(
                f"{name.strip('<b>').lower()}@people.example", language
            )
            commands.confirm_person_in_transaction(
                supporter_id,
                commands.Person(name, "Rivera", postal_code, language),
                [commands.Agreement(an_organization(), "yes")] if consents else [],
                campaign_id=campaign_id,
            )
            db.session.commit()
            return supporter_id

    return make


class Organizer:
    """Someone at the desk who writes alerts, through its pages."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def post(self, path: str, page: str | None = None, **values: Any) -> Any:
        """Opens ``page`` (default: the path itself), fills in, presses the button."""
        html = self.client.get(page or path).get_data(as_text=True)
        return self.client.post(path, data={**values, "csrf_token": csrf_token(html)})

    def write(self, **changes: Any) -> str:
        """Writes an alert; its page's path."""
        answer = self.post("/desk/alerts/new?campaign=test", **{**TEXTS, **changes})
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return str(answer.location)

    def do(self, alert: str, act: str, **values: Any) -> Any:
        """Presses a button on the alert's page."""
        return self.post(f"{alert}/{act}", alert, **values)

    def page(self, alert: str) -> str:
        """The alert's page."""
        answer = self.client.get(alert)
        assert answer.status_code == 200
        return answer.get_data(as_text=True)


@pytest.fixture
def organizer(staff: Callable[..., FlaskClient], campaign_id: int) -> Organizer:
    """A signed-in organizer."""
    return Organizer(staff("organizer"))
