"""An instance of its own, with its supporters and an alert to send to them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

# So long that a message is as large as smtp-source's, whose header comes on top of its 8,000 bytes.
PARAGRAPH = (
    "The rule that we ask for would let a person see what is held against them before they answer it, with "
    "time to find someone who can help them answer. Two agencies can make it, and both have said that they "
    "listen to letters in their writers' own words."
)


@contextlib.contextmanager
def instance(sink_port: int) -> Iterator[Any]:
    """An instance of its own, with real engines that write to disk as in production."""
    from campaign import config, create_app, engines
    from campaign.cli import database
    from campaign.extensions import db
    from campaign.mail import settings

    with engines.temporary(fsync=True) as urls, tempfile.TemporaryDirectory() as data:
        os.environ.update(
            DATABASE_URL=urls.database_url,
            REDIS_URL=urls.redis_url,
            SECRET_KEY="only for this benchmark",
            SITE_URL="https://act.coalition.example",
            DATA=data,
            MAIL_SERVER="127.0.0.1",
            MAIL_PORT=str(sink_port),
            MAIL_DEFAULT_SENDER="us@coalition.example",
        )
        app = create_app(config.load(os.environ))
        with app.app_context():
            database.upgrade()
            settings.set_delivery("live", by="bench")
            db.session.commit()
            yield app
            db.session.remove()
            db.engine.dispose()


def an_audience(app: Any, n: int) -> int:
    """``n`` supporters who agreed to hear from an organization, and its alert; returns the alert's number."""
    from sqlalchemy import text

    from campaign.alerts import commands
    from campaign.clock import utcnow
    from campaign.coalition.models import Campaign, Organization
    from campaign.extensions import db

    now = utcnow()
    organization = Organization(
        slug="bench", name="Bench Coalition", kind="national", created_at=now
    )
    db.session.add(organization)
    db.session.flush()
    texts = {key: {"en": key.title()} for key in ("title", "tagline", "summary", "body")}
    campaign = Campaign(
        slug="bench", lead_organization_id=organization.id, languages=["en"], goal=1000,
        opens_at=now - timedelta(days=1), closes_at=None, created_at=now, **texts,
    )  # fmt: skip
    db.session.add(campaign)
    db.session.flush()
    values = {"n": n, "now": now, "organization": organization.id, "campaign": campaign.id}
    for statement in (
        "INSERT INTO supporter (email, given_name, family_name, state, language, created_at, confirmed_at) "
        "SELECT 'r' || i || '@d' || i % 500 || '.example', 'Name' || i, 'Family', 'IL', 'en', :now, :now "
        "FROM generate_series(1, :n) i",
        "INSERT INTO consent (supporter_id, organization_id, given_at) SELECT id, :organization, :now FROM supporter",
        "INSERT INTO campaign_supporter (campaign_id, supporter_id, joined_at) SELECT :campaign, id, :now FROM supporter",
    ):
        db.session.execute(text(statement), values)
    db.session.commit()
    for table in ("supporter", "consent", "campaign_supporter"):
        db.session.execute(text(f"ANALYZE {table}"))
    db.session.commit()
    body = "\n\n".join(
        [
            'Dear {{ given_name | default("friend", true) }},',
            f"**{PARAGRAPH}**",
            "[Write to both agencies]({{ action_url }})",
            *[PARAGRAPH] * 3,
            "- One letter\n- Two agencies\n- Your own words",
            "[Write now]({{ action_url }})",
        ]
    )
    words = {
        "name": "bench", "subject": {"en": "{{ given_name }}, two agencies are listening"},
        "body": {"en": body}, "audience": {},
    }  # fmt: skip
    return commands.create(campaign.id, organization.id, words).id
