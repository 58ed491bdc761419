"""A campaign that takes letters, and as many rows as a large one has."""

import re
from typing import Any

BODY = " ".join(
    [
        "I am writing because my grandmother waited two years behind a locked door before a judge heard her."
    ]
    * 8
)


def filled(page: str) -> dict[str, str]:
    """The letter form of an opened page, filled in but for the address."""
    token = re.search(r'name="form_token"[^>]*value="([^"]+)"', page)
    assert token
    return {
        "form_token": token[1], "given_name": "Ana", "family_name": "Ruiz", "postal_code": "60604",
        "subject": "Please let people wait in freedom", "body": BODY,
    }  # fmt: skip


def arrange() -> None:
    """A campaign with four offices and a template."""
    from datetime import time as clock

    from campaign.extensions import db
    from campaign.letters import suggesting
    from campaign.offices import choosing
    from campaign.offices import commands as offices
    from tests.working import a_campaign

    campaign_id = a_campaign("bench")
    for number in range(4):
        fields = {
            "agency": "DOT", "role": f"Office {number}", "email": f"o{number}@office.example", "salutation": "",
            "channel": "email", "timezone": "UTC", "opens": clock(0), "closes": clock(0), "days": [1], "per_hour": 60,
        }  # fmt: skip
        target = offices.make_in_transaction(fields)
        choosing.join_in_transaction(campaign_id, [target.id])
    texts = {
        "subject": {"en": "A subject"},
        "body": {"en": "Suggested words for whoever writes. " * 20},
    }
    suggesting.save(campaign_id, "DOT", {**texts, "request": {}, "salutation": {}, "prompts": {}})
    db.session.commit()


def fill(app: Any) -> None:
    """A million supporters, as many letters, and three million deliveries."""
    from sqlalchemy import text

    from campaign.extensions import db

    with app.app_context():
        run = db.session.execute
        run(text("SET LOCAL synchronous_commit = off"))
        run(
            text(
                "INSERT INTO supporter (email, created_at) SELECT 'many' || n || '@people.example', now() FROM generate_series(1, 1000000) n"
            )
        )
        run(
            text(
                "INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name,"
                " postal_code, subject, body, created_at, confirmed_at) SELECT 1, id, 'many' || id, 'confirmed', 'en', 'A', 'B',"
                " '60604', 'Subject', :body, now(), now() FROM supporter WHERE email LIKE 'many%'"
            ),
            {"body": BODY},
        )
        run(
            text(
                "INSERT INTO delivery (letter_id, target_id, campaign_id, state) SELECT l.id, t.id, 1, 'sent'"
                " FROM letter l CROSS JOIN (SELECT id FROM target ORDER BY id LIMIT 3) t WHERE l.submission LIKE 'many%'"
            )
        )
        db.session.commit()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
