"""What the endorsements' tests share: a campaign with two petitions, the form as a visitor fills it in, the link."""

import re
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient

from tests.mailbox import Mailbox
from tests.working import a_campaign

FILLED = {
    "organization_name": "The Harbor Light Project, Inc.",
    "organization_kind": "state",
    "website": "harbor-light.example",
    "signer_name": "Ana Ortiz",
    "signer_title": "Executive Director",
    "signer_email": "ana@harbor-light.example",
}


def a_petition(campaign_id: int, slug: str, position: int = 0) -> int:
    """A petition with one published version."""
    from campaign.extensions import db
    from campaign.petitions.models import Petition, PetitionVersion

    petition = Petition(campaign_id=campaign_id, slug=slug, agency=slug.upper(), position=position)
    db.session.add(petition)
    db.session.flush()
    db.session.add(
        PetitionVersion(
            petition_id=petition.id,
            number=1,
            title={"en": f"Petition to {slug.upper()}", "es": f"Petición a {slug.upper()}"},
            summary={"en": "Short"},
            body={"en": "Long"},
            published_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )
    db.session.commit()
    return petition.id


def two_petitions(slug: str = "test", **changes: object) -> int:
    """A campaign's number; it has the petitions dhs and doj."""
    campaign_id = a_campaign(slug, **changes)
    a_petition(campaign_id, "dhs", 0)
    a_petition(campaign_id, "doj", 1)
    return campaign_id


def form_token(html: str) -> str:
    """The page's form token."""
    found = re.search(r'name="form_token"[^>]*value="([^"]+)"', html)
    assert found, html
    return found.group(1)


def sign(client: FlaskClient, path: str = "/c/test/endorse", **changes: Any) -> Any:
    """Opens the form and sends it filled in; a value of None leaves a field out."""
    token = form_token(client.get(path).get_data(as_text=True))
    data = {**FILLED, "form_token": token, **changes}
    return client.post(path, data={k: v for k, v in data.items() if v is not None})


def confirm_link(smtp: Mailbox, address: str = FILLED["signer_email"]) -> str:
    """The path of the confirmation link that the address got last."""
    links = [link for link in smtp.to(address)[-1].links() if "/confirm/" in link]
    return links[0].removeprefix("http://campaign.example")


def sign_and_confirm(client: FlaskClient, smtp: Mailbox, deliver: Any, **changes: Any) -> str:
    """A signature that its signer has confirmed; the text of the page after it."""
    sign(client, **changes)
    deliver()
    link = confirm_link(smtp, changes.get("signer_email", FILLED["signer_email"]))
    return client.post(link).get_data(as_text=True)
